"""A database that ends connections, a message that breaks its worker, two workspaces over one database."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from bot.blocks.action_ids import ActionId
from classifier.testing import ScriptedClassifier
from playground.seed import BETA
from playground.server import Playground
from tests.drills.killed_bot import FASTER
from tests.drills.test_drill_deliveries import TEAMS, answered_all, answers, channels, drilled, say
from tests.factories.forgery import press
from tests.factories.world import CATEGORIES, HELP, KEYWORDS, SAM, TEAM, make_world, text_of

LONG = pytest.mark.long
Measured = Callable[[str], None]


@pytest.mark.drill("backends")
@pytest.mark.parametrize("times", [5, pytest.param(50, marks=[LONG, pytest.mark.timeout(1800)])])
async def test_connections_that_postgres_ends_lose_nothing(
    migrated_postgres_url: str, times: int, measured: Measured
):
    names = channels(8)
    playground = Playground(channels=[*names, *TEAMS], retry_delays=[0.2] * 50)
    admin = make_url(migrated_postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    end = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = %s AND pid <> pg_backend_pid()"
    )
    slowest = 0.0
    async with drilled(migrated_postgres_url, playground) as world:
        posted: list[tuple[str, str]] = []
        async with await psycopg.AsyncConnection.connect(admin, autocommit=True) as connection:
            for _ in range(times):
                posted += await say(playground, names, 8)
                await connection.execute(end, (make_url(migrated_postgres_url).database,))
                began = time.monotonic()
                await answered_all(world, posted, seconds=90)
                slowest = max(slowest, time.monotonic() - began)
        assert answers(playground, posted) == {1: len(posted)}
        assert (await world.bot_counts()).get("dead", 0) == 0
    measured(f"{times} times under {len(posted)} messages: 0 lost, the slowest answer after {slowest:.1f} s")


@pytest.mark.drill("poison")
async def test_one_message_in_a_hundred_breaks_its_worker_and_the_others_are_answered(
    database_url: str, dialect: str, measured: Measured
):
    class Breaks(ScriptedClassifier):
        async def classify(self, texts):  # type: ignore[no-untyped-def]
            if any("poison" in text for text in texts):
                raise RuntimeError("a defect of ours")
            return await super().classify(texts)

    began = time.time()

    def clock() -> datetime:
        return datetime.fromtimestamp(began + (time.time() - began) * FASTER, UTC)

    async with make_world(database_url, classifier=Breaks(KEYWORDS), clock=clock) as world:
        desks = [world.playground.add_channel(f"desk-{n}", [SAM, "U0FPOST"]) for n in range(10)]
        bad = await world.say("poison in my password", channel=desks[3])
        posted = [(desk, await world.say(f"lost {n}", channel=desk)) for desk in desks for n in range(9)]
        posted = [(desk, await world.say(f"vpn {n}", channel=desk)) for n, (desk, _) in enumerate(posted)]
        await world.playground.wait_for(lambda: not answers(world.playground, posted)[0], timeout=60)

        async def given_up() -> bool:
            return (await world.bot_counts()).get("dead", 0) == 1

        await world.playground.wait_for(given_up, timeout=60)
        assert world.playground.thread(desks[3], bad) == []
        async with world.database.reader() as work:
            [letter] = await work.inbox.dead_letters(team_id=TEAM)
        # where it was, not what it said: that might quote a message
        assert "RuntimeError in classify" in str(letter.last_error)
        measured(f"{dialect}: 1 of {len(posted) + 1}: {len(posted)} answered, 1 given up and shown")


@pytest.mark.drill("workspaces")
async def test_two_workspaces_over_one_database_never_meet(
    database_url: str, dialect: str, measured: Measured
):
    teams = [str(category.destination) for category in CATEGORIES]
    other = Playground(acceleration=0.01)
    for name in teams:
        other.add_channel(name, ["U0BETTY", "U0BEN", "U0FPOSTBETA"], team=BETA)
    beta = {"slack_bot_token": SecretStr("xoxb-playground-T0BETA")}
    async with (
        make_world(database_url) as acme,
        make_world(database_url, playground=other, **beta) as second,
    ):
        mine = [await acme.say(f"my password {n}") for n in range(6)]
        theirs = [await second.say(f"my password {n}", "U0BEN", "C0BETAHELP") for n in range(6)]
        for ts in mine:
            await acme.card(ts)
        for ts in theirs:
            await second.card(ts, channel="C0BETAHELP")
        await acme.quiet()
        await second.quiet()
        ok = [e for world in (acme, second) for e in world.playground.journal.find("api")]
        assert all(entry.ok for entry in ok), [entry for entry in ok if not entry.ok]
        async with acme.database.reader() as work:
            assert {row.team_id for row in await work.tickets.recent(team_id=TEAM)} == {TEAM}
            assert await work.tickets.count(team_id=TEAM) == len(mine)
            assert await work.tickets.count(team_id=BETA) == len(theirs)
            foreign = (await work.tickets.recent(team_id=BETA))[0]
        # each other's ids, as somebody would forge them
        link = f"https://x.slack.com/archives/C0BETAHELP/p{theirs[0].replace('.', '')}"
        await acme.playground.run_command(SAM, HELP, "/why", link)
        assert "do not know" in text_of(await acme.private(SAM))
        card = await acme.card(mine[0])
        mine_value = str(acme.element(card, ActionId.CORRECT)["options"][0]["value"])
        forged = mine_value.replace(mine_value.partition(":")[0], str(foreign.id))
        await press(acme, SAM, ActionId.CORRECT, forged, ts=card["ts"], menu=True)
        await acme.quiet()
        async with acme.database.reader() as work:
            assert await work.labels.active_for(team_id=BETA, ticket_id=foreign.id) == []
        measured(f"{dialect}: two, {len(mine) + len(theirs)} messages, 2 forged ids: 0 rows of the other")
