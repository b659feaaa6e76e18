"""What the surfaces share: escaping, buttons, quotes, phrases for a probability, word lists, bars."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import (
    Block,
    ButtonElement,
    ContextBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)

Blocks = list[dict[str, Any]]
WORDS_SHOWN = 5
PEOPLE_SHOWN = 5
NAME_LENGTH = 75
LABEL_LENGTH = 75
"""Characters on a button, or of an option."""
EXCERPT_LENGTH = 280
EXCERPT_LINES = 6
MAX_TEXT = 2900
"""A section holds 3,000 characters; what we cut to leaves room for an ellipsis and markup."""
MAX_LEGEND = 1500
"""Fifteen categories take about 600; hundreds of them would bury the card."""

# A channel's, person's, group's or date's markup, or a link: sign, target, label.
_MARKUP = re.compile(r"<(?P<sign>[@#!]?)(?P<target>[^<>|\s][^<>|]*)(?:\|(?P<label>[^<>]*))?>")


@dataclass(frozen=True, slots=True)
class CategoryView:
    """What a surface shows of a category. `destination_id` is known once the channel was found in Slack.

    `trouble` is why we cannot post in that channel, None: we can. `merged_into` is, of a retired category,
    the active one where its tickets belong today.
    """

    slug: str
    name: str
    emoji: str
    description: str = ""
    destination: str = ""
    destination_id: str | None = None
    merged_into: str | None = None
    trouble: str | None = None

    def plain_label(self, limit: int = LABEL_LENGTH) -> str:
        """Return emoji and name, for a button or an option."""
        return plain(f":{self.emoji}: {' '.join(self.name.split())}", limit)

    @property
    def label(self) -> str:
        """Return emoji and name, for mrkdwn."""
        return f":{self.emoji}: *{title(self.name)}*"

    @property
    def where(self) -> str:
        """Return the destination, as a link where we know the channel, and whether we can post there."""
        trouble = " :warning: _I cannot post there._" if self.trouble else ""
        if self.destination_id:
            return f"<#{self.destination_id}>{trouble}"
        return f"#{title(self.destination)}{trouble}" if self.destination else "no channel yet"

    @property
    def where_text(self) -> str:
        """Return the destination by its name, for a notification or a screen reader."""
        return f"#{title(self.destination)}" if self.destination else "no channel yet"


@dataclass(frozen=True, slots=True)
class Card:
    """A message to post: `text` for notifications and screen readers, `blocks` for the eye."""

    text: str
    blocks: Blocks


def card(text: str, blocks: Iterable[Block]) -> Card:
    """Check the blocks against Slack's limits (slack_sdk does) and make them JSON."""
    return Card(plain(text, MAX_TEXT), [block.to_dict() for block in blocks])


def section(text: str) -> SectionBlock:
    """Return a section of mrkdwn.

    `verbatim`: Slack would else turn a quoted `@channel` or `#name` that somebody typed into a mention.
    """
    return SectionBlock(text=MarkdownTextObject(text=text, verbatim=True))


def small_print(text: str) -> ContextBlock:
    """Return a line of small mrkdwn."""
    return ContextBlock(elements=[MarkdownTextObject(text=text, verbatim=True)])


def button(
    action: str, label: str, value: str, *, style: str | None = None, spoken: str | None = None
) -> ButtonElement:
    """Return a button; `spoken` is what a screen reader says where the label alone is too short."""
    return ButtonElement(
        action_id=str(action),
        accessibility_label=plain(spoken, LABEL_LENGTH) if spoken else None,
        text=PlainTextObject(text=plain(label, LABEL_LENGTH), emoji=True),
        value=value,
        style=style,
    )


def choice(category: CategoryView, probability: float | None) -> str:
    """Name a choice on a button; a long name is cut, never the number."""
    number = "" if probability is None else f" {percent(probability)}"
    return category.plain_label(LABEL_LENGTH - len(number)) + number


def excerpt_lines(text: str) -> list[str]:
    """Return the first lines of a message as Slack delivers it, to be escaped before they are shown."""
    quoted = plain(readable(text).strip(), EXCERPT_LENGTH)
    lines = [line for line in quoted.splitlines() if line.strip()]
    return [*lines[:EXCERPT_LINES], "…"] if len(lines) > EXCERPT_LINES else lines


def quote(lines: Sequence[str]) -> SectionBlock:
    """Return quoted lines as a section of their own: a ``` that nobody closes swallows nothing beside it."""
    return section("\n".join(f"> {escape(line)}" for line in lines) or "> (no text)")


def escape(text: str) -> str:
    """Escape Slack's three control characters, so that quoted text can neither ping nor link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def readable(text: str) -> str:
    """Turn text as Slack delivers it into what people see: `<#C1|help>` is "#help", `&amp;` is "&".

    It must be escaped again before it is shown.
    """
    text = _MARKUP.sub(_seen, text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _seen(match: re.Match[str]) -> str:
    sign, target, label = match["sign"], match["target"], match["label"] or ""
    if sign == "@":
        return f"@{label.lstrip('@') or 'someone'}"
    if sign == "#":
        return f"#{label.lstrip('#') or 'channel'}"
    if sign == "!":
        return label or ("@group" if target.startswith("subteam") else f"@{target.split('^', 1)[0]}")
    return label or target.removeprefix("mailto:").removeprefix("tel:")


def one_line(text: str, limit: int) -> str:
    """Return a message as Slack delivers it on one line; it must be escaped before it is shown."""
    return plain(" ".join(readable(text).split()), limit)


def counted(number: int, noun: str, plural: str = "") -> str:
    """Say a number of things."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def plain(text: str, limit: int) -> str:
    """Cut text for a plain_text element."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def title(text: str) -> str:
    """Return a name for mrkdwn: on one line, short, escaped, and without marks that would end bold type."""
    return escape(plain(" ".join(text.split()), NAME_LENGTH)).replace("*", "").replace("`", "'")


def person(user_id: str) -> str:
    """Name who wrote a message: a person, a mail that Slackbot posts, or an app that has no user."""
    if user_id == "USLACKBOT":
        return "an e-mail"
    return f"<@{user_id}>" if user_id.startswith(("U", "W")) else "an app"


def people(user_ids: Sequence[str]) -> str:
    """Name people, the first few by mention: an edit of a message notifies nobody."""
    # what was imported, and what an erased person said, has no name to mention
    named = [f"<@{each}>" if each[:1] in {"U", "W"} else "someone" for each in user_ids[:PEOPLE_SHOWN]]
    more = len(user_ids) - len(named)
    if more:
        return f"{', '.join(named)} and {more} more"
    return " and ".join([", ".join(named[:-1]), named[-1]]) if len(named) > 1 else "".join(named)


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
    """Return the words that the model attended to, in bold for mrkdwn."""
    shown = [f"*{word}*" for word in _shown(words)]
    return " · ".join(shown) if shown else "_none_"


def word_text(words: Sequence[str]) -> str:
    """Return the same words for a notification or a screen reader."""
    return ", ".join(_shown(words)) or "none"


def _shown(words: Sequence[str]) -> list[str]:
    cut = (one_line(word, 40) for word in words[:WORDS_SHOWN])
    return [word for word in (escape(word).replace("*", "").replace("`", "") for word in cut) if word]


def bar(share: float, width: int = 10) -> str:
    """Draw 0..1 as a row of blocks; the number stands beside it for those who do not see it."""
    filled = max(0, min(width, round(share * width)))
    return "█" * filled + "░" * (width - filled)


def legend(categories: Sequence[CategoryView]) -> str:
    """Return which emoji means what, for the small print; the two that always work come first."""
    line = "React to correct me: :white_check_mark: right  :x: none of these"
    for index, category in enumerate(categories):
        pair = f"  :{category.emoji}: {title(category.name)}"
        if len(line) + len(pair) > MAX_LEGEND:
            return f"{line}  and {len(categories) - index} more in my Home tab"
        line += pair
    return line
