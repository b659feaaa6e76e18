"""Makes database.sql for make.py, with the unit of work of version 0.1.0 as of November 2026."""

# ruff: noqa: I001, S311 - imports of the old tree; nothing is secret

from __future__ import annotations

import asyncio
import random
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert

from bot.drift_signals import Memory
from classifier.drift import Adwin
from classifier.registry import Registry
from migrations.runner import upgrade
from storage.categories import CategorySpec
from storage.database import Database, UnitOfWork
from storage.installations import bots, installations, oauth_states
from storage.models import Ticket
from storage.shadows import Silent
from storage.states import (
    LabelKind,
    LabelRole,
    LabelSource,
    ModelKind,
    ModelState,
    RunSource,
    RunState,
    TicketState,
)
from storage.tickets import PredictionValues
from storage.types import vector_to_bytes

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TEAM, HELP, SAM, LENA, ANNA, OMAR = "T0ACME", "C0HELP", "U0SAM", "U0LENA", "U0ANNA", "U0OMAR"


def make_database(target: Path, home: Path, versions: dict[str, str]) -> None:
    """Write what is in a database then.

    Args:
        target: file for the dump.
        home: the registry that the rows tell of.
        versions: its models by kind.
    """
    upgrade("sqlite:///made.db")
    asyncio.run(_fill("sqlite:///made.db", home, versions))
    with sqlite3.connect("made.db") as connection:
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        for (table,) in connection.execute(query).fetchall():
            if not connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]:  # noqa: S608
                raise SystemExit(f"{table} has no row")
        target.write_text("\n".join(connection.iterdump()) + "\n")


async def _fill(url: str, home: Path, versions: dict[str, str]) -> None:
    """Rows in every table, as a workspace of some weeks has them."""
    database = Database(url)
    async with database.unit_of_work() as work:
        await _categories(work)
        tickets = await _tickets(work, versions["fine_tune"])
        await _labels(work, tickets)
        await _doubts(work, tickets, versions["fine_tune"])
        await _questions(work, tickets)
        await _channels(work, versions["fine_tune"])
        await work.commit()
    async with database.unit_of_work() as work:
        await _queues(work, tickets[0])
        await _models(work, home, versions)
        await _shadows(work, tickets)
        await _installed(work)
        await work.commit()
    for number, run in enumerate(RUNS):
        async with database.unit_of_work() as work:
            await _run(work, number, *run, version=versions["fine_tune"])
            await work.commit()
    await database.dispose()


async def _categories(work: UnitOfWork) -> None:
    specs = [
        CategorySpec("billing", "Billing", "credit_card", "Invoices and refunds", "team-billing"),
        CategorySpec("login", "Sign-in", "key", "Passwords and codes", "team-login"),
        CategorySpec("network", "Network", "satellite_antenna", "Wi-Fi and VPN", None),
        CategorySpec("wifi", "Wi-Fi", "signal_strength", "Wi-Fi alone", None),
    ]
    await work.categories.sync(team_id=TEAM, specs=specs)
    spec = CategorySpec("canteen", "Canteen", "fork_and_knife", "Lunch", "team-canteen")
    await work.categories.add(team_id=TEAM, spec=spec, created_by=ANNA, now=NOW + 7 * DAY)


async def _tickets(work: UnitOfWork, version: str) -> list[Ticket]:
    draw = random.Random(1)
    tickets = []
    plan = [
        ("routed", "login", "my password does not work"),
        ("routed", "billing", "the invoice was charged twice"),
        ("asked", None, "help with the code"),
        ("out_of_scope", None, "lunch on friday"),
        ("routed", "network", "the vpn is not working"),
        ("asked", None, "it is the payment again"),
        ("routed", "login", "my account is locked"),
        ("new", None, "wifi please"),
    ]
    for number, (state, category, text) in enumerate(plan):
        at = NOW + number * DAY
        ticket, _ = await work.tickets.add_if_new(
            team_id=TEAM,
            channel_id=HELP,
            ts=f"{at.timestamp():.0f}.{number:06d}",
            user_id=SAM,
            text=text,
            now=at,
        )
        tickets.append(ticket)
        if state == "new":
            continue
        said = category or "login"
        values = PredictionValues(
            model_version=version,
            category=said,
            confidence=0.9 - number / 20,
            out_of_scope=0.8 if state == "out_of_scope" else 0.05,
            decision=state,
            alternatives=[(said, 0.9 - number / 20), ("network" if said != "network" else "login", 0.1)],
            words=[{"text": text.split()[1], "start": 3, "end": 8, "score": 0.7}],
            embedding=vector_to_bytes([round(draw.gauss(0, 1), 3) for _ in range(8)]),
            truncated=number == 3,
            remembered_ticket_id=tickets[0].id if number == 6 else None,
        )
        await work.tickets.record(ticket, values, state=TicketState(state), category=category, now=at)

    return tickets


async def _labels(work: UnitOfWork, tickets: list[Ticket]) -> None:
    def label(ticket, category, user, role, kind, source, at, detail=None):
        return work.labels.add(
            team_id=TEAM,
            ticket_id=ticket.id,
            category=category,
            user_id=user,
            role=LabelRole(role),
            kind=LabelKind(kind),
            source=LabelSource(source),
            detail=detail,
            now=at,
        )

    at = NOW + HOUR
    await label(tickets[0], "login", LENA, "staff", "confirmation", "reaction", at, "white_check_mark")
    await label(tickets[1], "login", LENA, "owner", "correction", "menu", at + DAY)
    await label(tickets[1], "billing", LENA, "owner", "correction", "button", at + DAY + MINUTE)
    await label(tickets[1], "login", OMAR, "staff", "correction", "button", at + DAY)
    await label(tickets[2], "login", ANNA, "admin", "correction", "question", at + 2 * DAY)
    await label(tickets[3], None, LENA, "staff", "none_of_these", "button", at + 3 * DAY)
    await label(tickets[4], "wifi", LENA, "staff", "correction", "review", at + 4 * DAY)
    await label(tickets[4], "network", OMAR, "staff", "confirmation", "reaction", at + 4 * DAY, "+1")
    await label(tickets[5], "billing", "import", "import", "imported", "import", at + 5 * DAY)
    await label(tickets[6], "network", OMAR, "staff", "correction", "reaction", at + 6 * DAY, "wifi")
    await work.labels.withdraw(
        team_id=TEAM,
        ticket_id=tickets[6].id,
        user_id=OMAR,
        source=LabelSource.REACTION,
        detail="wifi",
        now=at + 6 * DAY + MINUTE,
    )


async def _doubts(work: UnitOfWork, tickets: list[Ticket], version: str) -> None:
    at = NOW + HOUR
    for ticket in tickets[:6]:
        await work.embeddings.keep(team_id=TEAM, ticket_id=ticket.id, now=at)
    await work.gold.add(team_id=TEAM, ticket_id=tickets[0].id, category="login", added_by=ANNA, now=at)
    await work.reviews.add(
        team_id=TEAM, ticket_id=tickets[2].id, given="login", suggested="network", score=0.9, now=at
    )
    await work.reviews.add(
        team_id=TEAM, ticket_id=tickets[5].id, given="billing", suggested=None, score=0.6, now=at
    )
    await work.reviews.settle(
        team_id=TEAM, ticket_id=tickets[5].id, category="billing", user_id=ANNA, now=at + 6 * DAY
    )
    await work.trust.refresh(team_id=TEAM, now=at + 6 * DAY)
    wifi = await work.categories.get(team_id=TEAM, slug="wifi")
    await work.categories.retire(wifi, into="network")
    await work.audit.add(
        team_id=TEAM,
        actor=ANNA,
        action="category.merged",
        subject="wifi",
        details={"into": "network", "labels": 1},
        now=at + 6 * DAY,
    )
    await work.audit.add(team_id=TEAM, actor="fingerpost", action="model.activated", subject=version, now=at)


async def _questions(work: UnitOfWork, tickets: list[Ticket]) -> None:
    at = NOW + HOUR
    for slot, (ticket, gain) in enumerate(((tickets[2], 0.7), (tickets[5], 0.4))):
        await work.questions.add_if_free(
            team_id=TEAM,
            ticket_id=ticket.id,
            day="2026-11-04",
            slot=slot,
            channel_id=HELP,
            gain=gain,
            now=at + 2 * DAY,
        )
    await work.questions.mark_answered(team_id=TEAM, ticket_id=tickets[2].id, now=at + 2 * DAY + HOUR)

    for key, group in (("lunch", tickets[3:5]), ("code", tickets[2:3])):
        await work.proposals.add(
            team_id=TEAM, key=key, words=[key, "please"], ticket_ids=[each.id for each in group], now=at
        )
    first, *_ = await work.proposals.open(team_id=TEAM)
    await work.proposals.accept(team_id=TEAM, proposal_id=first.id, by=ANNA, now=at + DAY)


async def _channels(work: UnitOfWork, version: str) -> None:
    at = NOW + HOUR
    await work.channels.set(
        team_id=TEAM, channel_id=HELP, enabled=True, threshold=0.75, updated_by=ANNA, now=at
    )
    await work.channels.set(team_id=TEAM, channel_id="C0TEAM", enabled=False, updated_by=ANNA, now=at)
    for signal in ("corrections", "confidence"):
        row = await work.drift.lock(team_id=TEAM, signal=signal, now=at)
        memory = Memory(Adwin(), model_version=version if signal == "confidence" else "")
        for number in range(60):
            memory.adwin.add(0.1 if number < 40 else 0.9, (at + number * MINUTE).timestamp())
        memory.change = {"since": at.timestamp(), "before": 0.1, "after": 0.9}
        row.state, row.seen_until, row.updated_at = memory.to_json(), at + HOUR, at + HOUR
        row.alerted_at = at + HOUR if signal == "corrections" else None


async def _queues(work: UnitOfWork, ticket: Ticket) -> None:
    """Posts and events: one worked off, one given up, one under way, one that waits."""
    for number, surface in enumerate(("card", "team_card:login", "team_moved:login", "why:1")):
        await work.replies.add_if_new(
            team_id=TEAM,
            ticket_id=ticket.id,
            surface=surface,
            channel_id=HELP,
            thread_ts=ticket.ts,
            text="Sign-in",
            blocks=[{"type": "section", "text": {"type": "mrkdwn", "text": "*Sign-in*"}}],
            now=NOW + number * MINUTE,
        )
    claimed = await work.replies.claim_due(now=NOW + HOUR, lease=MINUTE, limit=3)
    await work.replies.sent(claimed[0].id, ts="1793610001.000100", now=NOW + HOUR)
    await work.replies.failed(claimed[1].id, error="channel_not_found")
    for number in range(4):
        await work.inbox.add(
            team_id=TEAM,
            event_id=f"Ev{number}",
            kind="message",
            payload={"event": {"type": "message", "channel": HELP, "user": SAM, "text": "hello"}},
            now=NOW + number * MINUTE,
        )
    events = await work.inbox.claim(worker="bot-1", now=NOW + HOUR, lease=MINUTE, limit=3)
    await work.inbox.done(events[0].id, now=NOW + HOUR)
    await work.inbox.dead(events[1].id, error="KeyError: 'text'", now=NOW + HOUR)


async def _models(work: UnitOfWork, home: Path, versions: dict[str, str]) -> None:
    for version, kind, parent in (
        (versions["day_one"], "day_one", None),
        (versions["fine_tune"], "fine_tune", versions["day_one"]),
        (versions["head"], "head", versions["fine_tune"]),
    ):
        await work.models.add(
            team_id=TEAM,
            version=version,
            path=f"models/{version}",
            kind=ModelKind(kind),
            manifest_hash=Registry(home).manifest_hash(version),
            metrics={"accuracy": 0.9, "interval": [0.8, 0.95], "n": 45},
            parent=parent,
            now=NOW,
        )
        await work.models.activate(team_id=TEAM, version=version, now=NOW)
    for number in range(3):  # refused, a candidate, in its shadow time
        version = f"2026110{number + 1}T000000Z-{number:06d}"
        await work.models.add(
            team_id=TEAM,
            version=version,
            path=f"models/{version}",
            kind=ModelKind.FINE_TUNE,
            manifest_hash="1" * 64,
            metrics={"accuracy": 0.5},
            now=NOW,
            state=ModelState.CANDIDATE,
        )
    await work.models.refuse(team_id=TEAM, version="20261101T000000Z-000000")


async def _shadows(work: UnitOfWork, tickets: list[Ticket]) -> None:
    silent = "20261102T000000Z-000001"
    await work.shadows.begin(team_id=TEAM, version=silent, until=NOW + DAY)
    await _silent(work, silent, tickets[:2])
    await work.shadows.end(
        team_id=TEAM, version=silent, state=ModelState.CANDIDATE, result={"told": False, "answered": 2}
    )
    silent = "20261103T000000Z-000002"
    await work.shadows.begin(team_id=TEAM, version=silent, until=NOW + 30 * DAY)
    await _silent(work, silent, tickets[:3])


async def _silent(work: UnitOfWork, version: str, tickets: list[Ticket]) -> None:
    answers = [Silent(ticket.id, "login", 0.8, 0.1, number != 1) for number, ticket in enumerate(tickets)]
    await work.shadows.record(team_id=TEAM, version=version, answers=answers, now=NOW + HOUR)


RUNS = (
    ("first", RunSource.FIRST_START, "done", False),
    ("nightly/2026-11-03", RunSource.CRON, "failed", False),
    ("command/1", RunSource.COMMAND, "cancelled", True),
    ("labels/50", RunSource.LABELS, "running", False),
)


async def _run(
    work: UnitOfWork, number: int, slot: str, source: RunSource, state: str, dry_run: bool, *, version: str
) -> None:
    at = NOW + number * DAY
    run, _ = await work.runs.add_if_free(
        team_id=TEAM,
        slot=slot,
        requested_by=ANNA,
        source=source,
        channel_id="C0TEAM",
        now=at,
        dry_run=dry_run,
    )
    await work.runs.set_message(run.id, channel_id="C0TEAM", ts=f"179361{number:04d}.000200")
    if state == "cancelled":
        await work.runs.request_cancel(team_id=TEAM, by=LENA, now=at + MINUTE)
    else:
        claimed = await work.runs.claim(holder="scheduler-1", now=at, lease=MINUTE)
        await work.runs.heartbeat(
            run.id,
            fence=claimed.fence,
            now=at,
            lease=MINUTE,
            progress={
                "stage": "train",
                "fraction": 0.4,
                "epoch": 2,
                "epochs": 5,
                "eta_seconds": 60.0,
            },
        )
        if state != "running":
            await work.runs.finish(
                run.id,
                fence=claimed.fence,
                state=RunState(state),
                now=at + HOUR,
                metrics={"challenger": {"accuracy": 0.9, "n": 45}, "champion": None},
                reason=None if state == "done" else "The retraining needed more memory.",
                model_version=version if state == "done" else None,
            )
            await work.runs.note_manifest(team_id=TEAM, run_id=run.id, manifest_hash="2" * 64)
            await work.runs.mark_announced(run.id, now=at + HOUR)
        else:
            await work.runs.add_update(
                team_id=TEAM,
                slot="category/1",
                requested_by=ANNA,
                response_url="https://e.test",
                now=at,
            )


async def _installed(work: UnitOfWork) -> None:
    who = {
        "client_id": "1.2",
        "app_id": "A0ACME",
        "team_id": TEAM,
        "team_name": "Acme",
        "bot_token": "bot-token",
    }
    mine = {"bot_id": "B0", "bot_user_id": "U0BOT", "is_enterprise_install": False, "installed_at": NOW}
    await work.session.execute(insert(bots).values(**who, **mine))
    await work.session.execute(insert(installations).values(**who, **mine, user_id=ANNA))
    await work.session.execute(insert(oauth_states).values(state="state-1", expire_at=NOW))
