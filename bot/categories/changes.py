"""What each change of the categories does to the rows, inside the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.blocks.action_ids import CategoryOp
from bot.blocks.common import counted
from bot.categories.rules import CategoryForm, errors_of, slug_of
from bot.errors import CategoryRefused
from bot.tickets.label_files import IMPORTED, keep_text
from storage.database import UnitOfWork
from storage.feedback.categories import CategorySpec
from storage.models import Category, LabelKind, LabelRole, LabelSource, Ticket


@dataclass(frozen=True, slots=True)
class AppliedChange:
    """What was done.

    Attributes:
        said: a sentence for the person.
        subject: of the audit row.
        details: of the audit row.
        teaches: whether the model has something to learn from it.
    """

    said: str
    subject: str
    details: dict[str, Any]
    teaches: bool = False


async def apply(
    work: UnitOfWork, form: CategoryForm, *, team_id: str, user_id: str, channel: str | None, now: datetime
) -> AppliedChange:
    """Do what a form asks for; the caller commits.

    Args:
        work: the transaction.
        form: what was asked for.
        team_id: the workspace.
        user_id: the admin who asked.
        channel: name of the form's destination.
        now: the time.

    Raises:
        CategoryRefused: it cannot be done (any more).
    """
    if form.op is CategoryOp.DISMISS:
        return await _dismiss(work, form, team_id, user_id, now)
    rows = await work.categories.all(team_id=team_id, lock=True)
    if wrong := errors_of(form, rows):
        raise CategoryRefused(" ".join(wrong.values()))
    row = next((row for row in rows if row.slug == form.slug), None)
    if row is not None and form.op in {CategoryOp.OWNER, CategoryOp.DISOWN}:
        return await _own(work, form, row, team_id, user_id, now)
    if row is None or form.op is CategoryOp.SPLIT:
        return await _add(work, form, team_id, user_id, channel, now)
    before, name = _state(row), row.name
    said, moved = await _alter(work, form, row, rows, channel)
    details = {"before": before, "after": _state(row), "labels_moved": moved}
    teaches = form.op in {CategoryOp.MERGE, CategoryOp.RESTORE}
    return AppliedChange(said.format(name=name), row.slug, details, teaches)


async def _alter(
    work: UnitOfWork, form: CategoryForm, row: Category, rows: list[Category], channel: str | None
) -> tuple[str, int]:
    """Change a category; return the sentence, where {name} is its former name, and how many labels moved."""
    if form.op is CategoryOp.RENAME:
        row.name, row.description = form.name, form.description
        said = f"Saved: {_braced(form.name)}, formerly {{name}}."
    elif form.op is CategoryOp.EMOJI:
        row.emoji = form.emoji
        said = f"Saved: {{name}} has :{form.emoji}: now."
    elif form.op is CategoryOp.DESTINATION:
        row.destination, row.destination_trouble = channel, None
        row.destination_id = form.destination if channel else None
        said = f"Saved: {{name}} goes to {'#' + _braced(channel) if channel else 'no channel'} now."
    elif form.op is CategoryOp.RETIRE:
        await work.categories.retire(row)
        return "{name} is retired. Its labels stay, and `/categories list` can restore it.", 0
    elif form.op is CategoryOp.MERGE:
        target = next(other for other in rows if other.slug == form.target)
        moved = await work.categories.retire(row, into=target.slug)
        return f"{{name}} is a part of {_braced(target.name)} now; {counted(moved, 'label')} moved.", moved
    else:
        moved = await work.categories.restore(row)
        labels = f", with {counted(moved, 'label')}" if moved else ""
        return f"{{name}} is back{labels}.", moved
    await work.session.flush()
    return said, 0


async def _add(
    work: UnitOfWork, form: CategoryForm, team_id: str, user_id: str, channel: str | None, now: datetime
) -> AppliedChange:
    """Add a category, from examples, from a proposal's tickets, or from a part of another one's."""
    slug = slug_of(form.name)
    channel_id = form.destination if channel else None
    spec = CategorySpec(slug, form.name, form.emoji, form.description, channel, channel_id)
    if not await work.categories.add(team_id=team_id, spec=spec, created_by=user_id, now=now):
        raise CategoryRefused(f"There is a category {form.name} already.")
    if form.proposal_id is not None and not await work.proposals.accept(
        team_id=team_id, proposal_id=form.proposal_id, by=user_id, now=now
    ):
        raise CategoryRefused("Somebody settled that proposal already.")
    taught = await _offered(work, form, team_id)
    if form.slug is not None:
        ids = [ticket.id for ticket in taught]
        # Labels of others follow, or the split would leave them in disagreement with the one who made it.
        await work.categories.move_labels(team_id=team_id, ticket_ids=ids, source=form.slug, target=slug)
    taught += [(await keep_text(work, team_id, text, now))[0] for text in form.examples]
    for ticket in taught:
        await work.labels.add(
            team_id=team_id,
            ticket_id=ticket.id,
            category=slug,
            user_id=user_id,
            role=LabelRole.ADMIN,
            kind=LabelKind.CORRECTION if ticket.channel_id != IMPORTED else LabelKind.IMPORTED,
            source=LabelSource.CATEGORIES,
            now=now,
        )
    after = {name: getattr(spec, name) for name in ("slug", "name", "emoji", "description", "destination")}
    proposal = str(form.proposal_id) if form.proposal_id else None
    details = {
        "before": None,
        "after": after,
        "from": form.slug,
        "examples": len(taught),
        "proposal": proposal,
    }
    how = "" if taught else " Correct some messages to it, so that I can learn it."
    said = f"Added {form.name} with {counted(len(taught), 'label')}.{how}"
    return AppliedChange(said, slug, details, bool(taught))


async def _offered(work: UnitOfWork, form: CategoryForm, team_id: str) -> list[Ticket]:
    """Return the form's tickets that still exist.

    Raises:
        CategoryRefused: one was not on offer: it is not the proposal's, or nobody put it into the category.
    """
    row = form.proposal_id and await work.proposals.get(team_id=team_id, proposal_id=form.proposal_id)
    proposed = set(row.ticket_ids) if row else set()
    found = []
    for key in form.tickets:
        ticket = await work.tickets.get(team_id=team_id, ticket_id=key)
        if ticket is None:
            continue
        labels = await work.labels.active_for(team_id=team_id, ticket_id=key)
        labelled = form.slug is not None and form.slug in {label.category for label in labels}
        if not labelled and str(key) not in proposed:
            raise CategoryRefused("One of the tickets is no longer on offer. Open the dialog again.")
        found.append(ticket)
    return found


async def _own(
    work: UnitOfWork, form: CategoryForm, row: Category, team_id: str, user_id: str, now: datetime
) -> AppliedChange:
    """Name an owner of a category's tickets, or take that back."""
    key = {"team_id": team_id, "slug": row.slug, "user_id": form.person}
    if form.op is CategoryOp.OWNER:
        done = await work.owners.name(**key, by=user_id, now=now)
        said = "is an owner of {name} now" if done else "is an owner of {name} already"
    else:
        done = await work.owners.unname(**key)
        said = "is no owner of {name} by name any more" if done else "was no owner of {name} by name"
    return AppliedChange(f"That person {said.format(name=row.name)}.", row.slug, {"person": form.person})


async def _dismiss(
    work: UnitOfWork, form: CategoryForm, team_id: str, user_id: str, now: datetime
) -> AppliedChange:
    proposal = form.proposal_id and await work.proposals.get(team_id=team_id, proposal_id=form.proposal_id)
    if not proposal or not await work.proposals.dismiss(
        team_id=team_id, proposal_id=proposal.id, by=user_id, now=now
    ):
        raise CategoryRefused("Somebody settled that proposal already.")
    details = {"words": proposal.words, "tickets": len(proposal.ticket_ids)}
    return AppliedChange("Dismissed. I will not propose that again.", str(proposal.id), details)


def _state(row: Category) -> dict[str, Any]:
    names = ("slug", "name", "emoji", "description", "destination", "merged_into")
    return {name: getattr(row, name) for name in names} | {"state": str(row.state)}


def _braced(text: str) -> str:
    """Keep braces of a name out of `str.format`."""
    return text.replace("{", "{{").replace("}", "}}")
