"""Which posts a ticket has and what each of them shows now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.blocks.categories import with_retired
from bot.blocks.common import Card, CategoryView
from bot.blocks.links import message_link
from bot.blocks.question import daily_question
from bot.blocks.ticket_card import Correction, Precedent, question_card, routed_card, team_card
from bot.notices import leave_post
from bot.policy import ASK_WITH, ASK_WITH_AT_MOST
from bot.tickets.label_files import IMPORTED
from bot.workspace import Workspace
from storage.database import UnitOfWork
from storage.feedback.resolution import resolve_labels
from storage.models import Label, Prediction, Ticket, TicketState

CARD = "card"
TEAM_CARD = "team_card:"
"""Surface of a card in an owning team's channel; the category's slug follows."""
QUESTION = "question:"
"""Surface of a question that the bot asked by itself; the question's id follows."""


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket with what the model and people said of it.

    Attributes:
        link: to its message, see `message_link`.
        capped: people whose word needs a second one.
        like: link to the labelled ticket that had a say in this one; "" where none had, or it is gone.
        quotable: whether other channels may quote its text; else they get its link alone.
    """

    ticket: Ticket
    prediction: Prediction | None
    labels: Sequence[Label]
    categories: Sequence[CategoryView]
    link: str
    retired: Sequence[CategoryView] = ()
    capped: frozenset[str] = frozenset()
    like: str = ""
    quotable: bool = False

    def category(self, slug: str | None) -> CategoryView | None:
        """Return an active category by its slug; of a merged one, what it was merged into."""
        gone = next((view for view in self.retired if view.slug == slug), None)
        slug = gone.merged_into if gone else slug
        return next((view for view in self.categories if view.slug == slug), None)

    @property
    def likely(self) -> list[tuple[CategoryView, float]]:
        """Return the categories that the model named and their probabilities, merged ones as one."""
        found: dict[str, tuple[CategoryView, float]] = {}
        for slug, p in self.prediction.alternatives if self.prediction else []:
            view = self.category(slug)
            if view is not None:
                found[view.slug] = (view, found.get(view.slug, (view, 0.0))[1] + float(p))
        return list(found.values())

    @property
    def lost(self) -> CategoryView | None:
        """Return the retired category that this ticket was in, where none took its place."""
        verdict = resolve_labels(self.labels, self.capped)
        slug = verdict.category if verdict else self.ticket.category
        gone = next((view for view in self.retired if view.slug == slug), None)
        return None if gone is None or gone.merged_into else gone

    @property
    def correction(self) -> Correction | None:
        """Return what people settled on, or None while nobody's label counts."""
        verdict = resolve_labels(self.labels, self.capped)
        if verdict is None:
            return None
        view = self.category(verdict.category)
        if verdict.category is not None and view is None:
            return None  # the category was retired since
        routed = self.ticket.state == TicketState.ROUTED and self.prediction is not None
        confirmed = routed and view is not None and view == self.category(self.ticket.category)
        return Correction(view, verdict.user_ids, confirmed, disputed=verdict.disputed)

    @property
    def owner(self) -> CategoryView | None:
        """Return whose ticket it is now: what people said, else what the bot routed by itself."""
        correction = self.correction
        if correction is not None:
            return correction.category
        routed = self.ticket.state == TicketState.ROUTED and self.prediction is not None
        return self.category(self.ticket.category) if routed else None

    @property
    def precedent(self) -> Precedent | None:
        """Return what the card says of the labelled ticket that had a say; None where none had."""
        row = self.prediction
        if row is None or row.remembered_ticket_id is None:
            return None
        return Precedent(self.like, corrected=row.category != self.ticket.category)


async def ticket_view(space: Workspace, work: UnitOfWork, ticket: Ticket) -> TicketView:
    """Read all that there is to show of a ticket. Slack is not asked: a transaction is open."""
    key: dict[str, Any] = {"team_id": ticket.team_id, "ticket_id": ticket.id}
    prediction, like = await work.tickets.latest_prediction(**key), None
    if prediction is not None and prediction.remembered_ticket_id is not None:
        like = await work.tickets.get(team_id=ticket.team_id, ticket_id=prediction.remembered_ticket_id)
    return TicketView(
        ticket,
        prediction,
        await work.labels.active_for(**key),
        await space.directory.categories(work),
        link_of(ticket),
        retired=await space.directory.retired(work),
        capped=await work.trust.capped(team_id=ticket.team_id),
        like=link_of(like) if like else "",
        quotable=space.access.is_open(ticket.channel_id),
    )


def link_of(ticket: Ticket) -> str:
    """Return the link to a ticket's message; "" where it was imported, or deleted since."""
    gone = ticket.channel_id == IMPORTED or ticket.deleted_at is not None
    return "" if gone else message_link(ticket.channel_id, ticket.ts)


async def add_replies(space: Workspace, work: UnitOfWork, state: TicketView) -> None:
    """Put the posts that the ticket should have, and does not have yet, into the outbox."""
    ticket, card, owner = state.ticket, thread_card(state), owner_surface(state)
    if card is not None:
        await leave_post(space, work, CARD, ticket.channel_id, card, ticket=ticket, thread_ts=ticket.ts)
    if owner is not None and (team := team_surface_card(state, owner[0])) is not None:
        await leave_post(space, work, *owner, team, ticket=ticket)


def thread_card(state: TicketView) -> Card | None:
    """Return the card in the ticket's thread; None where the bot keeps silent."""
    if state.ticket.state == TicketState.OUT_OF_SCOPE and state.correction is None:
        return None
    return posted_card(state)


def posted_card(state: TicketView) -> Card:
    """Return what a card that is in the thread shows now, also after a correction was taken back."""
    return with_retired(_posted_card(state), state.lost)


def _posted_card(state: TicketView) -> Card:
    ticket, prediction, correction = state.ticket, state.prediction, state.correction
    words = [str(word["text"]) for word in prediction.words] if prediction else []
    decided = state.category(ticket.category)
    precedent = state.precedent
    if ticket.state == TicketState.ROUTED and prediction and decided:
        return routed_card(
            ticket.id, decided, prediction.confidence, words, state.categories, correction, precedent
        )
    choices = state.likely[: ASK_WITH_AT_MOST if ticket.state == TicketState.ASKED else ASK_WITH]
    return question_card(
        ticket.id,
        choices,
        words,
        state.categories,
        correction,
        unreadable=not ticket.text.strip(),
        precedent=precedent,
    )


def owner_surface(state: TicketView) -> tuple[str, str] | None:
    """Return (surface, channel) of the card that the owning team should have, if any."""
    owner = state.owner
    if owner is None or owner.destination_id in {None, state.ticket.channel_id}:
        return None
    return f"{TEAM_CARD}{owner.slug}", str(owner.destination_id)


def team_surface_card(state: TicketView, surface: str, channel_id: str = "") -> Card | None:
    """Return what a card in a team's channel shows now: the ticket, that it has moved on, or a question.

    Args:
        state: of the ticket.
        surface: what the card is.
        channel_id: where it is; "": in another channel than the ticket.
    """
    if surface.startswith(QUESTION):
        return question_post(state, channel_id)
    slug = surface.removeprefix(TEAM_CARD)
    view = next((view for view in (*state.categories, *state.retired) if view.slug == slug), None)
    if view is None:
        return None
    owner, correction, lost = state.owner, state.correction, state.lost
    moved = None
    if lost is not None and lost.slug == slug:
        owner = lost  # nobody else's: the team keeps the card, which says so
    if owner is None or owner.slug != view.slug:
        # Without a correction it was here because of one that was taken back, or of words that are gone.
        moved = correction or Correction(owner, (), confirmed=False)
    sent_by = correction.by if correction and not correction.confirmed else ()
    confidence = next((p for likely, p in state.likely if likely.slug == view.slug), 1.0)
    excerpt = (state.ticket.text if state.ticket.text.strip() else "(a file)") if state.quotable else None
    shown = team_card(
        view,
        confidence,
        state.ticket.user_id,
        excerpt,
        state.link,
        moved,
        sent_by,
        state.precedent,
        edited=state.ticket.edited_ts is not None,
    )
    return with_retired(shown, lost if lost is not None and lost.slug == slug else None)


def question_post(state: TicketView, channel_id: str = "") -> Card:
    """Return what a question of the day shows now, in its channel: the choices, or who answered what."""
    quoted = state.quotable or channel_id == state.ticket.channel_id
    return daily_question(
        state.ticket.id,
        state.likely[:ASK_WITH],
        state.ticket.channel_id,
        state.ticket.text if quoted else None,
        state.link,
        state.correction,
    )
