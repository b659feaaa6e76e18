"""The one message of a retraining: how far it is. What came of it is in retrain_result.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.blocks.common import Card, bar, card, section, small_print, title

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
    small = " · ".join([*details, f"asked by {who(requested_by)}"])
    return card(
        f"Retraining: {stage[:1].lower()}{stage[1:]}, {done}",
        [section(body), small_print(small[0].upper() + small[1:])],
    )


def duration(seconds: float) -> str:
    """Say a number of seconds as a person would."""
    whole = max(0, round(seconds))
    if whole < 60:  # noqa: PLR2004 - seconds in a minute
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60:02d} s"


def who(requested_by: str) -> str:
    """Mention a person, name the schedule."""
    is_user = requested_by[:1] in {"U", "W"} and requested_by.isalnum() and requested_by.isupper()
    return f"<@{requested_by}>" if is_user else f"the {title(requested_by)}"
