"""Proposed categories, and the tickets that a new category may take, as an admin may see them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from bot.blocks.action_ids import CategoryOp
from bot.blocks.categories import EXCERPTS_SHOWN, PROPOSALS_SHOWN, ProposalView, proposal_blocks
from bot.blocks.common import Blocks
from bot.categories.rules import CategoryForm
from bot.errors import NotAllowed
from bot.workspace import Workspace
from storage.learning_models import CategoryProposal
from storage.models import Ticket

UNSEEN = "You cannot see the channels of that proposal's tickets."
LOOKED_AT = 20
"""Open proposals from which those are taken that the admin may see something of."""


async def open_proposals(space: Workspace, user_id: str, limit: int = PROPOSALS_SHOWN) -> list[ProposalView]:
    """Return the oldest open proposals, with the texts of the first tickets that an admin may see.

    One of which they see nothing waits for another admin. The shared words are of all its tickets, so they
    are shown to those who may see them all.
    """
    async with space.database.reader() as work:
        rows = await work.proposals.open(team_id=space.identity.team_id, limit=LOOKED_AT)
    views: list[ProposalView] = []
    for row in rows:
        tickets = await proposed_tickets(space, row)
        seen = await space.access.seen(user_id, tickets)
        if seen and len(views) < limit:
            hidden = len(tickets) - len(seen)
            words = [] if hidden else [str(word) for word in row.words]
            excerpts = [ticket.text for ticket in seen[:EXCERPTS_SHOWN]]
            views.append(ProposalView(row.id, words, excerpts, len(tickets), hidden))
    return views


async def proposed_tickets(space: Workspace, row: CategoryProposal) -> list[Ticket]:
    """Return the tickets of a proposal that still exist."""
    return await _tickets(space, [UUID(key) for key in row.ticket_ids])


async def require_sight(space: Workspace, form: CategoryForm, user_id: str) -> None:
    """Refuse a form that names tickets, a proposal or a channel that the person may not see.

    Raises:
        NotAllowed: a ticket of the form, its channel, or every ticket of its proposal.
    """
    if form.destination and not await space.access.may_read(user_id, form.destination):
        raise NotAllowed("You cannot see that channel.")
    named = await _tickets(space, form.tickets)
    if len(await space.access.seen(user_id, named)) < len(named):
        raise NotAllowed("You cannot see the channel of one of those tickets.")
    if form.op is CategoryOp.DISMISS and form.proposal_id is not None:
        async with space.database.reader() as work:
            row = await work.proposals.get(team_id=space.identity.team_id, proposal_id=form.proposal_id)
        tickets = await proposed_tickets(space, row) if row else []
        if tickets and not await space.access.seen(user_id, tickets):
            raise NotAllowed(UNSEEN)


async def proposals_for_home(space: Workspace, user_id: str) -> Blocks:
    """Return the blocks of the open proposals, for an admin's Home tab."""
    views = await open_proposals(space, user_id)
    return [block.to_dict() for each in views for block in proposal_blocks(each)]


async def _tickets(space: Workspace, keys: Sequence[UUID]) -> list[Ticket]:
    async with space.database.reader() as work:
        found = [await work.tickets.get(team_id=space.identity.team_id, ticket_id=key) for key in keys]
    return [ticket for ticket in found if ticket is not None]
