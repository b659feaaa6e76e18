"""Durable work: what Slack delivered waits in the database until it is done or given up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import structlog

from bot.clock import Clock
from bot.queue.inbox_worker import Apologise, Handler, InboxWorker
from storage.database import Database
from storage.models import InboxEvent

log = structlog.get_logger(__name__)


class Kind(StrEnum):
    """What waits in the inbox."""

    MESSAGE = "message"
    DELETED = "deleted"
    REMOVED = "removed"
    EDIT = "edit"
    REACTION = "reaction"
    ACTION = "action"
    WHY = "why"
    WHY_BUTTON = "why_button"
    PICTURE = "picture"
    RETRAIN = "retrain"
    HOME = "home"
    REVIEW = "review"
    CATEGORY = "category"
    MEMBER = "member"


EXPLANATIONS = frozenset({Kind.WHY, Kind.WHY_BUTTON, Kind.PICTURE})
"""They take seconds of the model's time each, so they never stand before a message."""
EXPLANATIONS_AT_ONCE = 2


def _by_message(event: InboxEvent) -> str:
    """What is about the same message stays in its order, so that "added" precedes "removed"."""
    return f"{event.payload.get('channel_id')}/{event.payload.get('ts') or event.id}"


def _by_person(event: InboxEvent) -> str:
    """One explanation at a time for each person."""
    return str(event.payload.get("user_id", event.id))


class Inbox:
    """Adds events before they are acknowledged, and works them off in the order of their subject.

    Args:
        database: where the events live.
        team_id: the workspace; events of others are left alone.
        handlers: what to do with each kind.
        clock: the time.
        workers: how many subjects are worked on at once, beside explanations.
        apologise: tells a person, by their `response_url`, that their request was given up.
        jitter: 0..1, spreads retries; a test passes its own.
    """

    def __init__(
        self,
        database: Database,
        team_id: str,
        handlers: Mapping[Kind, Handler],
        clock: Clock,
        *,
        workers: int = 4,
        apologise: Apologise | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._clock = clock

        def worker(name: str, subject: Callable[[InboxEvent], str], limit: int, *, slow: bool) -> InboxWorker:
            mine = {kind.value: do for kind, do in handlers.items() if (kind in EXPLANATIONS) is slow}
            return InboxWorker(
                database,
                team_id,
                mine,
                clock,
                name=name,
                subject=subject,
                limit=limit,
                answers_only=slow,
                apologise=apologise,
                jitter=jitter,
            )

        self._quick = worker("inbox", _by_message, workers, slow=False)
        self._slow = worker("explanations", _by_person, EXPLANATIONS_AT_ONCE, slow=True)

    async def add(self, *, team_id: str, event_id: str, kind: Kind, payload: dict[str, Any]) -> bool:
        """Commit an event; False where it was there already (Slack delivers at least once).

        Raises:
            DatabaseUnavailable: nothing was kept, so the delivery must not be acknowledged.
            ValueError: the event has no id, so that its redelivery could not be known.
        """
        if not isinstance(event_id, str) or not event_id:
            raise ValueError("an event without an id")
        async with self._database.unit_of_work() as work:
            new = await work.inbox.add(
                team_id=team_id, event_id=event_id, kind=kind.value, payload=payload, now=self._clock()
            )
            await work.commit()
        if new:
            (self._slow if kind in EXPLANATIONS else self._quick).wake()
        else:
            log.info("event_already_known", event_id=event_id, kind=kind.value)
        return new

    async def run(self) -> None:
        """Work until cancelled, then give back what is under way."""
        async with asyncio.TaskGroup() as group:
            for worker in (self._quick, self._slow):
                group.create_task(worker.run())
