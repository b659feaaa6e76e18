"""The answer to `/why`, only for the person who asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement, PlainTextObject

from bot.blocks.action_ids import ActionId, TicketValue
from bot.blocks.common import (
    Card,
    bar,
    card,
    escape,
    one_line,
    people,
    percent,
    phrase,
    section,
    small_print,
    title,
)
from bot.blocks.ticket_card import Correction, Precedent
from classifier.contract import Decisive, Explanation, Word

SHOWN_EACH_WAY = 5
IN_A_NOTIFICATION = 3


@dataclass(frozen=True, slots=True)
class Similar:
    """A labelled ticket like the one that is explained.

    Attributes:
        text: of its message.
        category: display name of what people settled on; "" for none of the categories.
        link: to it; "" where it was imported.
        similarity: -1..1.
    """

    text: str
    category: str
    link: str
    similarity: float


@dataclass(frozen=True, slots=True)
class WhyView:
    """What `/why` shows.

    Attributes:
        explanation: what was measured.
        names: display names of the categories by slug.
        asked_version: of the model that wrote the card.
        correction: what people said.
        link: to the message.
        ticket_id: of the ticket, for the button that draws it; None: no button.
        similar: labelled tickets like this one, nearest first.
        precedent: the labelled message that had a say in the decision.
        decided: slug of the category that it was routed to for its sake, None for none.
    """

    explanation: Explanation
    names: Mapping[str, str]
    asked_version: str
    correction: Correction | None
    link: str
    ticket_id: UUID | None = None
    similar: Sequence[Similar] = ()
    precedent: Precedent | None = None
    decided: str | None = None

    def name(self, slug: str) -> str:
        """Return a category's name, for mrkdwn."""
        return title(self.names.get(slug, slug))


def why_card(view: WhyView) -> Card:
    """Show the decision, the words for and against it, and what the measurement without them said."""
    explanation, prediction = view.explanation, view.explanation.prediction
    name, sure = view.name(prediction.category), percent(prediction.confidence)
    head = f"*{name}*: I am {phrase(prediction.confidence)} ({sure})."
    others = ((slug, p) for slug, p in prediction.alternatives if slug != prediction.category)
    if second := next(others, None):
        head += f" Next: {view.name(second[0])} ({percent(second[1])})."
    if prediction.out_of_scope >= 0.5:  # noqa: PLR2004 - the calibrated middle of the score
        head += f" It looks like nobody's ticket ({percent(prediction.out_of_scope)})."
    speaks_for = sorted((w for w in explanation.words if w.score > 0), key=lambda w: -w.score)
    against = sorted((w for w in explanation.words if w.score < 0), key=lambda w: w.score)
    top = max((abs(word.score) for word in explanation.words), default=0.0)  # one scale for both tables
    if view.precedent is not None:
        went = view.decided in view.names
        came = f"it went to *{view.name(view.decided or '')}*" if went else "I did not follow the model"
        head += f"\nBut {view.precedent.said}, so {came}."
    blocks: list[Block] = [section(head), section(_table("Words that speak for it", speaks_for, top))]
    if against:
        blocks.append(section(_table("Words that speak against it", against, top)))
    if explanation.decisive is not None:
        blocks.append(section(_decisive(view, explanation.decisive)))
    elif explanation.removed:
        blocks.append(section(_measured(view)))
    if view.similar:
        blocks.append(section(_similar(view.similar)))
    if view.ticket_id is not None:
        blocks.append(ActionsBlock(elements=[_picture_button(view.ticket_id)]))
    blocks.append(small_print(_details(view)))
    said = ", ".join(_points(word) for word in speaks_for[:IN_A_NOTIFICATION])
    return card(f"Why: {name}, {sure}. {said or 'No single word decides'}.", blocks)


def _decisive(view: WhyView, decisive: Decisive) -> str:
    prediction = view.explanation.prediction
    before, category = prediction.confidence, view.name(prediction.category)
    words = _quoted([word.text for word in decisive.words])
    if decisive.category == prediction.category:  # what changes is whether it is anybody's
        now = f"a ticket of *{category}* ({percent(decisive.probability)}), and not for nobody's"
        return f"*What decided:* without {words} I would take it for {now}."
    if decisive.category is None:
        said = f"I would take it for nobody's ticket ({percent(decisive.out_of_scope)})"
    else:
        said = f"I would say *{view.name(decisive.category)}* ({percent(decisive.probability_of_new)})"
    text = (
        f"*What decided:* without {words} {said}, "
        f"and give {category} {percent(decisive.probability)} instead of {percent(before)}."
    )
    return text + (" Fewer words do not change it." if decisive.smallest and len(decisive.words) > 1 else "")


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(f"“{_word(word, 40)}”" for word in words)


def _measured(view: WhyView) -> str:
    explanation = view.explanation
    removed = _quoted(explanation.removed[:SHOWN_EACH_WAY])
    now = (
        f"{percent(explanation.probability_without)} instead of {percent(explanation.prediction.confidence)}"
    )
    if explanation.category_without == explanation.prediction.category:
        none = "no few words that I had time to try" if explanation.cut_short else "no few words alone"
        return (
            f"*What decided:* {none}. Without {removed} I would still say "
            f"*{view.name(explanation.category_without)}*, with {now}."
        )
    return (
        f"*What decided:* without {removed} I would say *{view.name(explanation.category_without)}*, "
        f"and give {view.name(explanation.prediction.category)} {now}."
    )


def _picture_button(ticket_id: UUID) -> ButtonElement:
    return ButtonElement(
        text=PlainTextObject(text="Show the words in the thread"),
        action_id=str(ActionId.PICTURE),
        value=TicketValue(ticket_id).encode(),
        accessibility_label="Post the message with its words shaded as a picture into the thread",
    )


def _similar(tickets: Sequence[Similar]) -> str:
    rows = []
    for each in tickets:
        text = _word(each.text, 60)
        rows.append(
            f"• {f'<{each.link}|{text}>' if each.link else text}: "
            f"*{title(each.category or 'none of these')}* ({percent(max(each.similarity, 0.0))} alike)"
        )
    return "*Tickets like it that people labelled*\n" + "\n".join(rows)


def _table(head: str, words: Sequence[Word], top: float) -> str:
    if not words:
        return f"*{head}:* none that changes the probability by itself."
    rows = [f"`{bar(abs(word.score) / top)}` {_points(word)}" for word in words[:SHOWN_EACH_WAY]]
    return f"*{head}*\n" + "\n".join(rows)


def _points(word: Word) -> str:
    return f"{_word(word.text, 24)} {word.score:+.1f}"


def _word(text: str, limit: int) -> str:
    return escape(one_line(text, limit)).replace("*", "").replace("`", "'")


def _tried(explanation: Explanation) -> str:
    """Say how many of the words were looked at, and why not all."""
    amount = f"{explanation.tried} of its {explanation.read} words, those I looked at most"
    return f"I had time to try {amount}" if explanation.cut_short else f"I tried {amount}"


def _details(view: WhyView) -> str:
    explanation, prediction = view.explanation, view.explanation.prediction
    left = explanation.method == "leave_one_out" and explanation.tried < explanation.read
    parts = [_tried(explanation)] if left else []
    if explanation.words:
        parts.append("Scores: how far its lead in log-odds falls without the word")
    parts.append(f"Model {title(prediction.model_version)}")
    if view.asked_version and view.asked_version != prediction.model_version:
        parts.append(f"the card is by {title(view.asked_version)}")
    parts.append(f"{percent(explanation.hidden_attention)} of its attention is on marks, not on words")
    if prediction.truncated:
        parts.append("the message is longer than I read")
    if view.correction is not None:
        said = view.correction.category.name if view.correction.category else "none of these"
        verb = "confirmed" if view.correction.confirmed else "corrected to"
        parts.append(f"{verb} {title(said)} by {people(view.correction.by)}")
    if view.link:
        parts.append(f"<{view.link}|Open the message>")
    return " · ".join(parts)
