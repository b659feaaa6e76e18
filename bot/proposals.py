"""Proposed categories, as admins see them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from bot.blocks.categories import EXCERPTS_SHOWN, PROPOSALS_SHOWN, ProposalView, proposal_blocks
from bot.workspace import Workspace
from storage.database import UnitOfWork

HOME_BLOCKS = 100


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


async def with_proposals(space: Workspace, view: dict[str, Any]) -> dict[str, Any]:
    """Put the open proposals above the list of an admin's Home tab."""
    async with space.database.reader() as work:
        proposals = await open_proposals(work, space.identity.team_id)
    shown = [block.to_dict() for each in proposals for block in proposal_blocks(each)]
    blocks = view["blocks"]
    place = next((at for at, block in enumerate(blocks) if block["type"] == "divider"), len(blocks))
    return view | {"blocks": [*blocks[:place], *shown, *blocks[place:]][:HOME_BLOCKS]}
