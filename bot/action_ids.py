"""Names of every button and menu, and what their values carry: ids only, never message text."""

from __future__ import annotations

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
