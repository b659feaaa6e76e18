"""A question that the bot asks by itself, where the people are who would know."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from slack_sdk.models.blocks import ActionsBlock

from bot.blocks.action_ids import ActionId, TicketValue
from bot.blocks.common import (
    Card,
    CategoryView,
    button,
    card,
    choice,
    escape,
    excerpt_lines,
    people,
    quote,
    section,
    small_print,
    title,
)
from bot.blocks.ticket_card import Correction


def daily_question(
    ticket_id: UUID,
    choices: Sequence[tuple[CategoryView, float]],
    channel_id: str,
    excerpt: str | None,
    link: str,
    answer: Correction | None = None,
) -> Card:
    """Ask about one message: a quote, a link, and a button a choice; or show who answered what.

    Args:
        ticket_id: for the buttons' values.
        choices: the likeliest categories with their probabilities, best first.
        channel_id: where it was written. Its author is not named: a mention would ring.
        excerpt: the message, as Slack delivered it; a few lines of it are quoted. None: not to be shown here.
        link: of the message.
        answer: what people said, if they did.
    """
    quoted = [] if excerpt is None else [quote(excerpt_lines(excerpt))]
    words = escape(" ".join(excerpt_lines(excerpt or "")))
    origin = f"From <#{channel_id}> · <{link}|Open the thread>"
    if answer is not None:
        said, spoken = _said(answer)
        return card(spoken, [section(said), *quoted, small_print(origin)])
    buttons = [
        button(
            f"{ActionId.ANSWER}_{index}", choice(category, p), TicketValue(ticket_id, category.slug).encode()
        )
        for index, (category, p) in enumerate(choices)
    ]
    buttons.append(button(f"{ActionId.ANSWER}_none", "None of these", TicketValue(ticket_id).encode()))
    names = ", ".join(title(category.name) for category, _ in choices)
    return card(
        f"One question: is it {names}, or none of these? {words}".rstrip(),
        [
            section(":speech_balloon: *One question:* what is this message about? Its answer helps me most."),
            *quoted,
            ActionsBlock(block_id=f"question:{ticket_id}", elements=buttons),
            small_print(f"{origin} · one tap is enough"),
        ],
    )


def _said(answer: Correction) -> tuple[str, str]:
    """Say who answered what: as mrkdwn, and for a notification or a screen reader."""
    by = people(answer.by)
    if answer.category is None:
        return f":x: *None of these*, said {by}. Thank you, I learn from it.", f"None of these, said {by}."
    category = answer.category
    return (
        f":white_check_mark: {category.label}, said {by}. Thank you, I learn from it.",
        f"{title(category.name)}, said {by}.",
    )
