"""What is known of Slack's channels, and until when its methods wait, on SQLite and Postgres."""

from datetime import timedelta

from storage.tickets.channels import SeenChannel
from tests.factories.storage import NOW, SECOND


def seen(channel_id, name, **more):
    given = {"is_private": False, "is_archived": False, "is_member": True} | more
    return SeenChannel(channel_id, name, **given)


async def test_channels_are_known_by_what_slack_said_last(database):
    async with database.unit_of_work() as work:
        await work.known_channels.keep(team_id="T1", seen=[seen("C1", "help"), seen("C2", "ops")], now=NOW)
        await work.known_channels.keep(team_id="T2", seen=[seen("C1", "other")], now=NOW)
        await work.known_channels.keep(
            team_id="T1", seen=[seen("C2", "operations", is_private=True)], now=NOW + SECOND
        )
        joined = await work.known_channels.joined(team_id="T1")
        assert [(row.name, row.is_private) for row in joined] == [("help", False), ("operations", True)]
        await work.known_channels.left(team_id="T1", before=NOW + SECOND)
        assert [row.channel_id for row in await work.known_channels.joined(team_id="T1")] == ["C2"]
        left = await work.known_channels.get(team_id="T1", channel_id="C1")
        assert (left.name, left.is_member) == ("help", False)
        assert len(await work.known_channels.joined(team_id="T2")) == 1


async def test_a_pace_is_steady_after_a_burst(database):
    every = timedelta(seconds=1)
    async with database.unit_of_work() as work:
        turns = [
            await work.turns.pace(team_id="T1", key="post/C1", now=NOW, every=every, burst=2)
            for _ in range(5)
        ]
    assert [turn > NOW for turn in turns] == [False, False, False, True, True]


async def test_a_turn_is_taken_once(database):
    async with database.unit_of_work() as work:
        await work.turns.put_off(team_id="T1", key="*", until=NOW + SECOND)
        given = {"team_id": "T1", "key": "*", "until": NOW + 5 * SECOND}
        assert not await work.turns.take(**given, now=NOW)
        assert await work.turns.take(**given, now=NOW + SECOND)
        assert not await work.turns.take(**given, now=NOW + SECOND)
        assert not await work.turns.take(**given | {"team_id": "T2"}, now=NOW + SECOND)
        assert await work.turns.read(team_id="T1", keys=["*", "x"]) == {"*": NOW + 5 * SECOND}
        await work.turns.clear(team_id="T1", key="*")
        assert await work.turns.read(team_id="T1", keys=["*"]) == {}
