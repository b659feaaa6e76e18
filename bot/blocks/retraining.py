"""The message that shows a retraining while it runs and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slack_sdk.models.blocks import ContextBlock, MarkdownTextObject, SectionBlock

from bot.blocks.common import Card, bar, card, escape

STAGES = {
    "queued": "Waiting for the trainer",
    "preparing": "Reading starter messages and labels",
    "training": "Training",
    "calibrating": "Calibrating",
    "evaluating": "Measuring on messages it never saw",
    "publishing": "Publishing",
}


def progress_card(progress: Mapping[str, Any], requested_by: str) -> Card:
    """Show stage, bar, epoch and the time that is left.

    Args:
        progress: `stage`, `fraction` 0..1, `epoch`, `epochs`, `eta_seconds`, as the run's row holds them.
        requested_by: a user id, or a word for the schedule.
    """
    stage = STAGES.get(str(progress.get("stage", "queued")), str(progress.get("stage", "")))
    fraction = float(progress.get("fraction") or 0.0)
    details = []
    if progress.get("epochs"):
        details.append(f"epoch {progress.get('epoch', 0)} of at most {progress['epochs']}")
    if progress.get("eta_seconds") is not None:
        details.append(f"about {duration(float(progress['eta_seconds']))} left")
    text = f"Retraining: {stage.lower()}, {round(100 * fraction)}%"
    body = f":hourglass_flowing_sand: *{escape(stage)}*  `{bar(fraction, 20)}` {round(100 * fraction)}%"
    small = " · ".join([*details, f"asked by {_who(requested_by)}"])
    return card(
        text,
        [
            SectionBlock(text=MarkdownTextObject(text=body)),
            ContextBlock(elements=[MarkdownTextObject(text=small)]),
        ],
    )


def result_card(
    state: str, reason: str, version: str | None, metrics: Mapping[str, Any], requested_by: str
) -> Card:
    """Say what came of a run: live, or not and why."""
    if state == "done" and version:
        head = f":white_check_mark: *A new model is live:* `{escape(version)}`"
        text = f"Retraining done: {version} is live"
    else:
        head = f":no_entry: *The model stays as it was.* {escape(reason)}"
        text = f"Retraining {state}: {reason}"
    lines = [head]
    if metrics.get("accuracy") is not None:
        bounds = metrics.get("accuracy_interval")
        interval = f" (95% interval {100 * bounds[0]:.1f} to {100 * bounds[1]:.1f})" if bounds else ""
        lines.append(f"Right on {100 * float(metrics['accuracy']):.1f}% of held-out messages{interval}.")
    if metrics.get("labels") is not None:
        lines.append(
            f"Learned from {metrics['labels']} labels that people gave "
            f"and {metrics.get('starter', 0)} starter messages."
        )
    if metrics.get("seconds") is not None:
        lines.append(f"It took {duration(float(metrics['seconds']))}.")
    return card(
        text,
        [
            SectionBlock(text=MarkdownTextObject(text="\n".join(lines))),
            ContextBlock(elements=[MarkdownTextObject(text=f"asked by {_who(requested_by)}")]),
        ],
    )


def duration(seconds: float) -> str:
    """Say a number of seconds as a person would."""
    whole = max(0, round(seconds))
    if whole < 60:  # noqa: PLR2004 - seconds in a minute
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60:02d} s"


def _who(requested_by: str) -> str:
    is_user = requested_by[:1] in {"U", "W"} and requested_by.isalnum() and requested_by.isupper()
    return f"<@{requested_by}>" if is_user else f"the {requested_by}"
