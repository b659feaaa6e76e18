"""Champion against challenger: may a newly trained model answer? Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """What both models are compared on: the same held-out messages.

    Attributes:
        accuracy: share of right answers on in-scope messages, 0..1.
        interval: its 95% Wilson interval.
        n: how many messages.
    """

    accuracy: float
    interval: tuple[float, float]
    n: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the challenger goes live, and why, in plain words."""

    promoted: bool
    reason: str


def judge(champion: Measured | None, challenger: Measured) -> Verdict:
    """Refuse a challenger that is clearly worse: its whole 95% interval lies below the champion's accuracy.

    Args:
        champion: the active model; None where there is none yet.
        challenger: the newly trained one.
    """
    if challenger.n == 0:
        return Verdict(False, "There are no held-out messages to judge the new model on.")
    said = f"{100 * challenger.accuracy:.1f}% of {challenger.n} held-out messages right"
    if champion is None:
        return Verdict(True, f"First model: {said}.")
    before = f"{100 * champion.accuracy:.1f}%"
    if challenger.interval[1] < champion.accuracy:
        return Verdict(False, f"The new model is worse: {said}, where the present one has {before}.")
    return Verdict(True, f"{said}; the one before had {before}.")
