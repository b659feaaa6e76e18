"""The review queue: what waits for a person's word, who may give it, and what their tap does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.blocks.common import CategoryView
from bot.blocks.review_queue import SHOWN, Entry, Near, Opinion, Queue
from bot.errors import NotAllowed, UnknownCategory, UserError
from bot.rights import RIGHTS, Deed, Reach, reach
from bot.slack.people import Role
from bot.tickets.corrections import Corrections, kind_of
from bot.tickets.label_files import IMPORTED
from bot.tickets.neighbours import Neighbour, nearest_labelled, readable
from bot.tickets.posts import link_of
from bot.workspace import Workspace
from storage.database import UnitOfWork
from storage.feedback.provenance import Said, provenance
from storage.feedback.resolution import Resolved, rank, resolve_labels
from storage.feedback.reviews import voices_of
from storage.learning_models import LabelReview
from storage.models import Label, LabelRole, LabelSource, Prediction, Ticket
from storage.types import vector_from_bytes

DOUBTS_LOOKED_AT = 100
"""The worst ones; the others come up as these are settled."""
_NEAR = 3
_A_MOMENT = timedelta(microseconds=1)
_NEAR_LOOKED_AT = 9
"""Nearest tickets from which those are taken that the person may read."""

log = structlog.get_logger(__name__)


class AlreadySettled(UserError):
    """Somebody has settled that one already."""


@dataclass(frozen=True, slots=True)
class Case:
    """A ticket that waits: people disagree, or its label is doubted."""

    ticket: Ticket
    labels: Sequence[Label]
    verdict: Resolved
    doubt: LabelReview | None

    @property
    def slugs(self) -> set[str | None]:
        """Return the categories at stake; whom an admin named an owner of one of them is one here."""
        doubted = {self.doubt.given, self.doubt.suggested} if self.doubt else set()
        return {self.ticket.category, *(label.category for label in self.labels), *doubted}


def may_settle(role: Role, user_id: str, case: Case) -> bool:
    """Say whether a person's word ends it.

    An admin's always; an owner's where no owner or admin spoke, and it is not their own word that is doubted.
    """
    if reach(Deed.SETTLE, role) is Reach.NO:
        return False
    doubted = case.doubt is not None and user_id in voices_of(case.doubt, case.labels)
    outranks = rank(LabelRole.OWNER) < rank(case.verdict.role)
    return role is Role.ADMIN or (outranks and not doubted)


class ReviewQueue:
    """Shows a person their part of the queue, and settles what they tap on."""

    def __init__(self, workspace: Workspace, corrections: Corrections) -> None:
        self._workspace = workspace
        self._corrections = corrections

    async def queue(self, user_id: str, notice: str = "") -> Queue:
        """Return what this person may settle: disputes first, the longest waiting first, then doubts."""
        space = self._workspace
        role = await space.people.role(user_id)
        if role is Role.OUTSIDER:
            return Queue()
        async with space.database.reader() as work:
            cases = await self._cases(work)
            categories = await space.directory.categories(work)
            fared = await work.trust.list(team_id=space.identity.team_id) if role is Role.ADMIN else []
        seen = {ticket.id for ticket in await space.access.seen(user_id, [case.ticket for case in cases])}
        mine = [
            case
            for case in cases
            if case.ticket.id in seen and may_settle(await self._role(user_id, case), user_id, case)
        ]
        return Queue(
            entries=[await self._entry(case, categories, user_id) for case in mine[:SHOWN]],
            more=max(0, len(mine) - SHOWN),
            capped=[(row.user_id, row.lost, row.judged) for row in fared if row.capped],
            notice=notice,
        )

    async def settle(self, payload: Mapping[str, Any], received_at: datetime) -> None:
        """Store a person's word from the queue and close what waited; repeating it is harmless.

        Raises:
            UserError: it is settled already, it is not theirs to settle, or the category is gone.
        """
        space, user_id = self._workspace, str(payload["user_id"])
        ticket, value = await space.access.pressed(payload)
        key: dict[str, Any] = {"team_id": ticket.team_id, "ticket_id": ticket.id}
        async with space.database.reader() as work:
            categories = await space.directory.categories(work)
            before = await self._case(work, ticket)
        role = Role.OUTSIDER
        if before is not None:
            role = await self._role(user_id, before)
            await space.access.require(Deed.SETTLE, user_id, ticket, role)
        async with space.database.unit_of_work() as work:
            await work.labels.lock(**key)  # two taps at once: the second finds it settled
            case = await self._case(work, ticket)
            if before is not None and case is not None:
                await self._store(work, case, value.category, user_id, role, categories, received_at)
                await work.commit()
            elif not await _said_here(work, ticket, user_id, value.category):
                raise AlreadySettled
        if ticket.channel_id != IMPORTED:
            await self._corrections.refresh(ticket)

    async def _store(
        self,
        work: UnitOfWork,
        case: Case,
        category: str | None,
        user_id: str,
        role: Role,
        categories: Sequence[CategoryView],
        when: datetime,
    ) -> None:
        if not may_settle(role, user_id, case):
            raise NotAllowed(RIGHTS[Deed.SETTLE].refusal)
        kept = case.doubt is not None and category == case.doubt.given
        if not kept and category is not None and category not in {view.slug for view in categories}:
            raise UnknownCategory
        team_id, now = case.ticket.team_id, self._workspace.clock()
        key: dict[str, Any] = {"team_id": team_id, "ticket_id": case.ticket.id}
        label = await work.labels.add(
            **key,
            category=category,
            user_id=user_id,
            role=LabelRole(role.value),
            kind=kind_of(case.ticket, category),
            source=LabelSource.REVIEW,
            # later than what it settles, whatever two machines' clocks say
            now=max(when, *(label.created_at + _A_MOMENT for label in case.labels)),
        )
        await work.reviews.settle(**key, category=category, user_id=user_id, now=now)
        details = {
            "category": category,
            "label": str(label.id),
            "role": role.value,
            "why": "disputed" if case.verdict.disputed else "doubted",
            "before": case.verdict.category,
        }
        await self._workspace.audit(work, user_id, "review.settle", str(case.ticket.id), details)
        await work.trust.refresh(team_id=team_id, now=now)
        log.info("review_settled", ticket=str(case.ticket.id), role=role.value, kept=kept)

    async def _cases(self, work: UnitOfWork) -> list[Case]:
        team_id = self._workspace.identity.team_id
        capped = await work.trust.capped(team_id=team_id)
        doubts = {row.ticket_id: row for row in await work.reviews.open(team_id=team_id)}
        cases = [
            Case(each.ticket, each.labels, each.resolved, doubts.pop(each.ticket.id, None))
            for each in await work.labels.disputed(team_id=team_id, capped=capped)
        ]
        for ticket_id in list(doubts)[:DOUBTS_LOOKED_AT]:
            ticket = await work.tickets.get(team_id=team_id, ticket_id=ticket_id)
            case = await self._case(work, ticket, capped) if ticket else None
            if case is not None:
                cases.append(case)
        return cases

    async def _case(
        self, work: UnitOfWork, ticket: Ticket, capped: frozenset[str] | None = None
    ) -> Case | None:
        """Return what waits about a ticket, or None where nothing does (any more)."""
        key: dict[str, Any] = {"team_id": ticket.team_id, "ticket_id": ticket.id}
        if capped is None:
            capped = await work.trust.capped(team_id=ticket.team_id)
        labels = await work.labels.active_for(**key)
        # A doubt about what a capped person alone says still waits, though it counts for nothing.
        verdict = resolve_labels(labels, capped) or resolve_labels(labels)
        doubt = await work.reviews.open_for(**key)
        if verdict is None or not (verdict.disputed or doubt):
            return None
        return Case(ticket, labels, verdict, doubt)

    async def _role(self, user_id: str, case: Case) -> Role:
        return await self._corrections.owners.role(user_id, case.ticket, case.slugs)

    async def _entry(self, case: Case, categories: Sequence[CategoryView], user_id: str) -> Entry:
        ticket, views = case.ticket, {view.slug: view for view in categories}
        async with self._workspace.database.reader() as work:
            row = await work.tickets.latest_prediction(team_id=ticket.team_id, ticket_id=ticket.id)
            near = await self._near(work, ticket, row)
        disputed, choices = case.verdict.disputed, [label.category for label in case.labels]
        if case.doubt is not None:
            choices.insert(0, case.doubt.suggested)
        return Entry(
            ticket_id=ticket.id,
            text=ticket.text,
            link=link_of(ticket),
            opinions=[
                Opinion(
                    _view(views, fact.category),
                    fact.user_id if fact.what is not Said.IMPORT and fact.user_id else "",
                    str(fact.role),
                    str(fact.source),
                    fact.at,
                )
                for fact in provenance(ticket, [], case.labels)
                if fact.label_id is not None
            ],
            words=[str(word["text"]) for word in row.words] if row else [],
            near=[
                Near(each.ticket.text, _view(views, each.category))
                for each in await readable(self._workspace, user_id, near, _NEAR)
            ],
            choices=[views[slug] for slug in dict.fromkeys(choices) if slug in views],
            doubt=(_view(views, case.doubt.given), _view(views, case.doubt.suggested))
            if case.doubt and not disputed
            else None,
        )

    @staticmethod
    async def _near(work: UnitOfWork, ticket: Ticket, row: Prediction | None) -> list[Neighbour]:
        if row is None or row.embedding is None:
            return []
        return await nearest_labelled(
            work,
            vector_from_bytes(row.embedding),
            team_id=ticket.team_id,
            model_version=row.model_version,
            leave_out=ticket.id,
            count=_NEAR_LOOKED_AT,
        )


async def _said_here(work: UnitOfWork, ticket: Ticket, user_id: str, category: str | None) -> bool:
    """Say whether this very tap was stored before: the cards may not have been refreshed then."""
    labels = await work.labels.active_for(team_id=ticket.team_id, ticket_id=ticket.id)
    return any(
        label.user_id == user_id and label.source == LabelSource.REVIEW and label.category == category
        for label in labels
    )


def _view(views: Mapping[str, CategoryView], slug: str | None) -> CategoryView | None:
    """Return a category to show; a retired one by its slug."""
    return None if slug is None else views.get(slug) or CategoryView(slug, slug, "grey_question")
