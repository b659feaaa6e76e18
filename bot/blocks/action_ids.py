"""Names of every button and menu, and what their values carry: ids only, never message text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

NONE = "-"
"""Stands for "none of these" where a value must name a category."""


class ActionId(StrEnum):
    """`action_id` of each interactive element."""

    CONFIRM = "ticket_confirm"
    WHY = "ticket_why"
    PICTURE = "ticket_picture"
    CORRECT = "ticket_correct"  # the select menu
    CHOOSE = "ticket_choose"  # a button of the question; numbered, since ids must differ within a block
    SETTLE = "review_settle"  # a button of the review queue; numbered as well
    ANSWER = "question_answer"  # a button of a question of the day; numbered for the same reason
    CATEGORY_ADD = "category_add"
    CATEGORY_CHANGE = "category_change"  # the select menu beside a category
    CATEGORY_RESTORE = "category_restore"
    PROPOSAL_ACCEPT = "proposal_accept"
    PROPOSAL_DISMISS = "proposal_dismiss"


@dataclass(frozen=True, slots=True)
class TicketValue:
    """The value of a ticket's button or option: which ticket, and which category (None: none of these).

    Encoded it is a UUID, a colon and a slug: an option's value may hold 150 characters.
    """

    ticket_id: UUID
    category: str | None = None

    def encode(self) -> str:
        """Return the value for Slack."""
        return f"{self.ticket_id}:{self.category or NONE}"

    @classmethod
    def decode(cls, value: str) -> TicketValue:
        """Read a value that came back.

        Raises:
            ValueError: it is none of ours.
        """
        ticket, _, category = value.partition(":")
        return cls(UUID(ticket), None if category in {NONE, ""} else category)


class CategoryOp(StrEnum):
    """What `/categories` can do; the word that people type."""

    LIST = "list"
    ADD = "add"
    RENAME = "rename"
    EMOJI = "emoji"
    DESTINATION = "destination"
    MERGE = "merge"
    SPLIT = "split"
    RETIRE = "retire"
    RESTORE = "restore"
    DISMISS = "dismiss"
    OWNER = "owner"
    DISOWN = "disown"


CATEGORY_VIEW = "category"
"""`callback_id` of every modal of `/categories`; what it is about is in its private_metadata."""


@dataclass(frozen=True, slots=True)
class CategoryValue:
    """The value of an option or button: what to do with which category."""

    op: CategoryOp
    slug: str

    def encode(self) -> str:
        """Return the value for Slack."""
        return f"{self.op.value}:{self.slug}"

    @classmethod
    def decode(cls, value: str) -> CategoryValue:
        """Read a value that came back.

        Raises:
            ValueError: it is none of ours.
        """
        op, _, slug = value.partition(":")
        return cls(CategoryOp(op), slug)


@dataclass(frozen=True, slots=True)
class ModalValue:
    """A modal's private_metadata.

    Attributes:
        op: what submitting it does.
        slug: of the category that it is about; None: it asks for one, or adds one.
        proposal_id: of the proposal that is accepted with it.
        response_url: where the person is answered; empty in the Home tab.
    """

    op: CategoryOp
    slug: str | None = None
    proposal_id: UUID | None = None
    response_url: str = ""

    def encode(self) -> str:
        """Return it for Slack; 3,000 characters are allowed."""
        proposal = str(self.proposal_id) if self.proposal_id else None
        return json.dumps({"op": self.op, "slug": self.slug, "proposal": proposal, "url": self.response_url})

    @classmethod
    def decode(cls, value: str) -> ModalValue:
        """Read what came back.

        Raises:
            ValueError: it is none of ours.
        """
        try:
            fields = json.loads(value)
            proposal = UUID(fields["proposal"]) if fields["proposal"] else None
            return cls(CategoryOp(fields["op"]), fields["slug"], proposal, str(fields["url"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("not a modal of ours") from error
