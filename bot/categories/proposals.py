"""Proposed categories, as admins see them."""

from __future__ import annotations

from uuid import UUID

from bot.blocks.categories import EXCERPTS_SHOWN, PROPOSALS_SHOWN, ProposalView, proposal_blocks
from bot.blocks.common import Blocks
from bot.workspace import Workspace
from storage.database import UnitOfWork


async def open_proposals(work: UnitOfWork, team_id: str, limit: int = PROPOSALS_SHOWN) -> list[ProposalView]:
    """Return the oldest open proposals, with the texts of the first tickets that still exist."""
    views = []
    for row in await work.proposals.open(team_id=team_id, limit=limit):
        found = [await work.tickets.get(team_id=team_id, ticket_id=UUID(key)) for key in row.ticket_ids]
        tickets = [ticket for ticket in found if ticket is not None]
        if tickets:
            excerpts = [ticket.text for ticket in tickets[:EXCERPTS_SHOWN]]
            views.append(ProposalView(row.id, [str(word) for word in row.words], excerpts, len(tickets)))
    return views


async def proposals_for_home(space: Workspace) -> Blocks:
    """Return the blocks of the open proposals, for an admin's Home tab."""
    async with space.database.reader() as work:
        proposals = await open_proposals(work, space.identity.team_id)
    return [block.to_dict() for each in proposals for block in proposal_blocks(each)]
