"""The bot asks by itself, a few times a day: about the tickets whose answer would teach it most."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import structlog

from bot.errors import SlackUnavailable
from bot.notices import leave_post
from bot.question_plan import QuestionPlan
from bot.queue.serial_tasks import poll
from bot.tickets.channel_facts import ChannelFacts
from bot.tickets.posts import QUESTION, question_post, ticket_view
from bot.workspace import Workspace
from classifier.contract import ClassifierUnavailable
from classifier.feedback.active_learning import most_helpful
from storage.database import UnitOfWork
from storage.models import Prediction, Ticket, TicketState
from storage.types import vector_from_bytes

log = structlog.get_logger(__name__)
POLL_SECONDS = 60.0
LOOK_BACK = timedelta(days=4)
"""Over a weekend and a bit; who asks about older messages asks about what nobody remembers."""
PATIENCE = timedelta(hours=1)
"""People may answer the card in the thread first; younger tickets are left alone."""
CONSIDERED = 20
"""So many of the most helpful tickets are tried, where a channel sleeps or a ticket was just labelled."""


@dataclass(frozen=True, slots=True)
class _Pick:
    """A ticket to ask about, what the model said of it, and where the question goes."""

    ticket: Ticket
    prediction: Prediction
    channel_id: str
    thread_ts: str | None


class Asker:
    """Spends the day's budget of questions.

    Any number of replicas may run: a question takes the next slot of the day in the database, before it is
    posted, and a slot can be taken once.
    """

    def __init__(
        self, workspace: Workspace, plan: QuestionPlan, *, poll_seconds: float = POLL_SECONDS
    ) -> None:
        self._workspace = workspace
        self._plan = plan
        self._poll_seconds = poll_seconds
        self._facts = ChannelFacts(workspace.messenger, plan.zone)

    async def run(self) -> None:
        """Ask until cancelled; with a budget of 0 there is nothing to do, for good."""
        if not self._plan.per_day:
            await asyncio.Event().wait()
        await poll("question", self.look, self._poll_seconds, SlackUnavailable, ClassifierUnavailable)

    async def look(self) -> bool:
        """Ask one question if one is due; return whether it was."""
        space, plan, now = self._workspace, self._plan, self._workspace.clock()
        slot = await self._due_slot(now)
        if slot is None:
            return False
        version = (await space.classifier.model()).version
        for pick in await self._picks(version, now):
            zone = await self._facts.zone(pick.channel_id)
            if plan.is_working_time(now, zone) and await self._may_quote(pick):
                return await self._ask(pick, slot, now)
        return False

    async def _due_slot(self, now: datetime) -> int | None:
        """Return the day's next slot where the budget and the pause since the last question allow one."""
        team_id, plan = self._workspace.identity.team_id, self._plan
        async with self._workspace.database.reader() as work:
            slot = await work.questions.asked_on(team_id=team_id, day=plan.day(now))
            last = await work.questions.last_asked_at(team_id=team_id)
        rested = last is None or now - last >= plan.pause
        return slot if slot < plan.per_day and rested else None

    async def _picks(self, version: str, now: datetime) -> list[_Pick]:
        """Return the most helpful tickets, best first, with the place for the question."""
        space, team_id = self._workspace, self._workspace.identity.team_id
        async with space.database.reader() as work:
            found = await work.questions.candidates(
                team_id=team_id, model_version=version, since=now - LOOK_BACK, until=now - PATIENCE
            )
            known = await work.questions.embeddings_of_asked(team_id=team_id, model_version=version)
            labelled = await work.embeddings.vectors(team_id=team_id, model_version=version)
            destinations = {c.slug: c.destination_id for c in await space.directory.categories(work)}
        picks = [pick for row in found if (pick := _place(*row, destinations)) is not None]
        known += [packed for _, packed in labelled]
        # thousands of vectors take long enough to hold up the listeners
        order = await asyncio.to_thread(_rank, picks, known)
        return [picks[index] for index in order]

    async def _may_quote(self, pick: _Pick) -> bool:
        """Only a ticket's own thread may quote what was said in a private channel."""
        access, own = self._workspace.access, pick.ticket.channel_id
        await access.look(own)
        return pick.channel_id == own or access.is_open(own)

    async def _ask(self, pick: _Pick, slot: int, now: datetime) -> bool:
        """Take the slot and leave the question in the outbox, in one transaction."""
        space, team_id, plan = self._workspace, self._workspace.identity.team_id, self._plan
        async with space.database.unit_of_work() as work:
            if await _is_labelled(work, pick.ticket):
                return False
            if not await work.replies.wanted(pick.ticket.id):
                return False  # its message was deleted
            question = await work.questions.add_if_free(
                team_id=team_id,
                ticket_id=pick.ticket.id,
                day=plan.day(now),
                slot=slot,
                channel_id=pick.channel_id,
                gain=1.0 - margin_of(pick.prediction),
                now=now,
            )
            if question is None:
                return False  # another replica was quicker
            card = question_post(await ticket_view(space, work, pick.ticket), pick.channel_id)
            await leave_post(
                space,
                work,
                f"{QUESTION}{question.id}",
                pick.channel_id,
                card,
                ticket=pick.ticket,
                thread_ts=pick.thread_ts,
            )
            await work.commit()
        space.wake_outbox()
        log.info("question_asked", ticket=str(pick.ticket.id), slot=slot)
        return True


def margin_of(prediction: Prediction) -> float:
    """Return how far apart the two likeliest categories are, 0..1."""
    shares = [float(p) for _, p in prediction.alternatives[:2]]
    return shares[0] - shares[1] if len(shares) > 1 else 1.0


def _place(ticket: Ticket, prediction: Prediction, destinations: dict[str, str | None]) -> _Pick | None:
    """Say where the question goes: to the likeliest category's people, else to the ticket's thread.

    None where it was asked already: in its own thread, and nobody else could be asked.
    """
    likeliest = next((slug for slug, _ in prediction.alternatives if slug in destinations), None)
    if likeliest is None:
        return None  # no category is left to offer
    channel_id = destinations[likeliest]
    if channel_id is not None and channel_id != ticket.channel_id:
        return _Pick(ticket, prediction, channel_id, None)
    if ticket.state == TicketState.ASKED:
        return None
    return _Pick(ticket, prediction, ticket.channel_id, ticket.ts)


def _rank(picks: Sequence[_Pick], known: Sequence[bytes]) -> list[int]:
    """Order the tickets by what their answers would teach."""
    if not picks:
        return []
    return most_helpful(
        [margin_of(pick.prediction) for pick in picks],
        np.stack([vector_from_bytes(pick.prediction.embedding or b"") for pick in picks]),
        CONSIDERED,
        asked=np.stack([vector_from_bytes(packed) for packed in known]) if known else None,
    )


async def _is_labelled(work: UnitOfWork, ticket: Ticket) -> bool:
    """Look again, and at the ticket's row first: it may have been labelled, or deleted, in the meantime."""
    key: dict[str, Any] = {"team_id": ticket.team_id, "ticket_id": ticket.id}
    return await work.tickets.get(**key) is None or bool(await work.labels.active_for(**key))
