"""What the bot says of drift: one card in the admin channel, and the figures in App Home."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from slack_sdk.models.blocks import Block

from bot.blocks.common import Blocks, Card, card, counted, escape, percent, plain, section, small_print, title

CATEGORIES_NAMED = 3
WORDS_NAMED = 8


class Signal(StrEnum):
    """What is watched."""

    CORRECTIONS = "corrections"
    CONFIDENCE = "confidence"


@dataclass(frozen=True, slots=True)
class CategoryShift:
    """A category whose routings are corrected more often: its name, and the share before and after."""

    name: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class DriftView:
    """A change for the worse.

    Attributes:
        signal: what changed.
        before: its mean, 0..1, before the change.
        after: its mean since.
        since: about when it began.
        shifts: categories that are corrected more often, worst first.
        words: words of recently corrected tickets that nobody used before.
        model_age: since the model went live; None where that is not known.
    """

    signal: Signal
    before: float
    after: float
    since: datetime
    shifts: Sequence[CategoryShift] = ()
    words: Sequence[str] = ()
    model_age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class DriftFigures:
    """What App Home shows: the model's age, (uncorrected, routed) of 7 and 30 days, changes of late."""

    model_age: timedelta | None
    week: tuple[int, int]
    month: tuple[int, int]
    changes: Sequence[DriftView] = ()


def drift_alert(view: DriftView) -> Card:
    """Tell the admins what changed for the worse."""
    what = _what(view)
    lines = [f":chart_with_upwards_trend: *{_HEAD[view.signal]}*", what]
    if view.shifts:
        named = [
            f"*{title(shift.name)}* {_share(shift.before)} → {_share(shift.after)}"
            for shift in view.shifts[:CATEGORIES_NAMED]
        ]
        lines.append(f"Corrected more often: {', '.join(named)}")
    if view.words:
        named = [f"*{_word(word)}*" for word in view.words[:WORDS_NAMED]]
        lines.append(f"New words in corrected messages: {' · '.join(named)}")
    age = "" if view.model_age is None else f"The model has been live for {age_text(view.model_age)}. "
    small = f"{age}`/retrain` teaches me what people corrected. I say this at most once a day."
    return card(f"{_HEAD[view.signal]} {what}", [section("\n".join(lines)), small_print(small)])


def drift_blocks(figures: DriftFigures) -> Blocks:
    """Return the figures for App Home."""
    parts = []
    if figures.model_age is not None:
        parts.append(f"This model has been live for *{age_text(figures.model_age)}*")
    for days, (right, routed) in ((7, figures.week), (30, figures.month)):
        if routed:
            parts.append(f"{days} days: *{_share(right / routed)}* of {routed} routed messages uncorrected")
    blocks: list[Block] = [section(" · ".join(parts))] if parts else []
    blocks += [
        section(f":chart_with_upwards_trend: {_HEAD[change.signal]} {_what(change)}")
        for change in figures.changes
    ]
    return [block.to_dict() for block in blocks]


_HEAD = {
    Signal.CORRECTIONS: "People correct me more often than before.",
    Signal.CONFIDENCE: "I am less sure of new messages than before.",
}


def _what(view: DriftView) -> str:
    day = view.since.date().isoformat()
    if view.signal is Signal.CORRECTIONS:
        return f"Corrected routings: {_share(view.before)} → {_share(view.after)}, since about {day}."
    return f"Mean confidence: {percent(view.before)} → {percent(view.after)}, since about {day}."


def _share(share: float) -> str:
    """Return a measured share as people read it; a share may be 0% or 100%, unlike a probability."""
    return f"{round(100 * share)}%"


def _word(word: str) -> str:
    return escape(plain(word, 40)).replace("*", "").replace("`", "")


def age_text(age: timedelta) -> str:
    """Say how long something has been there."""
    if age.days:
        return counted(age.days, "day")
    hours = max(0, age.seconds // 3600)
    return counted(hours, "hour") if hours else "less than an hour"
