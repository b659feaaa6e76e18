"""Opens the modals of `/categories` and checks what was typed into them, while Slack waits."""

from __future__ import annotations

from collections.abc import Mapping
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
from bot.categories.rules import CategoryForm, emoji_name, errors_of, example_lines
from bot.errors import CategoryRefused, NotAllowed, SlackUnavailable, UnknownCategory, UserError
from bot.slack.people import Role
from bot.slack.redaction import redact
from bot.workspace import Workspace
from storage.database import UnitOfWork
from storage.learning_models import ProposalState

log = structlog.get_logger(__name__)
WITH_MODAL = frozenset(TITLES)
NEED_ADMIN = "Only admins may change the categories. Ask a workspace admin."


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

    async def open(self, user_id: str, trigger_id: str, value: ModalValue, wanted: str = "") -> str | None:
        """Open the modal of a change; return what to tell the person where it did not open.

        Args:
            user_id: who asked.
            trigger_id: of the command or click.
            value: what for.
            wanted: a category's name or slug, as typed behind the command.
        """
        space = self._workspace
        try:
            await self._require_admin(user_id)
            view = await self._view(value, wanted)
            await space.messenger.open_view(trigger_id, view)
        except UserError as error:
            return str(error)
        except SlackUnavailable as error:
            log.warning("category_modal_failed", op=value.op.value, error=error.code)
            return "Slack did not open the dialog in time. Nothing was changed; try again."
        return None

    async def check(self, user_id: str, metadata: str, state: Mapping[str, Any]) -> Checked:
        """Check a submission; nothing is changed here.

        Args:
            user_id: who submitted.
            metadata: the view's private_metadata.
            state: the view's `state.values`.

        Raises:
            ValueError: the view is none of ours.
        """
        value, fields = ModalValue.decode(metadata), _fields(state)
        try:
            await self._require_admin(user_id)
            if value.slug is None and value.op is not CategoryOp.ADD:
                picked = ModalValue(value.op, str(fields.get("category") or ""), None, value.response_url)
                return Checked(view=await self._view(picked))
            form = _form(value, fields)
            async with self._workspace.database.reader() as work:
                await self._require_open(work, value.proposal_id)
                rows = await work.categories.all(team_id=self._workspace.identity.team_id)
            errors = errors_of(form, rows)
            if form.destination and await self._workspace.directory.channel_name(form.destination) is None:
                errors["destination"] = "I cannot see that channel. Pick a channel that I am in."
            if "" in errors:
                raise CategoryRefused(errors[""])
        except UserError as error:
            return Checked(view=message_modal(value, str(error)))
        except SlackUnavailable:
            text = "Slack did not answer me, so I could not check that. Nothing was changed; try again."
            return Checked(view=message_modal(value, text))
        return Checked(errors=errors) if errors else Checked(form=form)

    async def _require_admin(self, user_id: str) -> None:
        if await self._workspace.people.role(user_id) is not Role.ADMIN:
            raise NotAllowed(NEED_ADMIN)

    async def _view(self, value: ModalValue, wanted: str = "") -> dict[str, Any]:
        space, team_id = self._workspace, self._workspace.identity.team_id
        if value.op is CategoryOp.DESTINATION:
            await space.directory.refresh()
        async with space.database.reader() as work:
            categories = await space.directory.categories(work)
            if value.op is CategoryOp.ADD:
                return await self._add_view(work, value)
            category = _named(categories, value.slug or wanted)
            if category is None:
                if value.slug:
                    raise UnknownCategory
                return pick_modal(value, categories)
            value = ModalValue(value.op, category.slug, None, value.response_url)
            labels = (await work.categories.label_counts(team_id=team_id)).get(category.slug, 0)
            if value.op is CategoryOp.SPLIT:
                tickets = await work.categories.labelled_tickets(
                    team_id=team_id, slug=category.slug, limit=TICKETS_SHOWN
                )
                return split_modal(value, category, [TicketOption(t.id, t.text) for t in tickets])
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

    async def _add_view(self, work: UnitOfWork, value: ModalValue) -> dict[str, Any]:
        if value.proposal_id is None:
            return add_modal(value)
        team_id = self._workspace.identity.team_id
        proposal = await self._require_open(work, value.proposal_id)
        examples = []
        for ticket_id in proposal.ticket_ids[:TICKETS_SHOWN]:
            ticket = await work.tickets.get(team_id=team_id, ticket_id=UUID(ticket_id))
            if ticket is not None:  # deleted since it was proposed
                examples.append(TicketOption(ticket.id, ticket.text))
        return add_modal(value, " ".join(str(word) for word in proposal.words[:3]).capitalize(), examples)

    async def _require_open(self, work: UnitOfWork, proposal_id: UUID | None) -> Any:
        if proposal_id is None:
            return None
        team_id = self._workspace.identity.team_id
        proposal = await work.proposals.get(team_id=team_id, proposal_id=proposal_id)
        if proposal is None or proposal.state != ProposalState.OPEN:
            raise CategoryRefused("Somebody settled that proposal already.")
        return proposal


def _named(categories: list[CategoryView], wanted: str) -> CategoryView | None:
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
