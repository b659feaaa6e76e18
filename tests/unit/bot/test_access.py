"""What Slack said of channels counts for a while, and what it does not say is no."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.access import CACHE_SECONDS, LAST_SAID_SECONDS, PAUSE_SECONDS, Access
from bot.errors import NotAllowed, SlackUnavailable, UnknownMessage
from bot.rights import RIGHTS, Deed, Reach, reach, rights_table
from bot.slack.messenger import Identity
from bot.slack.people import Role
from bot.tickets.label_files import IMPORTED
from tests.factories.rows import ANNA, HELP, LENA, SAM, TEAM, ticket

GUEST, SECRET = "U0GUEST", "C0SECRET"


class Slack:
    """One public channel, one private one; counts what it is asked."""

    def __init__(self) -> None:
        self.private = {HELP: False, SECRET: True}
        self.members = {HELP: {SAM, GUEST}, SECRET: {SAM}}
        self.trouble: SlackUnavailable | None = None
        self.asked = 0

    async def is_private(self, channel: str) -> bool:
        self.asked += 1
        if self.trouble:
            raise self.trouble
        if channel not in self.private:
            raise SlackUnavailable("channel_not_found", permanent=True)
        return self.private[channel]

    async def is_member(self, channel: str, user_id: str) -> bool:
        self.asked += 1
        if self.trouble:
            raise self.trouble
        if channel not in self.members:
            raise SlackUnavailable("channel_not_found", permanent=True)
        return user_id in self.members[channel]

    async def role(self, user_id: str) -> Role:
        return {ANNA: Role.ADMIN, GUEST: Role.OUTSIDER}.get(user_id, Role.STAFF)


class Desk:
    def __init__(self) -> None:
        self.now = 0.0
        self.slack: Any = Slack()
        identity = Identity(TEAM, "U0FPOST", "B0FPOST", "")
        database: Any = None
        self.access = Access(database, self.slack, self.slack, identity, lambda: self.now)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize(
    ("user", "channel", "right"),
    [
        (LENA, HELP, True),
        (LENA, SECRET, False),
        (SAM, SECRET, True),
        (ANNA, SECRET, False),  # to administrate is not to read
        (GUEST, HELP, True),
        (GUEST, SECRET, False),
        (LENA, "C0GONE", False),
        (ANNA, IMPORTED, True),
        (LENA, IMPORTED, False),
        (GUEST, IMPORTED, False),
    ],
)
async def test_who_reads_a_channel(desk: Desk, user: str, channel: str, right: bool):
    assert await desk.access.may_read(user, channel) is right


async def test_outsiders_see_their_own_tickets_alone(desk: Desk):
    assert not await desk.access.may_see(GUEST, ticket(user_id=SAM))
    assert await desk.access.may_see(GUEST, ticket(user_id=GUEST))
    desk.slack.members[HELP].remove(GUEST)
    desk.now = CACHE_SECONDS
    assert not await desk.access.may_see(GUEST, ticket(user_id=GUEST))


async def test_another_workspaces_ticket_is_nobodys(desk: Desk):
    assert not await desk.access.may_see(ANNA, ticket(team_id="T0BETA"))


async def test_an_answer_is_remembered_for_a_minute_and_a_failure_is_not(desk: Desk):
    desk.slack.trouble = SlackUnavailable("internal_error")
    with pytest.raises(SlackUnavailable):
        await desk.access.may_read(LENA, SECRET)
    desk.slack.trouble, desk.slack.asked = None, 0
    for _ in range(3):
        assert not await desk.access.may_read(LENA, SECRET)
    assert desk.slack.asked == 2  # is it private, is she in it
    desk.now = CACHE_SECONDS
    desk.slack.members[SECRET].add(LENA)
    assert await desk.access.may_read(LENA, SECRET)


async def test_among_others_nothing_is_shown_of_which_slack_does_not_say(desk: Desk):
    tickets = [ticket(channel_id=HELP), ticket(channel_id=SECRET)]
    assert await desk.access.seen(SAM, tickets) == tickets
    assert await desk.access.seen(LENA, tickets) == tickets[:1]
    desk.now, desk.slack.trouble = CACHE_SECONDS, SlackUnavailable("internal_error")
    assert await desk.access.seen(SAM, tickets) == []


async def test_what_slack_said_last_of_a_channel_counts_for_an_hour(desk: Desk):
    assert not desk.access.is_open(HELP)
    await desk.access.look(HELP, SECRET)
    assert [desk.access.is_open(channel) for channel in (HELP, SECRET)] == [True, False]
    desk.slack.trouble = SlackUnavailable("no_answer")
    desk.now = LAST_SAID_SECONDS - 1
    await desk.access.look(HELP)
    assert desk.access.is_open(HELP)
    desk.now = LAST_SAID_SECONDS
    assert not desk.access.is_open(HELP)


async def test_a_look_that_fails_is_not_repeated_at_once(desk: Desk):
    desk.slack.trouble = SlackUnavailable("no_answer")
    for _ in range(5):
        await desk.access.look(HELP, SECRET)
    assert desk.slack.asked == 1
    desk.now, desk.slack.trouble = PAUSE_SECONDS, None
    await desk.access.look(HELP)
    assert desk.access.is_open(HELP)


async def test_a_channel_that_becomes_private_is_quoted_no_more(desk: Desk):
    await desk.access.look(HELP)
    desk.slack.private[HELP], desk.now = True, CACHE_SECONDS
    await desk.access.look(HELP)
    assert not desk.access.is_open(HELP)


async def test_a_deed_needs_the_right_and_the_sight(desk: Desk):
    await desk.access.require(Deed.SETTLE, SAM, ticket(channel_id=SECRET), Role.OWNER)
    for user, deed, where in (
        (SAM, Deed.SETTLE, SECRET),  # no owner
        (ANNA, Deed.SETTLE, SECRET),  # not in it
        (GUEST, Deed.LABEL, HELP),
        (LENA, Deed.EXPLAIN, SECRET),
    ):
        with pytest.raises(NotAllowed):
            await desk.access.require(deed, user, ticket(channel_id=where))


async def test_another_workspaces_payload_is_refused(desk: Desk):
    for payload in ({"team_id": "T0BETA"}, {"team_id": ""}, {}):
        with pytest.raises(NotAllowed):
            desk.access.require_ours(payload)
    with pytest.raises(UnknownMessage):
        await desk.access.pressed({"team_id": TEAM, "value": "no ticket"})


def test_every_right_of_the_table_is_for_every_role():
    assert set(RIGHTS) == set(Deed)
    for deed, right in RIGHTS.items():
        assert set(right.reach) == set(Role)
        refused = any(reach(deed, role) is Reach.NO for role in Role)
        assert right.refusal or not refused or deed is Deed.FIGURES


def test_the_documentation_shows_the_table():
    page = Path(__file__).parents[3] / "docs" / "roles.md"
    assert rights_table() in page.read_text(encoding="utf-8")
