"""The second use case: a person says what a message is really about, or takes that back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog

from bot.blocks.action_ids import ActionId
from bot.blocks.common import Card
from bot.errors import NotAllowed, SlackUnavailable
from bot.rights import Deed
from bot.slack.emoji import CONFIRM, NONE_OF_THESE, normalise
from bot.slack.incoming import IncomingReaction, moment
from bot.slack.people import Role
from bot.tickets.owners import Owners
from bot.tickets.posts import CARD, add_replies, posted_card, team_surface_card, ticket_view
from bot.workspace import Workspace
from storage.feedback.resolution import resolve_labels
from storage.feedback.reviews import closes, voices_of
from storage.models import LabelKind, LabelRole, LabelSource, Ticket, TicketState

log = structlog.get_logger(__name__)


def kind_of(ticket: Ticket, category: str | None) -> LabelKind:
    """Return what a person's word is, against what the bot decided."""
    if category is None:
        return LabelKind.NONE_OF_THESE
    if ticket.state == TicketState.ROUTED and category == ticket.category:
        return LabelKind.CONFIRMATION
    return LabelKind.CORRECTION


class Corrections:
    """Stores and withdraws labels, and keeps the cards true."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.owners = Owners(workspace)

    async def on_reaction(self, payload: Mapping[str, Any], received_at: datetime) -> None:
        """Take a category's emoji as a label, its removal as a withdrawal; ignore every other reaction."""
        reaction, space = IncomingReaction(**payload), self._workspace
        if reaction.user_id == space.identity.bot_user_id or reaction.team_id != space.identity.team_id:
            return
        async with space.database.reader() as work:
            ticket = await work.tickets.find_by_any_ts(
                team_id=reaction.team_id, channel_id=reaction.channel_id, ts=reaction.ts
            )
            categories = await space.directory.categories(work)
        if ticket is None:
            return
        by_emoji = {normalise(view.emoji): view.slug for view in categories}
        if reaction.emoji in by_emoji:
            category: str | None = by_emoji[reaction.emoji]
        elif (
            reaction.emoji in CONFIRM
            and ticket.state == TicketState.ROUTED
            and ticket.category in by_emoji.values()
        ):
            category = ticket.category
        elif reaction.emoji in NONE_OF_THESE:
            category = None
        else:
            return
        role = await self.owners.role(reaction.user_id, ticket, (category,))
        try:
            await space.access.require(Deed.LABEL, reaction.user_id, ticket, role)
        except NotAllowed:
            return  # an emoji is nothing that must be answered
        when = moment(reaction.event_ts, received_at)
        if reaction.added:
            await self._store(
                ticket, reaction.user_id, role, category, LabelSource.REACTION, reaction.emoji, when
            )
        else:
            async with space.database.unit_of_work() as work:
                await work.labels.withdraw(
                    team_id=ticket.team_id,
                    ticket_id=ticket.id,
                    user_id=reaction.user_id,
                    source=LabelSource.REACTION,
                    detail=reaction.emoji,
                    now=when,
                )
                await work.commit()
        await self.refresh(ticket)

    async def on_action(self, payload: Mapping[str, Any], received_at: datetime) -> None:
        """Take a button or the menu as a label."""
        space = self._workspace
        async with space.tell_person(payload["response_url"]):
            ticket, value = await space.access.pressed(payload)
            role = await self.owners.role(payload["user_id"], ticket, (value.category,))
            await space.access.require(Deed.LABEL, payload["user_id"], ticket, role)
            known = {view.slug for view in await space.directory.categories()}
            if value.category is not None and value.category not in known:
                await self.refresh(ticket)  # so that the card offers what exists
                raise await space.directory.unknown(value.category)
            source = source_of(payload["action_id"])
            await self._store(ticket, payload["user_id"], role, value.category, source, None, received_at)
            await self.refresh(ticket)

    async def _store(
        self,
        ticket: Ticket,
        user_id: str,
        role: Role,
        category: str | None,
        source: LabelSource,
        detail: str | None,
        when: datetime,
    ) -> None:
        kind = kind_of(ticket, category)
        key: dict[str, Any] = {"team_id": ticket.team_id, "ticket_id": ticket.id}
        space = self._workspace
        async with space.database.unit_of_work() as work:
            await work.labels.lock(**key)
            doubt = await work.reviews.open_for(**key)
            voices = voices_of(doubt, await work.labels.history(**key)) if doubt else frozenset()
            await work.labels.add(
                **key,
                category=category,
                user_id=user_id,
                role=LabelRole(role.value),
                kind=kind,
                source=source,
                detail=detail,
                now=when,
            )
            await work.embeddings.keep(**key, now=space.clock())
            await work.questions.mark_answered(**key, now=when)
            standing = await work.labels.active_for(**key)
            verdict = resolve_labels(standing)
            if doubt is not None and verdict is not None:
                if closes(doubt, verdict, voices, user_id, LabelRole(role.value)):
                    await work.reviews.settle(**key, category=category, user_id=user_id, now=when)
                elif not verdict.disputed:
                    doubt.given = verdict.category  # the doubt goes along with who is doubted
            if len(standing) > 1:
                await work.trust.refresh(team_id=ticket.team_id, now=space.clock())
            await work.commit()
        log.info("label_stored", ticket=str(ticket.id), kind=kind.value, source=source.value)

    async def refresh(self, ticket: Ticket) -> None:
        """Make every post of the ticket say what is true now; repeating it is harmless."""
        space = self._workspace
        await space.access.look(ticket.channel_id)
        edits: list[tuple[str, str, Card]] = []
        async with space.database.unit_of_work() as work:
            key: dict[str, Any] = {"team_id": ticket.team_id, "ticket_id": ticket.id}
            if not await work.replies.wanted(ticket.id):
                return  # its message was deleted, and our posts with it
            kept = await work.tickets.get(**key)
            state = await ticket_view(space, work, kept or ticket)  # it may have been edited meanwhile
            await add_replies(space, work, state)
            for reply in await work.replies.all_for_ticket(**key, hold=True):
                is_card = reply.surface == CARD
                card = (
                    posted_card(state)
                    if is_card
                    else team_surface_card(state, reply.surface, reply.channel_id)
                )
                if card is None:
                    continue
                # A reply that is still waiting is posted with the new content; a posted one is edited.
                reply.text, reply.blocks = card.text, card.blocks
                if reply.ts is not None:
                    edits.append((reply.channel_id, reply.ts, card))
            await work.commit()
        space.wake_outbox()
        for channel_id, ts, card in edits:
            try:
                await space.messenger.update(channel_id, ts, card)
            except SlackUnavailable as error:
                if not error.permanent:
                    raise
                # somebody deleted it, or we left the channel: what people said counts all the same
                log.info("card_not_redrawn", ticket=str(ticket.id), error=error.code)


def source_of(action_id: str) -> LabelSource:
    """Say how a label was given: in the menu, as the answer to a question, or by another button."""
    if action_id == ActionId.CORRECT:
        return LabelSource.MENU
    asked = action_id.startswith((ActionId.CHOOSE, ActionId.ANSWER))
    return LabelSource.QUESTION if asked else LabelSource.BUTTON
