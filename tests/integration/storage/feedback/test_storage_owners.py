"""Who is in a team's channel since when, and who owns a category by name."""

from datetime import timedelta

from tests.factories.storage import NOW, SECOND

CHANNEL = {"team_id": "T1", "channel_id": "C1"}
WEEK = timedelta(days=7)


async def owns(work, user_id, *, team_id="T1", channels=("C1",), now=NOW, slugs=()):
    return await work.owners.owns(
        team_id=team_id, user_id=user_id, channels=channels, before=now - WEEK, slugs=slugs
    )


async def test_the_first_look_finds_people_of_long_standing_and_a_later_one_newcomers(database):
    async with database.unit_of_work() as work:
        assert not await work.owners.looked(**CHANNEL)
        await work.owners.keep_members(**CHANNEL, members=["U1"], now=NOW)
        assert await work.owners.looked(**CHANNEL)
        await work.owners.keep_members(**CHANNEL, members=["U1", "U2"], now=NOW)
        assert [await owns(work, user) for user in ("U1", "U2", "")] == [True, False, False]
        assert await owns(work, "U2", now=NOW + WEEK)
        assert not await owns(work, "U1", team_id="T2")
        assert not await owns(work, "U1", channels=("C2",))
        assert not await owns(work, "U1", channels=())
        await work.owners.keep_members(**CHANNEL, members=["U2"], now=NOW)
        await work.owners.keep_members(**CHANNEL, members=["U1", "U2"], now=NOW)
        assert not await owns(work, "U1")


async def test_an_empty_channel_was_looked_at_too(database):
    async with database.unit_of_work() as work:
        await work.owners.keep_members(**CHANNEL, members=[], now=NOW)
        await work.owners.keep_members(**CHANNEL, members=["U1"], now=NOW)
        assert not await owns(work, "U1")


async def test_who_joins_before_the_first_look_is_no_member_of_long_standing(database):
    async with database.unit_of_work() as work:
        await work.owners.joined(**CHANNEL, user_id="U1", at=NOW)
        assert not await work.owners.looked(**CHANNEL)
        await work.owners.keep_members(**CHANNEL, members=["U1", "U2"], now=NOW)
        assert [await owns(work, user) for user in ("U1", "U2")] == [False, True]


async def test_joining_begins_anew_and_a_late_word_of_leaving_does_not_end_it(database):
    async with database.unit_of_work() as work:
        await work.owners.keep_members(**CHANNEL, members=["U1"], now=NOW)
        for _ in range(2):  # Slack may say so twice
            await work.owners.joined(**CHANNEL, user_id="U1", at=NOW + SECOND)
        await work.owners.left(**CHANNEL, user_id="U1", at=NOW)
        assert not await owns(work, "U1")
        assert await owns(work, "U1", now=NOW + WEEK + SECOND)
        await work.owners.left(**CHANNEL, user_id="U1", at=NOW + 2 * SECOND)
        assert not await owns(work, "U1", now=NOW + 2 * WEEK)


async def test_owners_by_name_are_of_their_category_and_workspace(database):
    key = {"slug": "vpn", "user_id": "U1"}
    async with database.unit_of_work() as work:
        assert await work.owners.name(team_id="T1", **key, by="U9", now=NOW)
        assert not await work.owners.name(team_id="T1", **key, by="U9", now=NOW)
        assert await owns(work, "U1", channels=(), slugs={"vpn", "wifi"})
        assert not await owns(work, "U1", slugs={"wifi"})
        assert not await owns(work, "U1", team_id="T2", slugs={"vpn"})
        assert await work.owners.unname(team_id="T1", **key)
        assert not await work.owners.unname(team_id="T1", **key)
        assert not await owns(work, "U1", slugs={"vpn"})
