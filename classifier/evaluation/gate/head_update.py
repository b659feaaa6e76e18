"""May a model with new rows answer? The gate's checks, and that no other category pays. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from classifier.evaluation.gate.judge import judge
from classifier.evaluation.gate.verdict import Check, Floors, Verdict

if TYPE_CHECKING:
    from classifier.data.dataset import Example
    from classifier.inference.predictions import Answers

F1_LOSS = 0.01
"""What a category may lose of its F1 beyond chance."""

_NAMED = 3
_RESAMPLES = 1000
_HALF = 0.5


def judge_refit(
    champion: Answers,
    challenger: Answers,
    gold: Sequence[Example],
    recognised: Mapping[str, tuple[int, int]],
    floors: Floors | None = None,
) -> Verdict:
    """Judge a refitted head.

    Args:
        champion: what the present model said to the gold messages.
        challenger: what the refitted one said.
        gold: the messages with their right labels.
        recognised: of each learned category, (examples that it recognises unseen, examples).
        floors: what must be kept, see gate.

    Raises:
        InvalidInput: answers and gold messages differ in number.
    """
    floors = floors or Floors()
    verdict = judge(champion, challenger, gold, floors)
    others, new = unharmed(champion, challenger, gold, floors), works(recognised)
    checks = (*verdict.checks, others, new)
    if not verdict.promoted or not others.passed:
        reasons = [] if verdict.promoted else [verdict.reason]
        return Verdict(False, " ".join([*reasons, *([] if others.passed else [others.reason])]), checks)
    said = [f"{slug!r}: {hits} of {n} examples recognised unseen." for slug, (hits, n) in recognised.items()]
    return replace(
        verdict,
        reason=" ".join([verdict.reason, *said, *([new.warning] if new.warning else [])]),
        checks=checks,
    )


def unharmed(champion: Answers, challenger: Answers, gold: Sequence[Example], floors: Floors) -> Check:
    """Check that no category which both models know surely loses more than a point of F1.

    The messages are drawn anew (paired bootstrap): a loss counts where nearly all draws show it.
    """
    truth = np.array([example.label for example in gold], dtype=str)
    shared = [slug for slug in champion.labels if slug in challenger.labels and (truth == slug).any()]
    draws = np.random.default_rng(floors.seed).integers(0, len(truth), (_RESAMPLES, len(truth)))
    troubles, worst = [], 0.0
    for slug in shared:
        before, now = (_counts(answers.predicted, truth, slug) for answers in (champion, challenger))
        loss = float(_f1(before.sum(axis=1)) - _f1(now.sum(axis=1)))
        worst = max(worst, loss)
        if loss <= F1_LOSS:
            continue
        losses = _f1(before[:, draws].sum(axis=2)) - _f1(now[:, draws].sum(axis=2))
        if float((losses > F1_LOSS).mean()) > 1 - floors.level:
            troubles.append(f"{slug!r} loses {100 * loss:.0f} points of F1")
    named = "; ".join(troubles[:_NAMED]) + ("; ..." if len(troubles) > _NAMED else "")
    return Check(
        "other categories",
        not troubles,
        f"The new rows take messages from others: {named}.",
        {"failed": float(len(troubles)), "largest_loss": worst},
    )


def works(recognised: Mapping[str, tuple[int, int]]) -> Check:
    """Warn where a category recognises fewer than half of its own examples unseen; it harms nobody."""
    weak = [f"{slug!r} ({hits} of {n})" for slug, (hits, n) in recognised.items() if hits < _HALF * n]
    warning = (
        f"Warning: {', '.join(weak)} will often be missed: its examples have little in common, or look like "
        "another category's. Label more of them."
    )
    figures = {slug: hits / n for slug, (hits, n) in recognised.items() if n}
    return Check("new categories", True, "", figures, warning if weak else "")


def _counts(predicted: npt.NDArray[Any], truth: npt.NDArray[Any], slug: str) -> npt.NDArray[np.int64]:
    """[3, N]: hits, wrongly said, missed."""
    said, meant = predicted == slug, truth == slug
    return np.stack([said & meant, said & ~meant, ~said & meant]).astype(np.int64)


def _f1(counts: npt.NDArray[Any]) -> npt.NDArray[np.floating[Any]]:
    """F1 of [3, ...] hits, wrongly said, missed."""
    hits, wrong, missed = counts
    f1: npt.NDArray[np.floating[Any]] = 2 * hits / np.maximum(2 * hits + wrong + missed, 1)
    return f1
