"""What came of a retraining: live or not and why, how good before and after, and what changed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.blocks.common import Card, card, counted, escape, plain, section, small_print, title
from bot.blocks.retraining import REASON_LENGTH, duration, moment, who

EXCERPT_LENGTH = 120
SHOWN = 3
"""Examples of each kind; more would not be read."""
NAMED = 5
"""Categories that are called better or worse."""
MANY_SCARCE = 5

_LINK = re.compile(r"https?://[^\s<>|]+")


def result_card(
    state: str, reason: str, version: str | None, metrics: Mapping[str, Any], requested_by: str
) -> Card:
    """Say what came of a run: live, or not and why.

    Args:
        state: of the run.
        reason: why it went as it did, in plain words.
        version: of the new model, None where there is none.
        metrics: as the run's row holds them. `links` {ticket id: address of the message} may be added: a
            ticket is only ever shown as a link. With `shadow_until` the model passed and is not live yet.
        requested_by: a user id, or a word for the schedule.
    """
    silent = metrics.get("shadow_until") if state == "done" else None
    live = state == "done" and version is not None and not silent
    if silent:
        until = moment(datetime.fromisoformat(str(silent)))
        head = f":ghost: *A new model passed, and answers in silence until {until}:* `{title(version or '')}`"
        text = f"Retraining done: {title(version or '')} answers in silence first."
    elif live:
        head = f":white_check_mark: *A new model is live:* `{title(version or '')}`"
        text = f"Retraining done: {title(version or '')} is live."
    else:
        why = escape(plain(reason, REASON_LENGTH))
        head = f":no_entry: *The model stays as it was.* {why}"
        text = f"The model stays as it was. {why}"
    lines = _accuracy(metrics, live) + _learned(metrics, live)
    if metrics.get("seconds") is not None:
        lines.append(f"It took {duration(float(metrics['seconds']))}.")
    blocks = [section("\n".join([head, *lines]))]
    blocks += [section(part) for part in (_categories(metrics, live), _examples(metrics, live)) if part]
    return card(" ".join([text.strip(), *lines]), [*blocks, small_print(f"Asked by {who(requested_by)}")])


def _accuracy(metrics: Mapping[str, Any], live: bool) -> list[str]:
    """Before and after, with intervals; of a refused model only where there is something to compare."""
    now, before = metrics.get("accuracy"), metrics.get("accuracy_before")
    if now is None or (not live and before is None):
        return []
    said = "Right on" if live else "The new one is right on"
    count = f"{int(metrics['held_out'])} " if metrics.get("held_out") else ""
    lines = [
        f"{said} {_share(now)} of {count}held-out messages{_interval(metrics.get('accuracy_interval'))}."
    ]
    if before is not None:
        verb = "The one before:" if live else "The present one:"
        lines.append(f"{verb} {_share(before)}{_interval(metrics.get('accuracy_before_interval'))}.")
    changes = metrics.get("changes") or {}
    if changes.get("own") and changes.get("own_accuracy") is not None:
        was = changes.get("own_accuracy_before")
        than = f", before {_share(was)}" if was is not None else ""
        lines.append(f"Of your own {int(changes['own'])} tickets {_share(changes['own_accuracy'])}{than}.")
    return lines


def _learned(metrics: Mapping[str, Any], live: bool) -> list[str]:
    lines = []
    if live and metrics.get("labels") is not None:
        lines.append(
            f"Learned from {counted(int(metrics['labels']), 'label')} that people gave "
            f"and {metrics.get('starter', 0)} starter messages."
        )
    doubtful = int(metrics.get("doubtful") or 0)
    if doubtful:
        said = counted(doubtful, "label looks", "labels look")
        lines.append(f"{said} doubtful and were left out until somebody has looked at them.")
    scarce = [title(str(slug)) for slug in metrics.get("scarce") or ()]
    if live and scarce:
        more = f" and {len(scarce) - MANY_SCARCE} more" if len(scarce) > MANY_SCARCE else ""
        lines.append(f"Too few messages to learn yet: {', '.join(scarce[:MANY_SCARCE])}{more}.")
    return lines


def _categories(metrics: Mapping[str, Any], live: bool) -> str:
    """Categories whose F1 changed surely; F1 is what both kinds of mistakes leave."""
    changes = metrics.get("changes") or {}
    lines = []
    for name, word in (("better", "Better"), ("worse", "Worse")):
        rows = changes.get(name) or ()
        if rows:
            lines.append(f"*{word if live else f'It would be {word.lower()}'}:* {_rows(rows)}")
    return "\n".join(lines)


def _rows(rows: Sequence[Mapping[str, Any]]) -> str:
    return " · ".join(
        f"{title(str(row['category']))} (F1 {float(row['before']):.2f} → {float(row['now']):.2f})"
        for row in rows[:NAMED]
    )


def _examples(metrics: Mapping[str, Any], live: bool) -> str:
    """Messages that changed sides: starter messages in words, the workspace's own as links."""
    changes, links = metrics.get("changes") or {}, metrics.get("links") or {}
    lines: list[str] = []
    for name, word in (("newly_right", "Newly right"), ("newly_wrong", "Newly wrong")):
        shown = [line for row in changes.get(name) or () if (line := _example(row, links))]
        if shown:
            lines += [f"*{word}*" if live else f"*{word}, had it gone live*", *shown[:SHOWN]]
    return "\n".join(lines)


def _example(row: Mapping[str, Any], links: Mapping[str, str]) -> str:
    before, now, right = (title(str(row.get(name, ""))) for name in ("before", "now", "right"))
    said = f"it said {before}, now {now}" + (f"; right is {right}" if now != right else "")
    if "ticket" in row:
        link = links.get(str(row["ticket"]), "")
        return f"• <{link}|your ticket>: {said}" if _LINK.fullmatch(link) else ""
    quoted = escape(plain(" ".join(str(row.get("text", "")).split()), EXCERPT_LENGTH))
    return f"• “{quoted}”: {said}"


def _share(value: Any) -> str:
    return f"{100 * float(value):.1f}%"


def _interval(bounds: Any) -> str:
    return f" (95% interval {100 * float(bounds[0]):.1f} to {100 * float(bounds[1]):.1f})" if bounds else ""
