"""The reply in the thread: a routing, a question, or what a person made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ContextBlock,
    MarkdownTextObject,
    Option,
    PlainTextObject,
    SectionBlock,
    StaticSelectElement,
)

from bot.action_ids import ActionId, TicketValue
from bot.blocks.common import Card, CategoryView, card, escape, legend, percent, phrase, plain, word_list

MAX_OPTIONS = 99
"""A select holds 100 options; one is "none of these"."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What people said of a ticket. `category` None: none of these; `by` are user ids, latest first."""

    category: CategoryView | None
    by: tuple[str, ...]
    confirmed: bool


def routed_card(
    ticket_id: UUID,
    category: CategoryView,
    confidence: float,
    words: Sequence[str],
    categories: Sequence[CategoryView],
    correction: Correction | None = None,
) -> Card:
    """Say where the message goes, how sure we are and which words were looked at.

    Args:
        ticket_id: for the buttons' values.
        category: what the model said.
        confidence: its calibrated probability.
        words: the words attended to, best first.
        categories: all that a person may choose from.
        correction: what people said since, if they did.
    """
    head = f"{category.label} → {category.where}"
    sure = f"I am {phrase(confidence)} ({percent(confidence)}). Words I looked at: {word_list(words)}"
    if correction is not None:
        text = f"{_verdict(correction)}"
        sections = [
            _verdict(correction),
            f"_I had said:_ {head} ({percent(confidence)}). Words: {word_list(words)}",
        ]
    else:
        text = (
            f"{category.name}: goes to #{category.destination} ({phrase(confidence)}, {percent(confidence)})"
        )
        sections = [head, sure]
    buttons = [_button(ticket_id, ActionId.WHY, "Why?")]
    if correction is None:
        buttons.insert(0, _button(ticket_id, ActionId.CONFIRM, "Right", category.slug, style="primary"))
    return card(
        text,
        [
            SectionBlock(text=MarkdownTextObject(text="\n".join(sections))),
            ActionsBlock(
                block_id=f"ticket:{ticket_id}",
                elements=[*buttons, _menu(ticket_id, categories)],
            ),
            ContextBlock(elements=[MarkdownTextObject(text=legend(categories))]),
        ],
    )


def question_card(
    ticket_id: UUID,
    choices: Sequence[tuple[CategoryView, float]],
    words: Sequence[str],
    categories: Sequence[CategoryView],
    correction: Correction | None = None,
    unreadable: bool = False,
) -> Card:
    """Ask instead of guessing: the likeliest categories as buttons, and "none of these".

    Args:
        ticket_id: for the buttons' values.
        choices: the likeliest categories with their probabilities, best first.
        words: the words attended to, best first.
        categories: all that a person may choose from.
        correction: what people answered, if they did.
        unreadable: the message has files and no text, so there was nothing to read.
    """
    if correction is not None:
        body = _verdict(correction)
    elif unreadable:
        body = "I cannot read files. Which of these is it about? A few words in a new message help too."
    else:
        body = f"I am not sure where this belongs. Is it one of these? Words I looked at: {word_list(words)}"
    blocks: list[Block] = [SectionBlock(text=MarkdownTextObject(text=body))]
    if correction is None:
        buttons = [
            _button(
                ticket_id,
                f"{ActionId.CHOOSE}_{index}",
                f":{category.emoji}: {category.name} {'' if unreadable else percent(probability)}".strip(),
                category.slug,
            )
            for index, (category, probability) in enumerate(choices)
        ]
        buttons.append(_button(ticket_id, f"{ActionId.CHOOSE}_none", "None of these"))
        blocks.append(ActionsBlock(block_id=f"choices:{ticket_id}", elements=buttons))
    blocks += [
        ActionsBlock(
            block_id=f"ticket:{ticket_id}",
            elements=[_button(ticket_id, ActionId.WHY, "Why?"), _menu(ticket_id, categories)],
        ),
        ContextBlock(elements=[MarkdownTextObject(text=legend(categories))]),
    ]
    names = ", ".join(category.name for category, _ in choices)
    text = (
        _verdict(correction)
        if correction
        else f"I am not sure where this belongs. {names}, or none of these?"
    )
    return card(text, blocks)


def _verdict(correction: Correction) -> str:
    by = ", ".join(f"<@{user}>" for user in correction.by)
    if correction.category is None:
        return f":x: *None of these*, said {by}. I will learn from it."
    goes = f"{correction.category.label} → {correction.category.where}"
    if correction.confirmed:
        return f"{goes}\n:white_check_mark: Confirmed by {by}."
    return f"{goes}\n:pencil2: Corrected by {by}. I will learn from it."


def _button(
    ticket_id: UUID, action: str, label: str, category: str | None = None, style: str | None = None
) -> ButtonElement:
    return ButtonElement(
        action_id=str(action),
        text=PlainTextObject(text=plain(label, 75), emoji=True),
        value=TicketValue(ticket_id, category).encode(),
        style=style,
    )


def _menu(ticket_id: UUID, categories: Sequence[CategoryView]) -> StaticSelectElement:
    options = [
        Option(
            text=PlainTextObject(text=plain(f":{category.emoji}: {category.name}", 75), emoji=True),
            value=TicketValue(ticket_id, category.slug).encode(),
            description=PlainTextObject(text=plain(category.description, 75))
            if category.description
            else None,
        )
        for category in categories[:MAX_OPTIONS]
    ]
    options.append(Option(text=PlainTextObject(text="None of these"), value=TicketValue(ticket_id).encode()))
    return StaticSelectElement(
        action_id=str(ActionId.CORRECT),
        placeholder=PlainTextObject(text="Pick the right category"),
        options=options,
    )


def team_card(
    category: CategoryView,
    confidence: float,
    author: str,
    excerpt: str,
    link: str,
    moved: Correction | None = None,
) -> Card:
    """Tell the owning team about a ticket: who wrote, the first words, and the link back."""
    if moved is not None:
        where = moved.category.label if moved.category else "*none of these*"
        text = f"Not yours after all: moved to {where} by {', '.join(f'<@{user}>' for user in moved.by)}."
        return card(text, [SectionBlock(text=MarkdownTextObject(text=f"{text} <{link}|Open the thread>"))])
    quoted = "\n".join(f"> {line}" for line in escape(plain(excerpt, 600)).splitlines() if line.strip())
    body = f"{category.label} · from <@{author}> · {percent(confidence)}\n{quoted}\n<{link}|Open the thread>"
    return card(
        f"New ticket: {category.name}",
        [SectionBlock(block_id="team_card", text=MarkdownTextObject(text=body[:2990]))],
    )
