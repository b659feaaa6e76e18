"""The one message of a retraining: how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.blocks.common import Card, bar, card, escape, plain, section, small_print, title

STAGES = {
    "queued": "Waiting for the trainer",
    "prepare": "Reading starter messages and labels",
    "embed": "Reading the messages",
    "warm up": "Getting to know the words",
    "train": "Learning from the messages",
    "refit": "Learning from all messages",
    "calibrate": "Calibrating",
    "evaluate": "Measuring on messages it never saw",
    "done": "Finishing",
    "publish": "Publishing",
}
REASON_LENGTH = 500


def progress_card(progress: Mapping[str, Any], requested_by: str) -> Card:
    """Show stage, bar, epoch and the time that is left.

    Args:
        progress: `stage`, `fraction` 0..1, `epoch`, `epochs`, `eta_seconds`, as the run's row holds them.
        requested_by: a user id, or a word for the schedule.
    """
    stage = title(STAGES.get(str(progress.get("stage", "queued")), str(progress.get("stage", ""))))
    fraction = min(1.0, max(0.0, float(progress.get("fraction") or 0.0)))
    done = f"{round(100 * fraction)}%"
    details = []
    if progress.get("epochs"):
        details.append(f"epoch {progress.get('epoch', 0)} of at most {progress['epochs']}")
    if progress.get("eta_seconds") is not None:
        details.append(f"about {duration(float(progress['eta_seconds']))} left")
    body = (
        f":hourglass_flowing_sand: *Retraining:* {stage[:1].lower()}{stage[1:]}\n`{bar(fraction, 20)}` {done}"
    )
    small = " · ".join([*details, f"asked by {_who(requested_by)}"])
    return card(
        f"Retraining: {stage[:1].lower()}{stage[1:]}, {done}",
        [section(body), small_print(small[0].upper() + small[1:])],
    )


def result_card(
    state: str, reason: str, version: str | None, metrics: Mapping[str, Any], requested_by: str
) -> Card:
    """Say what came of a run: live, or not and why."""
    live = state == "done" and version is not None
    if live:
        head = f":white_check_mark: *A new model is live:* `{title(version or '')}`"
        text = f"Retraining done: {title(version or '')} is live."
    else:
        why = escape(plain(reason, REASON_LENGTH))
        head = f":no_entry: *The model stays as it was.* {why}"
        text = f"The model stays as it was. {why}"
    lines = []
    if live and metrics.get("accuracy") is not None:
        bounds = metrics.get("accuracy_interval")
        interval = f" (95% interval {100 * bounds[0]:.1f} to {100 * bounds[1]:.1f})" if bounds else ""
        lines.append(f"Right on {100 * float(metrics['accuracy']):.1f}% of held-out messages{interval}.")
    if live and metrics.get("labels") is not None:
        labels = int(metrics["labels"])
        lines.append(
            f"Learned from {labels} {'label' if labels == 1 else 'labels'} that people gave "
            f"and {metrics.get('starter', 0)} starter messages."
        )
    if metrics.get("seconds") is not None:
        lines.append(f"It took {duration(float(metrics['seconds']))}.")
    return card(
        " ".join([text.strip(), *lines]),
        [section("\n".join([head, *lines])), small_print(f"Asked by {_who(requested_by)}")],
    )


def duration(seconds: float) -> str:
    """Say a number of seconds as a person would."""
    whole = max(0, round(seconds))
    if whole < 60:  # noqa: PLR2004 - seconds in a minute
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60:02d} s"


def _who(requested_by: str) -> str:
    is_user = requested_by[:1] in {"U", "W"} and requested_by.isalnum() and requested_by.isupper()
    return f"<@{requested_by}>" if is_user else f"the {title(requested_by)}"
