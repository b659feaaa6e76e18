"""The main use case: a message comes in, the right people hear of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog

from bot.policy import ASK_WITH_AT_MOST, Decision, Thresholds, decide
from bot.slack.incoming import IncomingMessage
from bot.tickets.memory import Remembered, TicketMemory
from bot.tickets.merges import follow_merges
from bot.tickets.posts import add_replies, ticket_view
from bot.workspace import Workspace
from classifier.contract import Prediction
from classifier.feedback.languages import is_foreign
from storage.database import UnitOfWork
from storage.errors import RowNotFound
from storage.models import Ticket, TicketState
from storage.tickets.tickets import PredictionValues
from storage.types import vector_to_bytes

log = structlog.get_logger(__name__)
ALTERNATIVES_KEPT = ASK_WITH_AT_MOST
WORDS_KEPT = 10


class Router:
    """Turns a message into a ticket with a decision and the replies to post."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._memory = TicketMemory(workspace.database)

    async def route(self, payload: Mapping[str, Any], received_at: datetime) -> None:
        """Keep the ticket, ask the model, decide, and leave the replies in the outbox.

        Repeating it is harmless: a decided ticket is left alone, and a surface is posted once.
        """
        message, space = IncomingMessage(**payload), self._workspace
        if not await space.directory.is_support_channel(message.channel_id):
            return
        async with space.database.unit_of_work() as work:
            ticket, _ = await work.tickets.add_if_new(
                team_id=message.team_id,
                channel_id=message.channel_id,
                ts=message.ts,
                user_id=message.user_id,
                text=message.text,
                now=received_at,
                edited_ts=message.edited_ts or None,
            )
            await work.commit()
        if ticket.state == TicketState.NEW and ticket.deleted_at is None:
            await self.decide(ticket)

    async def decide(self, ticket: Ticket) -> None:
        """Ask the model about a ticket as it reads now, decide, and leave the replies in the outbox.

        A ticket that was decided before is decided again, unless people said what it is.
        """
        space = self._workspace
        async with space.database.reader() as work:
            if await self._is_settled(work, ticket):
                return
            setting = await work.channels.get(team_id=ticket.team_id, channel_id=ticket.channel_id)
        prediction = await self._predict(ticket.text)
        if prediction is not None:
            async with space.database.reader() as work:
                prediction = follow_merges(prediction, await space.directory.retired(work))
        try:
            await self._decide(ticket, prediction, setting.threshold if setting else None)
        except RowNotFound:  # while the model worked its message was deleted
            log.info("ticket_deleted_meanwhile", ticket=str(ticket.id))
        space.wake_outbox()

    async def _predict(self, text: str) -> Prediction | None:
        """Ask the model; a message that is only a file has nothing to read."""
        if not text.strip():
            return None
        return (await self._workspace.classifier.classify([text]))[0]

    async def _decide(self, ticket: Ticket, prediction: Prediction | None, threshold: float | None) -> None:
        space = self._workspace
        await space.access.look(ticket.channel_id)
        thresholds = Thresholds(
            space.thresholds.route if threshold is None else threshold, space.thresholds.out_of_scope
        )
        remembered, foreign = None, False
        if prediction is not None:
            foreign = await asyncio.to_thread(is_foreign, ticket.text, prediction.languages)
            remembered = await self._memory.recall(
                prediction, thresholds, team_id=ticket.team_id, text=ticket.text, leave_out=ticket.id
            )
        async with space.database.unit_of_work() as work:
            # an edit or a deletion in the meantime does what is left to do
            if not await work.tickets.hold(ticket) or await self._is_settled(work, ticket):
                return
            active = frozenset(view.slug for view in await space.directory.categories(work))
            recalled = remembered.recalled if remembered else None
            decision = decide(prediction, thresholds, active, recalled, foreign=foreign)
            if prediction is None:
                await work.tickets.decide(ticket, state=decision.outcome, category=None)
            else:
                await work.tickets.record(
                    ticket,
                    _values(prediction, decision, remembered),
                    state=decision.outcome,
                    category=decision.category,
                    now=space.clock(),
                )
            await add_replies(space, work, await ticket_view(space, work, ticket))
            await work.commit()
        log.info(
            "ticket_decided",
            ticket=str(ticket.id),
            outcome=decision.outcome.value,
            remembered=decision.remembered,
        )

    @staticmethod
    async def _is_settled(work: UnitOfWork, ticket: Ticket) -> bool:
        """Say whether people have labelled a ticket that was decided."""
        key: dict[str, Any] = {"team_id": ticket.team_id, "ticket_id": ticket.id}
        return ticket.state != TicketState.NEW and bool(await work.labels.active_for(**key))


def _values(prediction: Prediction, decision: Decision, remembered: Remembered | None) -> PredictionValues:
    """Return what is kept of a prediction: what the card shows, and the embedding for later look-ups."""
    words = prediction.words[:WORDS_KEPT]
    asked = decision.outcome is TicketState.ASKED and decision.choices
    return PredictionValues(
        model_version=prediction.model_version,
        category=prediction.category,
        confidence=prediction.confidence,
        # of a question, what it offered: the card is drawn again from here
        alternatives=decision.choices if asked else prediction.alternatives[:ALTERNATIVES_KEPT],
        words=[{"text": w.text, "start": w.start, "end": w.end, "score": w.score} for w in words],
        out_of_scope=prediction.out_of_scope,
        decision=decision.outcome.value,
        embedding=vector_to_bytes(prediction.embedding),
        truncated=prediction.truncated,
        remembered_ticket_id=remembered.ticket.ticket_id if remembered and decision.remembered else None,
    )
