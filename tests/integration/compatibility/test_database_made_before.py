"""A database that version 0.1.0 wrote, with rows in every table: upgraded, read whole, written on."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from bot.app.cli import app
from bot.models.drift_signals import Detector
from migrations.runner import upgrade_async
from storage import Database
from storage.models import Base
from storage.states import (
    InboxState,
    LabelKind,
    LabelRole,
    LabelSource,
    ModelState,
    ReplyState,
    RunSource,
    RunState,
    TicketState,
)
from storage.tickets.installations import bots, installations, oauth_states
from storage.tickets.tickets import PredictionValues
from storage.types import vector_from_bytes

BEFORE = Path(__file__).parents[2] / "data" / "before"
VERSIONS = (BEFORE / "models" / "HISTORY").read_text().split()
TEAM, HELP, LENA, ANNA, OMAR = "T0ACME", "C0HELP", "U0LENA", "U0ANNA", "U0OMAR"
SINCE = {"slack_turn", "known_channel", "channel_member", "category_owner"}
"""Tables that are younger than the file."""
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
BEGAN = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "before.db"
    connection = sqlite3.connect(path)
    connection.executescript((BEFORE / "database.sql").read_text())
    connection.close()
    return path


@pytest.fixture
async def database(file: Path) -> AsyncIterator[Database]:
    await upgrade_async(f"sqlite:///{file}")
    opened = Database(f"sqlite:///{file}")
    yield opened
    await opened.dispose()


def rows_of(file: Path, columns: dict[str, str] | None = None) -> dict[str, list[Any]]:
    connection = sqlite3.connect(file)
    tables = columns or columns_of(file)
    select = "SELECT {} FROM {} ORDER BY 1"
    rows = {name: connection.execute(select.format(tables[name], name)).fetchall() for name in tables}
    connection.close()
    return rows


def columns_of(file: Path) -> dict[str, str]:
    connection = sqlite3.connect(file)
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {name: connection.execute(f"PRAGMA table_info({name})").fetchall() for name in tables}
    connection.close()
    return {name: ", ".join(column[1] for column in rows) for name, rows in found.items()}


def test_an_upgrade_loses_nothing(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FINGERPOST_DATABASE_URL", f"sqlite:///{file}")
    columns = columns_of(file)
    before = rows_of(file, columns)
    assert all(before.values())
    tables = {table.name for table in Base.metadata.tables.values()}
    assert set(before) == tables - SINCE | {"alembic_version"}
    for command in ("upgrade", "check"):
        done = CliRunner().invoke(app, ["db", command])
        assert (done.exit_code, done.output) == (0, "The database is up to date.\n")
    after = rows_of(file, columns)
    assert after.pop("alembic_version") != before.pop("alembic_version")
    assert after == before


async def test_every_row_of_every_table_is_read(database: Database, file: Path):
    counts = {name: len(rows) for name, rows in rows_of(file).items()}
    async with database.reader() as work:
        for mapper in Base.registry.mappers:
            rows = list(await work.session.scalars(select(mapper.class_)))
            name = str(mapper.local_table.name)
            assert len(rows) == counts.pop(name)
            assert (name in SINCE) == (not rows)
        for table in (bots, installations, oauth_states):
            assert len((await work.session.execute(select(table))).all()) == counts.pop(table.name)
    assert set(counts) == {"alembic_version"}


async def test_tickets_predictions_and_labels_mean_what_they_meant(database: Database):
    async with database.reader() as work:
        tickets = list(reversed(await work.tickets.recent(team_id=TEAM)))
        states = ["routed", "routed", "asked", "out_of_scope", "routed", "asked", "routed", "new"]
        assert [str(ticket.state) for ticket in tickets] == states
        assert tickets[0].posted_at == BEGAN
        said = await work.tickets.latest_prediction(team_id=TEAM, ticket_id=tickets[6].id)
        assert said is not None
        assert (said.category, said.model_version) == ("login", VERSIONS[1])
        assert said.remembered_ticket_id == tickets[0].id
        assert said.embedding is not None
        assert vector_from_bytes(said.embedding).shape == (8,)

        history = await work.labels.history(team_id=TEAM, ticket_id=tickets[1].id)
        assert sorted((row.category, row.user_id, row.withdrawn_at is None) for row in history) == [
            ("billing", LENA, True),
            ("login", LENA, False),
            ("login", OMAR, True),
        ]
        assert await work.labels.active_for(team_id=TEAM, ticket_id=tickets[6].id) == []
        learned = await work.labels.training_examples(team_id=TEAM)
        assert [(each.text, each.category) for each in learned] == [
            ("the invoice was charged twice", "billing"),
            ("lunch on friday", None),
            ("the vpn is not working", "network"),
            ("it is the payment again", "billing"),
        ]
        gold = await work.labels.gold_examples(team_id=TEAM)
        assert [(each.text, each.category) for each in gold] == [("my password does not work", "login")]


async def test_what_the_workspace_knows_means_what_it_meant(database: Database):
    async with database.reader() as work:
        active = [row.slug for row in await work.categories.active(team_id=TEAM)]
        assert active == ["billing", "login", "network", "canteen"]
        wifi = await work.categories.get(team_id=TEAM, slug="wifi")
        assert wifi is not None
        assert wifi.merged_into == "network"
        assert [row.given for row in await work.reviews.open(team_id=TEAM)] == ["login"]
        assert await work.questions.asked_on(team_id=TEAM, day="2026-11-04") == 2
        assert len(await work.proposals.open(team_id=TEAM)) == 1
        channel = await work.channels.get(team_id=TEAM, channel_id=HELP)
        assert channel is not None
        assert channel.threshold == 0.75
        for row in await work.drift.states(team_id=TEAM):
            assert Detector.from_json(row.state).to_json() == row.state
        actions = {event.action for event in await work.audit.recent(team_id=TEAM)}
        assert actions == {"category.merged", "model.activated"}
        assert len(await work.embeddings.vectors(team_id=TEAM, model_version=VERSIONS[1])) == 6


async def test_models_and_runs_mean_what_they_meant(database: Database):
    async with database.reader() as work:
        states = {row.version: row.state for row in await work.models.list(team_id=TEAM)}
        assert [states[version] for version in VERSIONS] == [
            ModelState.RETIRED,
            ModelState.RETIRED,
            ModelState.ACTIVE,
        ]
        assert {ModelState.REFUSED, ModelState.CANDIDATE, ModelState.SHADOW} <= set(states.values())
        (silent,) = await work.shadows.current(team_id=TEAM)
        assert await work.shadows.counts(team_id=TEAM, version=silent.version) == (3, 1)
        assert len(await work.shadows.unannounced(team_id=TEAM)) == 1
        run = await work.runs.active(team_id=TEAM)
        assert run is not None
        assert (run.source, run.state, run.fence) == (RunSource.LABELS, RunState.RUNNING, 1)
        assert run.follow_up == {
            "slot": "category/1",
            "requested_by": ANNA,
            "response_url": "https://e.test",
        }


async def test_what_was_under_way_goes_on(database: Database):
    """Events, posts and the retraining whose process ended with the old version are taken up again."""
    async with database.unit_of_work() as work:
        counts = await work.inbox.counts(team_id=TEAM)
        assert counts == {
            InboxState.PENDING: 1,
            InboxState.WORKING: 1,
            InboxState.DONE: 1,
            InboxState.DEAD: 1,
        }
        for _ in range(2):  # what an ended process was at comes alone, then the others
            claim = await work.inbox.claim(
                team_id=TEAM, kinds=["message"], worker="bot-2", now=NOW, lease=MINUTE, limit=9
            )
            (event,) = claim.events
            assert event.payload["event"]["text"] == "hello"
            await work.inbox.done(event.id, worker="bot-2", now=NOW)
        posts = []
        while claimed := await work.replies.claim_due(team_id=TEAM, now=NOW, lease=MINUTE, limit=9):
            for post in claimed:  # one at a time in each channel
                await work.replies.sent(post.id, ts=f"1.{len(posts)}", now=NOW)
                posts.append(post)
        assert sorted((post.surface, post.was_sending) for post in posts) == [
            ("team_moved:login", True),
            ("why:1", False),
        ]
        run = await work.runs.claim(holder="scheduler-2", now=NOW, lease=MINUTE)
        assert run is not None
        assert run.fence == 2
        assert await work.runs.finish(
            run.id, fence=2, state=RunState.DONE, now=NOW, model_version=VERSIONS[2]
        )
        await work.commit()
    async with database.reader() as work:
        following = await work.runs.active(team_id=TEAM)
        assert following is not None
        assert (following.slot, following.source) == ("category/1", RunSource.CATEGORY)
        ticket = await work.tickets.find_by_any_ts(team_id=TEAM, channel_id=HELP, ts="1.0")
        assert ticket is not None
        replies = await work.replies.all_for_ticket(team_id=TEAM, ticket_id=ticket.id)
        assert sorted(str(reply.state) for reply in replies) == [ReplyState.FAILED, *[ReplyState.SENT] * 3]


async def test_it_is_written_on(database: Database):
    async with database.unit_of_work() as work:
        old = (await work.tickets.recent(team_id=TEAM))[0]
        ticket, new = await work.tickets.add_if_new(
            team_id=TEAM, channel_id=HELP, ts="1795000000.000100", user_id=LENA, text="vpn again", now=NOW
        )
        assert new
        for each in (old, ticket):
            values = PredictionValues(
                model_version=VERSIONS[2],
                category="network",
                confidence=0.9,
                out_of_scope=0.1,
                decision="routed",
            )
            await work.tickets.record(each, values, state=TicketState.ROUTED, category="network", now=NOW)
            await work.labels.add(
                team_id=TEAM,
                ticket_id=each.id,
                category="network",
                user_id=LENA,
                role=LabelRole.OWNER,
                kind=LabelKind.CONFIRMATION,
                source=LabelSource.BUTTON,
                now=NOW,
            )
        (silent,) = await work.shadows.current(team_id=TEAM)
        assert await work.shadows.end(
            team_id=TEAM, version=silent.version, state=ModelState.CANDIDATE, result={"told": False}
        )
        await work.models.activate(team_id=TEAM, version=silent.version, now=NOW)
        await work.models.activate(team_id=TEAM, version=VERSIONS[1], now=NOW)
        await work.reviews.settle(
            team_id=TEAM,
            ticket_id=(await work.reviews.open(team_id=TEAM))[0].ticket_id,
            category="login",
            user_id=ANNA,
            now=NOW,
        )
        await work.commit()
    async with database.reader() as work:
        learned = {each.text: each.category for each in await work.labels.training_examples(team_id=TEAM)}
        assert learned["vpn again"] == learned["wifi please"] == "network"
        assert learned["help with the code"] == "login"
        active = await work.models.active(team_id=TEAM)
        assert active is not None
        assert active.version == VERSIONS[1]
