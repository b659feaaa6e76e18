"""Categories that the bot proposes: groups of tickets that none of the present ones fits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.learning_models import CategoryProposal, ProposalState
from storage.statements import insert_or_ignore


class ProposalRepository:
    """Proposals; each group is proposed once, whatever became of it."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(
        self, *, team_id: str, key: str, words: Sequence[str], ticket_ids: Sequence[UUID], now: datetime
    ) -> bool:
        """Propose a group; False where it was proposed before, also if it was dismissed then.

        Args:
            team_id: the workspace.
            key: names the group, the same for the same group.
            words: for a name, best first.
            ticket_ids: examples, best first.
            now: the time.
        """
        values = {
            "team_id": team_id,
            "key": key,
            "words": list(words),
            "ticket_ids": [str(ticket_id) for ticket_id in ticket_ids],
            "created_at": now,
        }
        unique = [CategoryProposal.team_id, CategoryProposal.key]
        return await insert_or_ignore(self._session, CategoryProposal, values, unique)

    async def open(self, *, team_id: str, limit: int = 10) -> list[CategoryProposal]:
        """Return the proposals that wait for an admin, oldest first."""
        rows = await self._session.scalars(
            select(CategoryProposal)
            .where(CategoryProposal.team_id == team_id, CategoryProposal.state == ProposalState.OPEN)
            .order_by(CategoryProposal.created_at, CategoryProposal.id)
            .limit(limit)
        )
        return list(rows)

    async def get(self, *, team_id: str, proposal_id: UUID) -> CategoryProposal | None:
        """Return a proposal of this team, in any state."""
        return await self._session.scalar(
            select(CategoryProposal).where(
                CategoryProposal.team_id == team_id, CategoryProposal.id == proposal_id
            )
        )

    async def accept(self, *, team_id: str, proposal_id: UUID, by: str, now: datetime) -> bool:
        """Settle an open proposal; False where there is none (any more)."""
        return await self._settle(team_id, proposal_id, ProposalState.ACCEPTED, by, now)

    async def dismiss(self, *, team_id: str, proposal_id: UUID, by: str, now: datetime) -> bool:
        """Settle an open proposal with no; False where there is none (any more)."""
        return await self._settle(team_id, proposal_id, ProposalState.DISMISSED, by, now)

    async def _settle(
        self, team_id: str, proposal_id: UUID, state: ProposalState, by: str, now: datetime
    ) -> bool:
        settled = await self._session.scalar(
            update(CategoryProposal)
            .where(
                CategoryProposal.team_id == team_id,
                CategoryProposal.id == proposal_id,
                CategoryProposal.state == ProposalState.OPEN,
            )
            .values(state=state, settled_at=now, settled_by=by)
            .returning(CategoryProposal.id)
        )
        return settled is not None
