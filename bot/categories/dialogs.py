"""Opens the modals of `/categories` and checks what was typed into them, while Slack waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from bot.blocks.action_ids import CategoryOp, ModalValue
from bot.blocks.category_modals import (
    TICKETS_SHOWN,
    TITLES,
    TicketOption,
    add_modal,
    destination_modal,
    emoji_modal,
    merge_modal,
    message_modal,
    pick_modal,
    rename_modal,
    retire_modal,
    split_modal,
)
from bot.blocks.common import CategoryView, readable
from bot.categories.proposals import UNSEEN, proposed_tickets
from bot.categories.rules import CategoryForm, errors_of, example_lines
from bot.errors import CategoryRefused, NotAllowed, SlackUnavailable, UnknownCategory, UserError
from bot.rights import Deed
from bot.slack.emoji import emoji_name
from bot.slack.redaction import redact
from bot.workspace import Workspace
from storage.database import UnitOfWork
from storage.learning_models import CategoryProposal, ProposalState
from storage.models import Ticket

log = structlog.get_logger(__name__)
WITH_MODAL = frozenset(TITLES)
LOOKED_AT = 4 * TICKETS_SHOWN
"""Labelled tickets from which those are offered that the admin may see."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a submission is answered with: errors by field, another view, or else the form to carry out."""

    form: CategoryForm | None = None
    errors: Mapping[str, str] | None = None
    view: dict[str, Any] | None = None


class CategoryDialogs:
    """The part of `/categories` that cannot wait in the inbox: a trigger is good for three seconds."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def open(
        self, team_id: str, user_id: str, trigger_id: str, value: ModalValue, wanted: str = ""
    ) -> str | None:
        """Open the modal of a change; return what to tell the person where it did not open.

        Args:
            team_id: in which workspace it was asked.
            user_id: who asked.
            trigger_id: of the command or click.
            value: what for.
            wanted: a category's name or slug, as typed behind the command.
        """
        space = self._workspace
        try:
            await self._require(team_id, user_id, value)
            view = await self._view(user_id, value, wanted)
            await space.messenger.open_view(trigger_id, view)
        except UserError as error:
            return str(error)
        except SlackUnavailable as error:
            log.warning("category_modal_failed", op=value.op.value, error=error.code)
            return "Slack did not open the dialog in time. Nothing was changed; try again."
        return None

    async def check(self, team_id: str, user_id: str, metadata: str, state: Mapping[str, Any]) -> Checked:
        """Check a submission; nothing is changed here.

        Args:
            team_id: in which workspace it was submitted.
            user_id: who submitted.
            metadata: the view's private_metadata.
            state: the view's `state.values`.

        Raises:
            ValueError: the view is none of ours.
        """
        value, fields = ModalValue.decode(metadata), _fields(state)
        try:
            await self._require(team_id, user_id, value)
            if value.slug is None and value.op is not CategoryOp.ADD:
                picked = ModalValue(value.op, str(fields.get("category") or ""), None, value.response_url)
                return Checked(view=await self._view(user_id, picked))
            form = _form(value, fields)
            async with self._workspace.database.reader() as work:
                await self._require_open(work, value.proposal_id)
                rows = await work.categories.all(team_id=self._workspace.identity.team_id)
            errors = errors_of(form, rows)
            if form.destination and not await self._known(user_id, form.destination):
                errors["destination"] = "I cannot see that channel. Pick a channel that I am in."
            if "" in errors:
                raise CategoryRefused(errors[""])
        except UserError as error:
            return Checked(view=message_modal(value, str(error)))
        except SlackUnavailable:
            text = "Slack did not answer me, so I could not check that. Nothing was changed; try again."
            return Checked(view=message_modal(value, text))
        return Checked(errors=errors) if errors else Checked(form=form)

    async def _require(self, team_id: str, user_id: str, value: ModalValue) -> None:
        self._workspace.access.require_ours({"team_id": team_id})
        await self._workspace.access.require(Deed.CHANGE, user_id)
        if value.op not in WITH_MODAL:  # forged: no element of ours carries it
            raise CategoryRefused

    async def _known(self, user_id: str, channel_id: str) -> bool:
        """Say whether both of us see a channel."""
        space = self._workspace
        known = await space.directory.channel_name(channel_id) is not None
        return known and await space.access.may_read(user_id, channel_id)

    async def _view(self, user_id: str, value: ModalValue, wanted: str = "") -> dict[str, Any]:
        space, team_id = self._workspace, self._workspace.identity.team_id
        if value.op is CategoryOp.ADD:
            return await self._add_view(user_id, value)
        async with space.database.reader() as work:
            categories = await space.directory.categories(work)
            category = named(categories, value.slug or wanted)
            if category is None:
                if value.slug:
                    raise UnknownCategory
                return pick_modal(value, categories)
            value = ModalValue(value.op, category.slug, None, value.response_url)
            labels = (await work.categories.label_counts(team_id=team_id)).get(category.slug, 0)
            tickets = []
            if value.op is CategoryOp.SPLIT:
                tickets = await work.categories.labelled_tickets(
                    team_id=team_id, slug=category.slug, limit=LOOKED_AT
                )
        if value.op is CategoryOp.SPLIT:
            return split_modal(value, category, await self._options(user_id, tickets))
        if value.op is CategoryOp.MERGE:
            others = [view for view in categories if view.slug != category.slug]
            if not others:
                raise CategoryRefused("There is no other category to merge into.")
            return merge_modal(value, category, others, labels)
        if value.op is CategoryOp.RETIRE:
            return retire_modal(value, category, labels)
        build = {
            CategoryOp.RENAME: rename_modal,
            CategoryOp.EMOJI: emoji_modal,
            CategoryOp.DESTINATION: destination_modal,
        }
        return build[value.op](value, category)

    async def _add_view(self, user_id: str, value: ModalValue) -> dict[str, Any]:
        async with self._workspace.database.reader() as work:
            proposal = await self._require_open(work, value.proposal_id)
        if proposal is None:
            return add_modal(value)
        tickets = await proposed_tickets(self._workspace, proposal)
        seen = await self._workspace.access.seen(user_id, tickets)
        if tickets and not seen:
            raise NotAllowed(UNSEEN)
        # The words are of all its tickets: they name it for those who may see them all.
        words = proposal.words[:3] if len(seen) == len(tickets) else []
        examples = await self._options(user_id, seen)
        return add_modal(value, " ".join(map(str, words)).capitalize(), examples)

    async def _options(self, user_id: str, tickets: Sequence[Ticket]) -> list[TicketOption]:
        """Return the tickets that a person can tick: those that they may see."""
        seen = await self._workspace.access.seen(user_id, tickets)
        return [TicketOption(ticket.id, ticket.text) for ticket in seen[:TICKETS_SHOWN]]

    async def _require_open(self, work: UnitOfWork, proposal_id: UUID | None) -> CategoryProposal | None:
        if proposal_id is None:
            return None
        team_id = self._workspace.identity.team_id
        proposal = await work.proposals.get(team_id=team_id, proposal_id=proposal_id)
        if proposal is None or proposal.state != ProposalState.OPEN:
            raise CategoryRefused("Somebody settled that proposal already.")
        return proposal


def named(categories: list[CategoryView], wanted: str) -> CategoryView | None:
    """Find a category by its slug, else by its name."""
    folded = " ".join(readable(wanted).split()).casefold()  # Slack escapes what people type
    by_slug = next((view for view in categories if view.slug == wanted), None)
    return by_slug or next((view for view in categories if view.name.casefold() == folded), None)


def _fields(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was typed and chosen, by block id."""
    found: dict[str, Any] = {}
    for field, elements in state.items():
        for element in elements.values():
            if "selected_options" in element:
                found[field] = [option["value"] for option in element["selected_options"] or []]
            else:
                option = element.get("selected_option") or {}
                found[field] = (
                    element.get("value") or element.get("selected_conversation") or option.get("value")
                )
    return found


def _form(value: ModalValue, fields: Mapping[str, Any]) -> CategoryForm:
    ticked = [*fields.get("tickets_1", ()), *fields.get("tickets_2", ())]
    return CategoryForm(
        op=value.op,
        slug=value.slug,
        name=redact(" ".join(str(fields.get("name") or "").split())),
        emoji=emoji_name(str(fields.get("emoji") or "")),
        description=redact(str(fields.get("description") or "").strip()),
        destination=fields.get("destination"),
        target=fields.get("target"),
        tickets=tuple(UUID(ticket) for ticket in ticked),
        examples=tuple(example_lines(redact(str(fields.get("examples") or "")))),
        proposal_id=value.proposal_id,
    )
