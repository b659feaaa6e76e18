"""The main use case: a message comes in, the right people hear of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog

from bot.policy import ASK_WITH_AT_MOST, Decision, Outcome, Thresholds, decide, predicted_by_model
from bot.slack.incoming import IncomingMessage
from bot.tickets.memory import Remembered, TicketMemory
from bot.tickets.merges import follow_merges
from bot.tickets.posts import CARD, TicketView, owner_surface, team_surface_card, thread_card
from bot.workspace import Workspace
from classifier.contract import Prediction
from storage.database import UnitOfWork
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
            )
            setting = await work.channels.get(team_id=message.team_id, channel_id=message.channel_id)
            await work.commit()
        if ticket.state != TicketState.NEW:
            return
        prediction = await self._predict(message.text)
        if prediction is not None:
            async with space.database.reader() as work:
                prediction = follow_merges(prediction, await space.directory.retired(work))
        threshold = setting.threshold if setting else None
        await self._decide(ticket, prediction, threshold)
        space.wake_outbox()

    async def _predict(self, text: str) -> Prediction | None:
        """Ask the model; a message that is only a file has nothing to read."""
        if not text.strip():
            return None
        return (await self._workspace.classifier.classify([text]))[0]

    async def _decide(self, ticket: Ticket, prediction: Prediction | None, threshold: float | None) -> None:
        space = self._workspace
        thresholds = Thresholds(
            space.thresholds.route if threshold is None else threshold, space.thresholds.out_of_scope
        )
        remembered = await self._remember(ticket, prediction, thresholds)
        recalled = remembered.recalled if remembered else None
        # before the transaction opens
        link = await space.messenger.permalink(ticket.channel_id, ticket.ts)
        like = ""
        if remembered:
            like = await space.messenger.permalink(remembered.ticket.channel_id, remembered.ticket.ts)
        async with space.database.unit_of_work() as work:
            categories = await space.directory.categories(work)
            slugs = frozenset(view.slug for view in categories)
            decision = Decision(Outcome.ASKED, None)
            if prediction:
                decision = decide(prediction, thresholds, slugs, recalled)
            state, row = TicketState(decision.outcome.value), None
            if prediction is None:
                await work.tickets.decide(ticket, state=state, category=None)
            else:
                row = await work.tickets.record(
                    ticket,
                    _values(prediction, decision, remembered),
                    state=state,
                    category=decision.category,
                    now=space.clock(),
                )
            await add_replies(work, TicketView(ticket, row, (), categories, link, like=like), space.clock())
            await work.commit()
        log.info(
            "ticket_decided",
            ticket=str(ticket.id),
            outcome=decision.outcome.value,
            remembered=decision.remembered,
        )

    async def _remember(
        self, ticket: Ticket, prediction: Prediction | None, thresholds: Thresholds
    ) -> Remembered | None:
        """Look for what people said of a message like this one."""
        if prediction is None:
            return None
        return await self._memory.recall(
            prediction,
            team_id=ticket.team_id,
            text=ticket.text,
            predicted=predicted_by_model(prediction, thresholds),
            leave_out=ticket.id,
        )


async def add_replies(work: UnitOfWork, state: TicketView, now: datetime) -> None:
    """Put the posts that the ticket should have, and does not have yet, into the outbox."""
    card, ticket = thread_card(state), state.ticket
    if card is not None:
        await work.replies.add_if_new(
            team_id=ticket.team_id,
            ticket_id=ticket.id,
            surface=CARD,
            channel_id=ticket.channel_id,
            thread_ts=ticket.ts,
            text=card.text,
            blocks=card.blocks,
            now=now,
        )
    owner = owner_surface(state)
    if owner is not None and (team := team_surface_card(state, owner[0])) is not None:
        await work.replies.add_if_new(
            team_id=ticket.team_id,
            ticket_id=ticket.id,
            surface=owner[0],
            channel_id=owner[1],
            thread_ts=None,
            text=team.text,
            blocks=team.blocks,
            now=now,
        )


def _values(prediction: Prediction, decision: Decision, remembered: Remembered | None) -> PredictionValues:
    """Return what is kept of a prediction: what the card shows, and the embedding for later look-ups."""
    words = prediction.words[:WORDS_KEPT]
    asked = decision.outcome is Outcome.ASKED and decision.choices
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
