"""Who may do what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.errors import SlackUnavailable
from bot.slack.messenger import Identity, Messenger
from bot.slack.people import CACHE_SECONDS, People, Role, owning_channels
from tests.factories.rows import ANNA, HELP, LENA, LOGIN, TEAM, category_view
from tests.factories.slack_api import SlackApi, error, ok, slack_api


def grid(enterprise: str, *teams: str) -> dict[str, Any]:
    """What Slack adds on Enterprise Grid."""
    return {"enterprise_user": {"enterprise_id": enterprise, "teams": list(teams)}}


US = Identity(TEAM, "U0FPOST", "B0FPOST", "https://acme.slack.com/", "E0ACME")


def person(**flags: Any) -> dict[str, Any]:
    """An answer of users.info about somebody of ours."""
    return ok(user={"team_id": TEAM, **flags})


@pytest.fixture
async def api() -> AsyncIterator[SlackApi]:
    async with slack_api() as served:
        yield served


@pytest.mark.parametrize(
    ("flags", "role"),
    [
        ({}, Role.STAFF),
        ({"is_admin": True}, Role.ADMIN),
        ({"is_owner": True}, Role.ADMIN),
        ({"is_primary_owner": True}, Role.ADMIN),
        ({"is_bot": True}, Role.OUTSIDER),
        ({"deleted": True}, Role.OUTSIDER),
        ({"is_restricted": True}, Role.OUTSIDER),
        ({"is_restricted": True, "is_ultra_restricted": True}, Role.OUTSIDER),
        ({"is_stranger": True, "is_admin": True}, Role.OUTSIDER),
        ({"id": "USLACKBOT"}, Role.OUTSIDER),
        ({"team_id": "T0PARTNER"}, Role.OUTSIDER),  # Slack leaves is_stranger out where we see their channel
        ({"team_id": "T0PARTNER", "is_admin": True, "is_owner": True}, Role.OUTSIDER),
        ({"team_id": None}, Role.OUTSIDER),
        (grid("E0ACME", "T0OTHER", TEAM), Role.STAFF),
        (grid("E0ACME", "T0OTHER", TEAM) | {"team_id": "T0OTHER", "is_admin": True}, Role.ADMIN),
        (grid("E0ACME", "T0OTHER"), Role.OUTSIDER),  # a colleague of another workspace of our organisation
        (grid("E0PARTNER", TEAM), Role.OUTSIDER),
        (grid("E0ACME"), Role.STAFF),
    ],
    ids=str,
)
async def test_roles_come_from_slacks_flags(api: SlackApi, flags: dict[str, Any], role: Role):
    api.script("users.info", person(**{"id": LENA, **flags}))
    assert await People(Messenger(api.client()), US).role(LENA) is role


async def test_a_list_of_admins_replaces_the_workspaces_own(api: SlackApi):
    api.script("users.info", person(is_admin=True))
    people = People(Messenger(api.client()), US, admins=[LENA])
    assert await people.role(LENA) is Role.ADMIN
    assert await people.role(ANNA) is Role.STAFF


async def test_a_guest_on_the_list_stays_a_guest(api: SlackApi):
    api.script("users.info", person(is_restricted=True))
    assert await People(Messenger(api.client()), US, admins=[LENA]).role(LENA) is Role.OUTSIDER


async def test_a_role_is_remembered_for_five_minutes(api: SlackApi):
    now = 0.0
    api.script("users.info", person(is_admin=True), person())
    people = People(Messenger(api.client()), US, monotonic=lambda: now)
    assert await people.role(LENA) is Role.ADMIN
    now = CACHE_SECONDS - 0.1
    assert await people.role(LENA) is Role.ADMIN
    now = CACHE_SECONDS
    assert await people.role(LENA) is Role.STAFF
    assert len(api.named("users.info")) == 2


@pytest.mark.parametrize("code", ["user_not_found", "user_not_visible"])
async def test_whom_slack_does_not_know_here_is_nobody_of_ours(api: SlackApi, code: str):
    api.script("users.info", error(code))
    assert await People(Messenger(api.client()), US, admins=[LENA]).role(LENA) is Role.OUTSIDER


async def test_a_stranger_on_the_list_of_admins_stays_outside(api: SlackApi):
    api.script("users.info", person(team_id="T0PARTNER"))
    assert await People(Messenger(api.client()), US, admins=[LENA]).role(LENA) is Role.OUTSIDER


async def test_a_failed_look_up_is_no_role_and_is_not_remembered(api: SlackApi):
    api.script("users.info", error("internal_error"), person())
    people = People(Messenger(api.client()), US)
    with pytest.raises(SlackUnavailable):
        await people.role(LENA)
    assert await people.role(LENA) is Role.STAFF


def test_the_support_channel_makes_nobody_an_owner():
    here = category_view("billing", destination_id=HELP)
    assert owning_channels((LOGIN, here), ("login", "billing", None), HELP) == {LOGIN.destination_id}
    assert owning_channels((LOGIN, here), (None,), HELP) == frozenset()
