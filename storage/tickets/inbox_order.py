"""Events about one message are worked on in their order, also where one of them has to wait."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import InboxEvent, InboxState

_LOOK_AGAIN = timedelta(seconds=1)


async def behind(
    session: AsyncSession, events: Sequence[InboxEvent], *, kinds: Collection[str], worker: str, now: datetime
) -> dict[UUID, datetime]:
    """Say which events have to wait for an earlier one about the same message, and until when.

    Not for one of these same events, nor for one that this worker is at: it keeps their order itself.

    Args:
        session: the unit of work's.
        events: of one workspace.
        kinds: the kinds that keep an order among each other.
        worker: who wants them.
        now: the time.
    """
    wanted = {event.payload["ts"] for event in events if _subject(event.payload)}
    if not wanted:
        return {}
    elsewhere = and_(InboxEvent.state == InboxState.WORKING, InboxEvent.worker != worker)
    earlier = await session.scalars(
        select(InboxEvent).where(
            InboxEvent.team_id == events[0].team_id,
            InboxEvent.kind.in_(kinds),
            or_(InboxEvent.state == InboxState.PENDING, elsewhere),
            InboxEvent.received_at <= max(event.received_at for event in events),
            InboxEvent.id.not_in([event.id for event in events]),
            InboxEvent.payload["ts"].as_string().in_(wanted),
        )
    )
    first: dict[tuple[str, str] | None, InboxEvent] = {}
    for event in sorted(earlier, key=_place, reverse=True):
        first[_subject(event.payload)] = event
    waits = {}
    for event in events:
        before = first.get(_subject(event.payload)) if _subject(event.payload) else None
        if before is not None and _place(before) < _place(event):
            due = before.next_attempt_at if before.state == InboxState.PENDING else now
            waits[event.id] = max(due, now + _LOOK_AGAIN)
    return waits


def _subject(payload: dict[str, object]) -> tuple[str, str] | None:
    """Return the message that an event is about, or None where it is about none."""
    channel_id, ts = payload.get("channel_id"), payload.get("ts")
    return (channel_id, ts) if isinstance(channel_id, str) and isinstance(ts, str) and ts else None


def _place(event: InboxEvent) -> tuple[datetime, UUID]:
    return event.received_at, event.id
