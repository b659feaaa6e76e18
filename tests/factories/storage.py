"""Rows for tests of the storage: each names what matters to it."""

from datetime import UTC, datetime, timedelta
from itertools import count

from sqlalchemy import select

from storage.models import Base, TicketState
from storage.tickets.tickets import PredictionValues
from storage.types import vector_to_bytes

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LEASE = timedelta(seconds=60)
_serial = count(1)


async def add_ticket(work, *, team_id="T1", **values):
    """A ticket of its own message."""
    given = {
        "channel_id": "C1",
        "ts": f"1767600000.{next(_serial):06d}",
        "user_id": "U1",
        "text": "the VPN drops",
        "now": NOW,
    } | values
    ticket, _ = await work.tickets.add_if_new(team_id=team_id, **given)
    return ticket


async def add_predicted(
    work, *, state="routed", version="m1", embedding=(1.0, 0.0), now=NOW, remembered=None, **values
):
    """A ticket that a model decided."""
    ticket = await add_ticket(work, **values)
    prediction = PredictionValues(
        model_version=version,
        category="login",
        confidence=0.5,
        out_of_scope=0.1,
        decision=state,
        alternatives=[("login", 0.5), ("billing", 0.4)],
        embedding=None if embedding is None else vector_to_bytes(embedding),
        remembered_ticket_id=None if remembered is None else remembered.id,
    )
    await work.tickets.record(ticket, prediction, state=TicketState(state), category="login", now=now)
    return ticket


async def add_reply(work, ticket=None, **values):
    """A post about a ticket, or about none."""
    given = {
        "team_id": ticket.team_id if ticket else "T1",
        "ticket_id": ticket.id if ticket else None,
        "surface": "card",
        "channel_id": "C1",
        "thread_ts": ticket.ts if ticket else None,
        "text": "VPN",
        "blocks": [{"type": "divider"}],
        "now": NOW,
    } | values
    return await work.replies.add_if_new(**given)


async def add_label(work, ticket, category, **values):
    """What a person said."""
    given = {
        "team_id": ticket.team_id,
        "user_id": "U1",
        "role": "staff",
        "kind": "correction",
        "source": "button",
        "now": NOW,
    } | values
    return await work.labels.add(ticket_id=ticket.id, category=category, **given)


async def add_event(work, event_id, *, team_id="T1", now=NOW):
    """An event as it comes from Slack."""
    return await work.inbox.add(
        team_id=team_id, event_id=event_id, kind="message", payload={"text": event_id}, now=now
    )


async def add_run(work, slot="nightly", *, team_id="T1", now=NOW):
    """A request for a retraining."""
    return await work.runs.add_if_free(
        team_id=team_id, slot=slot, requested_by="U1", source="command", channel_id="C1", now=now
    )


async def add_version(work, version, *, team_id="T1", now=NOW):
    """A candidate."""
    return await work.models.add(
        team_id=team_id,
        version=version,
        path=f"models/{version}",
        kind="fine_tune",
        manifest_hash="0" * 64,
        metrics={"accuracy": 0.9},
        now=now,
    )


async def everything(database) -> str:
    """All that is stored, as one text."""
    async with database.reader() as work:
        rows = [
            f"{table.name}: {tuple(row)}"
            for table in Base.metadata.sorted_tables
            for row in await work.session.execute(select(table))
        ]
    return "\n".join(rows)
