"""The reply in the thread: a routing, a question, or what a person made of it; and the owning team's card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    Option,
    PlainTextObject,
    StaticSelectElement,
)

from bot.blocks.action_ids import ActionId, TicketValue
from bot.blocks.common import (
    LABEL_LENGTH,
    Card,
    CategoryView,
    button,
    card,
    choice,
    escape,
    excerpt_lines,
    legend,
    people,
    percent,
    person,
    phrase,
    plain,
    quote,
    section,
    small_print,
    title,
    word_list,
    word_text,
)

MAX_OPTIONS = 99
"""A select holds 100 options; one is "none of these"."""
MENU_TEXT = 6000
"""Slack refuses a message of about 13,200 characters: a menu longer than this goes without descriptions."""
DISPUTED = "Others disagree. It stays here until they agree or somebody settles it in my Home tab."


@dataclass(frozen=True, slots=True)
class Correction:
    """What people said of a ticket. `category` None: none of these; `by` are user ids, latest first.

    `disputed`: others say something else, and `category` is what stood before.
    """

    category: CategoryView | None
    by: tuple[str, ...]
    confirmed: bool
    disputed: bool = False


@dataclass(frozen=True, slots=True)
class Precedent:
    """A message like this one, of which people's word counted more than the model's.

    Attributes:
        link: to it; "" where it is gone.
        corrected: whether people had said something else of it than the model says of this one.
    """

    link: str
    corrected: bool

    @property
    def said(self) -> str:
        """Return what happened, for mrkdwn."""
        similar = f"<{self.link}|a similar message>" if self.link else "a similar message"
        return f"someone {self._verb} {similar}"

    @property
    def said_text(self) -> str:
        """Return the same for a notification."""
        return f"someone {self._verb} a similar message"

    @property
    def _verb(self) -> str:
        return "corrected" if self.corrected else "labelled"


def routed_card(
    ticket_id: UUID,
    category: CategoryView,
    confidence: float,
    words: Sequence[str],
    categories: Sequence[CategoryView],
    correction: Correction | None = None,
    precedent: Precedent | None = None,
) -> Card:
    """Say where the message goes, how sure we are and which words were looked at.

    Args:
        ticket_id: for the buttons' values.
        category: what the bot decided.
        confidence: its calibrated probability, where the model decided.
        words: the words attended to, best first.
        categories: all that a person may choose from.
        correction: what people said since, if they did.
        precedent: the message that decided, where it was not the model.
    """
    head = f"{category.label} → {category.where}"
    looked_at = f"Words I looked at: {word_list(words)}"
    sure = f"I am {phrase(confidence)} ({percent(confidence)})."
    sure_text, was_sure, number = sure, sure.replace("I am", "I was", 1), f" ({percent(confidence)})"
    if precedent is not None:  # the model's confidence is another category's
        sure, sure_text = f"S{precedent.said[1:]}, so it goes there.", f"S{precedent.said_text[1:]}."
        was_sure, number = f"S{precedent.said[1:]}.", ""
    buttons = [_why_button(ticket_id)]
    if correction is None:
        value, spoken = TicketValue(ticket_id, category.slug).encode(), f"{category.name} is right"
        buttons.insert(0, button(ActionId.CONFIRM, "Right", value, style="primary", spoken=spoken))
        body = f"{head}\n{sure} {looked_at}"
        text = (
            f"{title(category.name)}: goes to {category.where_text}. {sure_text} "
            f"Words I looked at: {word_text(words)}"
        )
    else:
        text = _verdict_text(correction)
        before = was_sure if correction.confirmed else f"_I had said:_ {head}{number}."
        body = f"{_verdict(correction)}\n{before} {looked_at}"
    actions = ActionsBlock(block_id=f"ticket:{ticket_id}", elements=[*buttons, _menu(ticket_id, categories)])
    return card(text, [section(body), actions, small_print(legend(categories))])


def question_card(
    ticket_id: UUID,
    choices: Sequence[tuple[CategoryView, float]],
    words: Sequence[str],
    categories: Sequence[CategoryView],
    correction: Correction | None = None,
    unreadable: bool = False,
    precedent: Precedent | None = None,
) -> Card:
    """Ask instead of guessing: the likeliest categories as buttons, and "none of these".

    Args:
        ticket_id: for the buttons' values.
        choices: the likeliest categories with their probabilities, best first.
        words: the words attended to, best first.
        categories: all that a person may choose from.
        correction: what people answered, if they did.
        unreadable: the message has files and no text, so there was nothing to read.
        precedent: the message for whose sake the bot asks, where the model would not have.
    """
    blocks: list[Block]
    if correction is not None:
        text, blocks = _verdict_text(correction), [section(_verdict(correction))]
    else:
        if unreadable:
            text = body = "I cannot read files, and there is no text. Which category is it?"
        elif choices:
            names = ", ".join(title(category.name) for category, _ in choices)
            why = f"S{precedent.said[1:]}, so I ask." if precedent else "I am not sure where this belongs."
            why_text = f"S{precedent.said_text[1:]}, so I ask." if precedent else why
            text = f"{why_text} Is it {names}, or none of these?"
            body = f"{why} Is it one of these?\nWords I looked at: {word_list(words)}"
        else:
            text = body = "I am not sure where this belongs. Which category is it?"
        buttons = [
            button(
                f"{ActionId.CHOOSE}_{index}",
                choice(category, None if unreadable else probability),
                TicketValue(ticket_id, category.slug).encode(),
            )
            for index, (category, probability) in enumerate(choices)
        ]
        none = TicketValue(ticket_id).encode()
        buttons.append(button(f"{ActionId.CHOOSE}_none", "None of these", none))
        blocks = [section(body), ActionsBlock(block_id=f"choices:{ticket_id}", elements=buttons)]
    menu = _menu(ticket_id, categories)
    elements = [menu] if unreadable else [_why_button(ticket_id), menu]
    blocks.append(ActionsBlock(block_id=f"ticket:{ticket_id}", elements=elements))
    blocks.append(small_print(legend(categories)))
    return card(text, blocks)


def team_card(
    category: CategoryView,
    confidence: float,
    author: str,
    excerpt: str | None,
    link: str,
    moved: Correction | None = None,
    sent_by: Sequence[str] = (),
    precedent: Precedent | None = None,
    edited: bool = False,
) -> Card:
    """Tell the owning team about a ticket: who wrote, the first words, and the link back.

    Args:
        category: the team's.
        confidence: the model's probability for it.
        author: user id of the person who wrote.
        excerpt: the message, as Slack delivered it; a few lines of it are quoted. None: it is not to be shown
            here, so there is its link alone.
        link: of the message.
        moved: where the ticket went since, where it is not this team's any more.
        sent_by: the people who sent it here, where it was not the bot.
        precedent: the message for whose sake it is here, where it was not the model.
        edited: whether the message was changed after it had been written.
    """
    if moved is not None:
        label, name = (moved.category.label, title(moved.category.name)) if moved.category else ("", "")
        body = f"Not yours after all: {_moved(label, moved.by, edited)}. <{link}|Open the thread>"
        return card(f"Not yours after all: {_moved(name, moved.by, edited)}.", [section(body)])
    if excerpt is None:
        head = f"{category.label} · new ticket, whose text stays in its channel · <{link}|Open the thread>"
        return card(f"New ticket for {title(category.name)}. Its text stays in its channel.", [section(head)])
    lines = excerpt_lines(excerpt)
    sure = f"I am {phrase(confidence)} ({percent(confidence)})"
    if sent_by:
        sure = f"sent here by {people(sent_by)}"
    elif precedent is not None:
        sure = precedent.said
    head = f"{category.label} · new ticket from {person(author)} · {sure} · <{link}|Open the thread>"
    return card(
        f"New ticket for {title(category.name)}: {escape(' '.join(lines))}", [section(head), quote(lines)]
    )


def _verdict(correction: Correction) -> str:
    by = people(correction.by)
    if correction.disputed:
        said = f"{correction.category.label} → {correction.category.where}" if correction.category else ""
        return f"{said or ':x: *None of these*'}, said {by}.\n:left_right_arrow: {DISPUTED}"
    if correction.category is None:
        return f":x: *None of these*, said {by}. I will learn from it."
    goes = f"{correction.category.label} → {correction.category.where}"
    if correction.confirmed:
        return f"{goes}\n:white_check_mark: Confirmed by {by}."
    return f"{goes}\n:pencil2: Corrected by {by}. I will learn from it."


def _verdict_text(correction: Correction) -> str:
    by = people(correction.by)
    if correction.disputed:
        name = title(correction.category.name) if correction.category else "None of these"
        return f"{name}, said {by}. {DISPUTED}"
    if correction.category is None:
        return f"None of these, said {by}."
    verb = "Confirmed" if correction.confirmed else "Corrected"
    return f"{title(correction.category.name)}: goes to {correction.category.where_text}. {verb} by {by}."


def _moved(where: str, user_ids: Sequence[str], edited: bool) -> str:
    by = people(user_ids)
    if where:
        return f"moved to {where}" + (f" by {by}" if by else "")
    if by:
        return f"{by} said that none of the categories fits"
    return "the message was edited" if edited else "the correction was taken back"


def _why_button(ticket_id: UUID) -> ButtonElement:
    return button(ActionId.WHY, "Why?", TicketValue(ticket_id).encode(), spoken="Why did the bot decide so?")


def _menu(ticket_id: UUID, categories: Sequence[CategoryView]) -> StaticSelectElement:
    named = [
        (category.slug, category.plain_label(), plain(category.description, LABEL_LENGTH))
        for category in categories[:MAX_OPTIONS]
    ]
    described = sum(len(name) + len(description) for _, name, description in named) <= MENU_TEXT
    options = [
        Option(
            text=PlainTextObject(text=name, emoji=True),
            value=TicketValue(ticket_id, slug).encode(),
            description=PlainTextObject(text=description) if described and description else None,
        )
        for slug, name, description in named
    ]
    options.append(Option(text=PlainTextObject(text="None of these"), value=TicketValue(ticket_id).encode()))
    return StaticSelectElement(
        action_id=str(ActionId.CORRECT),
        placeholder=PlainTextObject(text="Pick the right category"),
        options=options,
    )
