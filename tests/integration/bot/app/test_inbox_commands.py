"""`fingerpost inbox` and doctor's line about it, on what a bot gave up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from pydantic import SecretStr
from sqlalchemy import select
from typer.testing import CliRunner

from bot.app.cli import app
from bot.app.doctor import check_inbox, check_tokens
from bot.errors import ConfigurationError
from bot.settings import Settings
from playground.server import Playground
from storage.database import Database
from storage.models import InboxEvent
from storage.states import InboxState
from tests.factories.storage import LEASE, NOW
from tests.factories.world import CATEGORIES, TEAM, settings_for

Say = Callable[..., str]


@pytest.fixture
def given_up(sqlite_url: str) -> list[str]:
    """Two dead events; their references, newest first."""

    async def make() -> list[str]:
        database = Database(sqlite_url)
        async with database.unit_of_work() as work:
            await work.categories.sync(team_id=TEAM, specs=list(CATEGORIES))
            for number in range(2):
                payload = {"text": f"secret words {number}"}
                await work.inbox.add(
                    team_id=TEAM,
                    event_id=f"Ev{number}",
                    kind="message",
                    payload=payload,
                    now=NOW + number * LEASE,
                )
            claim = await work.inbox.claim(
                team_id=TEAM, kinds=["message"], worker="a", now=NOW + LEASE, lease=LEASE, limit=9
            )
            for event in claim.events:
                await work.inbox.dead(event.id, worker="a", error="KeyError in route, line 7", now=NOW)
            letters = await work.inbox.dead_letters(team_id=TEAM)
            await work.commit()
        await database.dispose()
        return [str(letter.id)[:8] for letter in letters]

    return asyncio.run(make())


@pytest.fixture
def say(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Run `fingerpost inbox ...` and return what it printed."""
    monkeypatch.setenv("FINGERPOST_DATABASE_URL", sqlite_url)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["inbox", *arguments])
        if result.exception is not None:
            raise result.exception
        return result.output

    return run


def states(url: str) -> dict[str, InboxEvent]:
    async def read() -> dict[str, InboxEvent]:
        database = Database(url)
        async with database.reader() as work:
            rows = list(await work.session.scalars(select(InboxEvent)))
        await database.dispose()
        return {row.event_id: row for row in rows}

    return asyncio.run(read())


def test_the_list_has_reasons_and_only_show_has_the_text(given_up: list[str], say: Say):
    listed = say("list")
    assert [line.split()[0] for line in listed.splitlines()] == given_up
    assert "KeyError in route, line 7" in listed
    assert "secret" not in listed
    shown = json.loads(say("show", given_up[0]))
    assert shown["payload"] == {"text": "secret words 1"}
    assert shown["reason"] == "KeyError in route, line 7"


def test_one_is_replayed_another_dropped(given_up: list[str], say: Say, sqlite_url: str):
    assert "1 to be worked on again" in say("replay", given_up[0])
    assert "Dropped" in say("drop", given_up[1])
    rows = states(sqlite_url)
    assert (rows["Ev1"].state, rows["Ev1"].attempts) == (InboxState.PENDING, 0)
    assert (rows["Ev0"].state, rows["Ev0"].payload) == (InboxState.DONE, {})
    assert say("list").strip() == "Nothing was given up."


def test_all_are_replayed_at_once(given_up: list[str], say: Say):
    assert f"{len(given_up)} to be worked on again" in say("replay", "--all")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["replay"], "Name one event"), (["show", "zz"], "No event"), (["drop", ""], "Several events")],
)
def test_a_mistake_says_what_to_do(given_up: list[str], say: Say, arguments: list[str], said: str):
    assert given_up
    with pytest.raises(ConfigurationError, match=said):
        say(*arguments)


async def test_the_doctor_tells_a_wrong_token_from_a_silent_slack(sqlite_url: str):
    async with Playground() as playground:
        wrong = settings_for(playground, sqlite_url, slack_bot_token=SecretStr("xoxb-wrong"))
        with pytest.raises(ConfigurationError, match="reinstall the app"):
            await check_tokens(wrong)
        playground.faults.http_status("auth.test", 503)
        with pytest.raises(ConfigurationError, match="check the network"):
            await check_tokens(settings_for(playground, sqlite_url))


async def test_the_doctor_fails_where_something_was_given_up(sqlite_url: str):
    settings = Settings(_env_file=None, database_url=sqlite_url)
    assert await check_inbox(settings) == "0 waiting, none given up"
    database = Database(sqlite_url)
    async with database.unit_of_work() as work:
        await work.inbox.add(team_id=TEAM, event_id="Ev", kind="message", payload={}, now=NOW)
        claim = await work.inbox.claim(
            team_id=TEAM, kinds=["message"], worker="a", now=NOW, lease=LEASE, limit=1
        )
        await work.inbox.dead(claim.events[0].id, worker="a", error="x", now=NOW)
        await work.commit()
    await database.dispose()
    with pytest.raises(ConfigurationError, match=r"1 given up.*fingerpost inbox list.*replay --all"):
        await check_inbox(settings)
