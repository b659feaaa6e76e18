"""What a change of the categories must keep to. Pure: the same rules check a modal and, later, the effect."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from bot.blocks.action_ids import CategoryOp
from bot.slack.emoji import CONFIRM, NONE_OF_THESE, emoji_name, normalise
from classifier.contract import OUT_OF_SCOPE_LABEL
from storage.models import Category, CategoryState

LEAST = 2
"""A model needs two categories to choose between."""
EXAMPLES_TAKEN = 50
SLUG_LENGTH = 40
_EMOJI = re.compile(r"[a-z0-9_+'.\-\u00c0-\uffdc]{1,100}")
"""What Slack allows in a custom emoji's name; which ones exist the bot's scopes do not tell."""


@dataclass(frozen=True, slots=True)
class CategoryForm:
    """What a person asks for.

    Attributes:
        op: what is done.
        slug: the category that it is done to; None where one is added.
        name: of a new or renamed one.
        emoji: without colons.
        description: of a new or renamed one.
        destination: a channel's id; None: no channel.
        target: slug of what it is merged into.
        tickets: that get the new category's label.
        examples: texts of messages, redacted.
        proposal_id: of the proposal that is accepted or dismissed.
        person: id of whom is named an owner, or no longer.
    """

    op: CategoryOp
    slug: str | None = None
    name: str = ""
    emoji: str = ""
    description: str = ""
    destination: str | None = None
    target: str | None = None
    tickets: tuple[UUID, ...] = ()
    examples: tuple[str, ...] = ()
    proposal_id: UUID | None = None
    person: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it for the inbox."""
        fields = asdict(self)
        proposal_id = fields.pop("proposal_id")
        return fields | {
            "op": self.op.value,
            "tickets": [str(ticket) for ticket in self.tickets],
            "examples": list(self.examples),
            "proposal": str(proposal_id) if proposal_id else None,
        }

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> CategoryForm:
        """Read what `to_json` returned."""
        proposal = fields["proposal"]
        changed = {
            "op": CategoryOp(fields["op"]),
            "tickets": tuple(map(UUID, fields["tickets"])),
            "examples": tuple(fields["examples"]),
            "proposal_id": UUID(proposal) if proposal else None,
        }
        return cls(**{name: fields[name] for name in fields if name != "proposal"} | changed)


def errors_of(form: CategoryForm, rows: Sequence[Category]) -> dict[str, str]:
    """Return what is wrong, by field; empty: it can be done. The field "" is about the whole.

    Args:
        form: what a person asks for.
        rows: all categories of the workspace, retired ones too.
    """
    active = {row.slug: row for row in rows if row.state == CategoryState.ACTIVE}
    if form.op is CategoryOp.RESTORE:
        return _restore_errors(form, rows, active)
    errors: dict[str, str] = {}
    if form.op is not CategoryOp.ADD and form.slug not in active:
        return {"": "That category no longer exists."}
    if form.op in {CategoryOp.ADD, CategoryOp.RENAME, CategoryOp.SPLIT}:
        errors |= _name_errors(form, rows)
    if form.op in {CategoryOp.ADD, CategoryOp.EMOJI, CategoryOp.SPLIT}:
        errors |= _emoji_errors(form, list(active.values()))
    if form.op is CategoryOp.SPLIT and not form.tickets:
        errors["tickets_1"] = "Tick the tickets that move."
    if form.op is CategoryOp.MERGE and (form.target not in active or form.target == form.slug):
        errors["target"] = "Pick another category that is in use."
    if form.op in {CategoryOp.MERGE, CategoryOp.RETIRE} and len(active) <= LEAST:
        errors["target" if form.op is CategoryOp.MERGE else ""] = f"At least {LEAST} categories must stay."
    return errors


def slug_of(name: str) -> str:
    """Return a new category's slug: from its name, or from a hash where no letter of it is ASCII."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "_", ascii_only).strip("_")[:SLUG_LENGTH].strip("_")
    if not slug:
        return f"category_{hashlib.sha256(name.casefold().encode()).hexdigest()[:8]}"
    return f"category_{slug}" if slug == OUT_OF_SCOPE_LABEL else slug


def example_lines(text: str) -> list[str]:
    """Return the example messages of a text field: one a line, bullets and doubles dropped."""
    lines = (re.sub(r"^[-*•]\s+", "", line.strip()) for line in text.splitlines())
    return list(dict.fromkeys(line for line in lines if line))[:EXAMPLES_TAKEN]


def _name_errors(form: CategoryForm, rows: Sequence[Category]) -> dict[str, str]:
    name = _folded(form.name)
    if not name:
        return {"name": "Type a name."}
    own = form.slug if form.op is CategoryOp.RENAME else None
    for row in rows:
        retired = row.state == CategoryState.RETIRED
        same_slug = own is None and row.slug == slug_of(form.name)
        if row.slug == own or not (same_slug or (_folded(row.name) == name and not retired)):
            continue
        if retired:
            return {"name": f"{row.name} was retired under that name. Restore it, or take another name."}
        return {"name": f"There is a category {row.name} already. Take another name."}
    return {}


def _emoji_errors(form: CategoryForm, active: Sequence[Category]) -> dict[str, str]:
    emoji = emoji_name(form.emoji)
    if not emoji:
        return {"emoji": "Type an emoji's name, such as credit_card."}
    if any(unicodedata.category(character) in {"So", "Sk", "Cn"} for character in emoji):
        return {"emoji": "Slack has no name for that character. Take another emoji."}
    if not _EMOJI.fullmatch(emoji):
        return {"emoji": "That is no emoji's name. Slack shows it between colons, such as :credit_card:."}
    one_name = normalise(emoji)
    if one_name in CONFIRM | NONE_OF_THESE:
        return {"emoji": f":{emoji}: says that I am right or that nothing fits. Take another one."}
    for row in active:
        own = row.slug == form.slug and form.op is not CategoryOp.SPLIT
        if not own and normalise(row.emoji) == one_name:
            return {"emoji": f"{row.name} has that emoji already. Take another one."}
    return {}


def _restore_errors(
    form: CategoryForm, rows: Sequence[Category], active: dict[str, Category]
) -> dict[str, str]:
    row = next((row for row in rows if row.slug == form.slug), None)
    if row is None:
        return {"": "There is no such category."}
    for other in active.values():
        if other.slug == row.slug:
            return {"": f"{row.name} is in use already."}
        if normalise(other.emoji) == normalise(row.emoji):
            return {"": f"{other.name} has :{row.emoji}: now. Give it another emoji first."}
        if _folded(other.name) == _folded(row.name):
            return {"": f"There is another category {row.name} now. Rename it first."}
    return {}


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()
