"""Who may do what."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.errors import SlackUnavailable
from bot.slack.messenger import Messenger
from bot.slack.people import CACHE_SECONDS, People, Role, owning_channels
from tests.factories.rows import ANNA, HELP, LENA, LOGIN, category_view
from tests.factories.slack_api import SlackApi, error, ok, slack_api


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
    ],
    ids=str,
)
async def test_roles_come_from_slacks_flags(api: SlackApi, flags: dict[str, bool], role: Role):
    api.script("users.info", ok(user={"id": LENA, **flags}))
    assert await People(Messenger(api.client())).role(LENA) is role


async def test_a_list_of_admins_replaces_the_workspaces_own(api: SlackApi):
    api.script("users.info", ok(user={"is_admin": True}))
    people = People(Messenger(api.client()), admins=[LENA])
    assert await people.role(LENA) is Role.ADMIN
    assert await people.role(ANNA) is Role.STAFF


async def test_a_guest_on_the_list_stays_a_guest(api: SlackApi):
    api.script("users.info", ok(user={"is_restricted": True}))
    assert await People(Messenger(api.client()), admins=[LENA]).role(LENA) is Role.OUTSIDER


async def test_a_role_is_remembered_for_five_minutes(api: SlackApi):
    now = 0.0
    api.script("users.info", ok(user={"is_admin": True}), ok(user={}))
    people = People(Messenger(api.client()), monotonic=lambda: now)
    assert await people.role(LENA) is Role.ADMIN
    now = CACHE_SECONDS - 0.1
    assert await people.role(LENA) is Role.ADMIN
    now = CACHE_SECONDS
    assert await people.role(LENA) is Role.STAFF
    assert len(api.named("users.info")) == 2


async def test_a_failed_look_up_is_no_role_and_is_not_remembered(api: SlackApi):
    api.script("users.info", error("internal_error"), ok(user={}))
    people = People(Messenger(api.client()))
    with pytest.raises(SlackUnavailable):
        await people.role(LENA)
    assert await people.role(LENA) is Role.STAFF


async def test_a_member_of_an_owning_teams_channel_owns(api: SlackApi):
    api.script("users.info", ok(user={}))
    api.script("conversations.members", ok(members=[ANNA, LENA]))
    people = People(Messenger(api.client()))
    assert await people.role_towards(LENA, {"C0BILLING"}) is Role.OWNER
    assert await people.role_towards(LENA, {"C0BILLING"}) is Role.OWNER
    assert await people.role_towards(LENA, set()) is Role.STAFF
    assert len(api.named("conversations.members")) == 1


async def test_to_read_a_public_channel_is_not_to_own(api: SlackApi):
    api.script("users.info", ok(user={}))
    api.script("conversations.members", ok(members=[ANNA]))
    assert await People(Messenger(api.client())).role_towards(LENA, {"C0BILLING"}) is Role.STAFF


@pytest.mark.parametrize(
    ("flags", "role"), [({"is_admin": True}, Role.ADMIN), ({"is_bot": True}, Role.OUTSIDER)]
)
async def test_admins_stay_admins_and_outsiders_outside(api: SlackApi, flags: dict[str, bool], role: Role):
    api.script("users.info", ok(user=flags))
    api.script("conversations.members", ok(members=[LENA]))
    assert await People(Messenger(api.client())).role_towards(LENA, {"C0BILLING"}) is role


async def test_nobody_owns_through_a_channel_that_is_gone(api: SlackApi):
    api.script("users.info", ok(user={}))
    api.script("conversations.members", error("channel_not_found"))
    people = People(Messenger(api.client()))
    assert await people.role_towards(LENA, {"C0GONE"}) is Role.STAFF


async def test_slack_not_answering_about_members_is_no_role(api: SlackApi):
    api.script("users.info", ok(user={}))
    api.script("conversations.members", error("internal_error"), ok(members=[LENA]))
    people = People(Messenger(api.client()))
    with pytest.raises(SlackUnavailable):
        await people.role_towards(LENA, {"C0BILLING"})
    assert await people.role_towards(LENA, {"C0BILLING"}) is Role.OWNER


def test_the_support_channel_makes_nobody_an_owner():
    here = category_view("billing", destination_id=HELP)
    assert owning_channels((LOGIN, here), ("login", "billing", None), HELP) == {LOGIN.destination_id}
    assert owning_channels((LOGIN, here), (None,), HELP) == frozenset()
