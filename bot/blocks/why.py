"""The answer to `/why`, only for the person who asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slack_sdk.models.blocks import Block, ContextBlock, MarkdownTextObject, SectionBlock

from bot.blocks.common import Card, bar, card, escape, percent, phrase, plain
from bot.blocks.ticket_card import Correction
from classifier.contract import Explanation, Word

SHOWN_EACH_WAY = 5


@dataclass(frozen=True, slots=True)
class WhyView:
    """What `/why` shows. `category` and `without` are display names of what the model said, then and now."""

    category: str
    runner_up: tuple[str, float] | None
    without: str
    explanation: Explanation
    asked_version: str
    correction: Correction | None
    link: str


def why_card(view: WhyView) -> Card:
    """Show the decision, the words for and against it, and what the measurement without them said."""
    explanation, prediction = view.explanation, view.explanation.prediction
    head = (
        f"*{escape(view.category)}*: I am {phrase(prediction.confidence)} ({percent(prediction.confidence)})."
    )
    if view.runner_up:
        head += f" Next: {escape(view.runner_up[0])} ({percent(view.runner_up[1])})."
    if prediction.out_of_scope >= 0.5:  # noqa: PLR2004 - the calibrated middle of the score
        head += f" It looks like nobody's ticket ({percent(prediction.out_of_scope)})."
    speaks_for = sorted((w for w in explanation.words if w.score > 0), key=lambda w: -w.score)
    against = sorted((w for w in explanation.words if w.score < 0), key=lambda w: w.score)
    blocks: list[Block] = [SectionBlock(text=MarkdownTextObject(text=head))]
    blocks.append(SectionBlock(text=MarkdownTextObject(text=_table("Words that speak for it", speaks_for))))
    if against:
        blocks.append(
            SectionBlock(text=MarkdownTextObject(text=_table("Words that speak against it", against)))
        )
    if explanation.removed:
        removed = ", ".join(f"“{escape(plain(word, 40))}”" for word in explanation.removed)
        blocks.append(
            SectionBlock(
                text=MarkdownTextObject(
                    text=f"*Measured:* without {removed} I would say *{escape(view.without)}*, and give "
                    f"{escape(view.category)} {percent(explanation.probability_without)} "
                    f"instead of {percent(prediction.confidence)}."
                )
            )
        )
    blocks.append(ContextBlock(elements=[MarkdownTextObject(text=_small_print(view))]))
    return card(f"Why: {view.category}, {percent(prediction.confidence)}", blocks)


def _table(title: str, words: Sequence[Word]) -> str:
    if not words:
        return f"*{title}:* none that changes the probability by itself."
    top = max(abs(word.score) for word in words[:SHOWN_EACH_WAY])
    rows = []
    for word in words[:SHOWN_EACH_WAY]:
        name = escape(plain(word.text, 24)).replace("`", "'")
        rows.append(f"`{bar(abs(word.score) / top if top else 0)}` {name}  {100 * word.score:+.1f} points")
    return f"*{title}*\n" + "\n".join(rows)


def _small_print(view: WhyView) -> str:
    explanation, prediction = view.explanation, view.explanation.prediction
    parts = [f"Model {escape(prediction.model_version)}"]
    if view.asked_version and view.asked_version != prediction.model_version:
        parts.append(f"the card was written by {escape(view.asked_version)}")
    parts.append(f"{percent(explanation.hidden_attention)} of its attention lay on marks between the words")
    if prediction.truncated:
        parts.append("the message was longer than I read")
    if view.correction is not None:
        said = view.correction.category.name if view.correction.category else "none of these"
        verb = "confirmed" if view.correction.confirmed else "corrected to"
        by = ", ".join(f"<@{user}>" for user in view.correction.by)
        parts.append(f"{verb} {escape(said)} by {by}")
    if view.link:
        parts.append(f"<{view.link}|the message>")
    return " · ".join(parts)
