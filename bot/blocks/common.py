"""What the surfaces share: escaping, phrases for a probability, word lists, bars."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import Block

Blocks = list[dict[str, Any]]
WORDS_SHOWN = 5
MAX_TEXT = 2900
"""A section holds 3,000 characters; what we cut to leaves room for an ellipsis and markup."""


@dataclass(frozen=True, slots=True)
class CategoryView:
    """What a surface shows of a category. `destination_id` is known once the channel was found in Slack."""

    slug: str
    name: str
    emoji: str
    description: str = ""
    destination: str = ""
    destination_id: str | None = None

    @property
    def label(self) -> str:
        """Return emoji and name, for mrkdwn."""
        return f":{self.emoji}: *{escape(self.name)}*"

    @property
    def where(self) -> str:
        """Return the destination, as a link where we know the channel."""
        return f"<#{self.destination_id}>" if self.destination_id else f"#{escape(self.destination)}"


@dataclass(frozen=True, slots=True)
class Card:
    """A message to post: `text` for notifications and screen readers, `blocks` for the eye."""

    text: str
    blocks: Blocks


def card(text: str, blocks: Iterable[Block]) -> Card:
    """Check the blocks against Slack's limits (slack_sdk does) and make them JSON."""
    return Card(text[:MAX_TEXT], [block.to_dict() for block in blocks])


def escape(text: str) -> str:
    """Escape Slack's three control characters, so that quoted text can neither ping nor link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def plain(text: str, limit: int) -> str:
    """Cut text for a plain_text element."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def percent(probability: float) -> str:
    """Return a probability as people read it; never 100%, since a model is never certain."""
    return f"{min(99, max(1, round(100 * probability)))}%"


def phrase(confidence: float) -> str:
    """Say a calibrated probability in words."""
    for floor, words in (
        (0.95, "almost certain"),
        (0.85, "quite sure"),
        (0.7, "fairly sure"),
        (0.5, "leaning this way"),
    ):
        if confidence >= floor:
            return words
    return "not sure"


def word_list(words: Sequence[str]) -> str:
    """Return the words that the model attended to, quoted for mrkdwn."""
    shown = [f"*{escape(plain(word, 40)).replace('*', '').replace('`', '')}*" for word in words[:WORDS_SHOWN]]
    return " · ".join(shown) if shown else "_no words_"


def bar(share: float, width: int = 10) -> str:
    """Draw 0..1 as a row of blocks that a screen reader reads as one."""
    filled = max(0, min(width, round(share * width)))
    return "█" * filled + "░" * (width - filled)


def legend(categories: Sequence[CategoryView]) -> str:
    """Return which emoji means which category, for the small print under a card."""
    pairs = "  ".join(f":{category.emoji}: {escape(category.name)}" for category in categories)
    return f"React to correct me: {pairs}  :white_check_mark: right  :x: none of these"[:MAX_TEXT]
