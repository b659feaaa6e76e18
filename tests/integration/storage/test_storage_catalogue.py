"""Categories, model versions, channel settings and the audit log on SQLite and Postgres."""

import pytest

from storage import RowNotFound
from storage.feedback.categories import CategorySpec
from tests.factories.storage import NOW, SECOND, add_version

VPN = CategorySpec("vpn", "VPN", "lock", "Remote access", "C-net")
WIFI = CategorySpec("wifi", "Wi-Fi", "satellite", "Wireless", None)


async def test_a_sync_adds_what_is_missing_and_keeps_what_people_changed(database):
    async with database.unit_of_work() as work:
        assert await work.categories.sync(team_id="T1", specs=[VPN]) == 1
        (vpn,) = await work.categories.active(team_id="T1")
        vpn.name = "Remote access"
        await work.session.flush()
        assert await work.categories.sync(team_id="T1", specs=[VPN, WIFI]) == 1
        rows = await work.categories.active(team_id="T1")
        assert [(row.slug, row.name) for row in rows] == [("vpn", "Remote access"), ("wifi", "Wi-Fi")]
        assert (await work.categories.get(team_id="T1", slug="wifi")).destination is None
        assert await work.categories.get(team_id="T2", slug="vpn") is None
        assert await work.categories.teams() == ["T1"]


async def test_a_retired_category_is_not_offered_and_not_brought_back(database):
    async with database.unit_of_work() as work:
        await work.categories.sync(team_id="T1", specs=[VPN])
        (await work.categories.get(team_id="T1", slug="vpn")).state = "retired"
        await work.session.flush()
        assert await work.categories.sync(team_id="T1", specs=[VPN]) == 0
        assert await work.categories.active(team_id="T1") == []


async def test_one_version_serves_and_the_one_before_can_come_back(database):
    async with database.unit_of_work() as work:
        await add_version(work, "m1")
        await add_version(work, "m2", now=NOW + SECOND)
        await work.models.activate(team_id="T1", version="m1", now=NOW)
        await work.models.activate(team_id="T1", version="m2", now=NOW)
        states = {row.version: row.state for row in await work.models.list(team_id="T1")}
        assert states == {"m2": "active", "m1": "retired"}
        await work.models.activate(team_id="T1", version="m1", now=NOW)
        assert (await work.models.active(team_id="T1")).version == "m1"
        assert await work.models.active(team_id="T2") is None
        await work.models.refuse(team_id="T1", version="m2")
        assert [row.state for row in await work.models.list(team_id="T1")] == ["refused", "active"]


async def test_a_version_is_kept_once_and_an_unknown_one_is_refused(database):
    async with database.unit_of_work() as work:
        first = await add_version(work, "m1")
        assert (await add_version(work, "m1")).id == first.id
        with pytest.raises(RowNotFound, match="m9"):
            await work.models.refuse(team_id="T1", version="m9")


async def test_a_channel_setting_can_be_changed(database):
    key = {"team_id": "T1", "channel_id": "C1"}
    async with database.unit_of_work() as work:
        assert await work.channels.get(**key) is None
        await work.channels.set(**key, enabled=True, threshold=0.8, updated_by="U1", now=NOW)
        setting = await work.channels.set(**key, enabled=False, updated_by="U2", now=NOW + SECOND)
    assert (setting.threshold, setting.updated_by, setting.updated_at) == (None, "U2", NOW + SECOND)


async def test_how_far_a_channel_was_read_only_grows(database):
    key = {"team_id": "T1", "channel_id": "C1"}
    async with database.unit_of_work() as work:
        assert await work.channels.read_until(**key) is None
        for ts, kept in (("1790000000.000100", 0), ("1790000009.000000", 1), ("1790000005.000000", 1)):
            await work.channels.read_to(**key, ts=ts, now=NOW)
            marks = ("1790000000.000100", "1790000009.000000")
            assert await work.channels.read_until(**key) == marks[kept]
        assert await work.channels.read_until(team_id="T2", channel_id="C1") is None


async def test_the_audit_log_is_newest_first_and_a_workspaces_own(database):
    async with database.unit_of_work() as work:
        for number, team in enumerate(("T1", "T1", "T2")):
            await work.audit.add(
                team_id=team,
                actor="U1",
                action="activate",
                subject=f"m{number}",
                details={"number": number},
                now=NOW + number * SECOND,
            )
        events = await work.audit.recent(team_id="T1", limit=5)
    assert [(event.subject, event.details) for event in events] == [
        ("m1", {"number": 1}),
        ("m0", {"number": 0}),
    ]
