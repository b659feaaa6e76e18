"""Two models on starter messages and on the workspace's own tickets: the verdict, and what changed. Pure.

The starter pack's held-out messages are many, and the same for everybody; the workspace's own tickets, frozen
or recent, are fewer and are what the model is for. The gate looks at all of them together, and where there
are enough tickets it looks at those once more alone: a gain on our messages cannot hide a loss on theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from classifier.contract import OUT_OF_SCOPE_LABEL
from classifier.evaluation.gate.judge import Floors, Verdict, judge
from classifier.evaluation.gate.verdict import Check

if TYPE_CHECKING:
    from classifier.data.dataset import Example
    from classifier.explanation.types import FaithfulnessReport
    from classifier.inference.predictions import Answers

Array = npt.NDArray[Any]

FEWEST_OWN = 40
"""Tickets from which they are judged alone: with fewer, two of them are five points."""
EXAMPLES = 3
"""Messages that a person reads of each kind."""
EXCERPT = 120
"""Characters of a starter message that are shown."""

_RESAMPLES, _SEED = 1000, 0
_SURELY = 0.005
"""One in a hundred, two-sided: there are as many comparisons as categories."""
_NAMED = 5
_FEWEST_OF_A_CATEGORY = 5


def judge_both(
    champion: Answers | None,
    challenger: Answers,
    held_out: Sequence[Example],
    floors: Floors | None = None,
    *,
    explained: tuple[FaithfulnessReport, FaithfulnessReport] | None = None,
) -> Verdict:
    """Let the gate look at everything, and at the workspace's own tickets alone where there are enough.

    Raises:
        InvalidInput: answers and messages differ in number.
    """
    verdict = judge(champion, challenger, held_out, floors, explained=explained)
    own = _own(held_out)
    inside = np.array([example.label != OUT_OF_SCOPE_LABEL for example in held_out], dtype=bool)
    if champion is None or int((own & inside).sum()) < FEWEST_OWN:
        return verdict
    theirs = [example for example in held_out if example.judges]
    alone = judge(_part(champion, own), _part(challenger, own), theirs, floors)
    # the time of a message does not hang on whose it is
    checks = tuple(_named(check) for check in alone.checks if check.name != "latency")
    failed = [check.reason for check in checks if not check.passed]
    if not failed:
        return Verdict(verdict.promoted, verdict.reason, (*verdict.checks, *checks))
    reasons = [*([] if verdict.promoted else [verdict.reason]), *failed[:2]]
    return Verdict(False, " ".join(reasons), (*verdict.checks, *checks))


def compare(champion: Answers | None, challenger: Answers, held_out: Sequence[Example]) -> dict[str, Any]:
    """Say what changed, for a card: no ticket's text, only whose it is.

    Returns:
        {"better", "worse": [{"category", "before", "now"}] by F1, the largest change first, only where it is
        sure; "newly_right", "newly_wrong": [{"text" or "ticket", "right", "before", "now"}], tickets first;
        "own", "own_accuracy", "own_accuracy_before": of the workspace's own tickets}.
    """
    truth = np.array([example.label for example in held_out], dtype=str)
    inside = truth != OUT_OF_SCOPE_LABEL
    found: dict[str, Any] = {"better": [], "worse": [], "newly_right": [], "newly_wrong": []}
    own = _own(held_out) & inside
    found["own"] = int(own.sum())
    now = challenger.predicted == truth
    found["own_accuracy"] = float(now[own].mean()) if own.any() else None
    found["own_accuracy_before"] = None
    if champion is None:
        return found
    before = champion.predicted == truth
    if own.any():
        found["own_accuracy_before"] = float(before[own].mean())
    shared = inside & np.isin(truth, champion.labels)
    changes = f1_changes(truth[shared], champion.predicted[shared], challenger.predicted[shared])
    for name, sign in (("better", 1), ("worse", -1)):
        rows = [row for row in changes if sign * (row["now"] - row["before"]) > 0]
        found[name] = sorted(rows, key=lambda row: -abs(row["now"] - row["before"]))[:_NAMED]
    for name, moved in (("newly_right", now & ~before), ("newly_wrong", before & ~now)):
        found[name] = _examples(moved & inside, champion, challenger, held_out)
    return found


def f1_changes(truth: Array, before: Array, now: Array) -> list[dict[str, Any]]:
    """Categories whose F1 changed surely: the interval of the paired bootstrap leaves nought out.

    Args:
        truth: [N] slugs.
        before: [N] slugs that the champion said.
        now: [N] slugs that the challenger said.
    """
    if not len(truth):
        return []
    labels, counts = np.unique(truth, return_counts=True)
    labels = labels[counts >= _FEWEST_OF_A_CATEGORY]
    n = len(truth)
    draws = np.random.default_rng(_SEED).multinomial(n, np.full(n, 1 / n), size=_RESAMPLES).astype(float)
    right = truth[:, None] == labels
    parts = [_f1_parts(right, said[:, None] == labels) for said in (before, now)]
    drawn = [_f1(draws @ hits, draws @ total) for hits, total in parts]
    low, high = np.quantile(drawn[1] - drawn[0], [_SURELY, 1 - _SURELY], axis=0)
    was, has = (_f1(hits.sum(axis=0), total.sum(axis=0)) for hits, total in parts)
    return [
        {"category": str(label), "before": float(was[i]), "now": float(has[i])}
        for i, label in enumerate(labels)
        if low[i] > 0 or high[i] < 0
    ]


def _f1_parts(right: Array, said: Array) -> tuple[Array, Array]:
    """(hits, what F1 divides twice the hits by), each [N, C]."""
    return (right & said).astype(float), right.astype(float) + said.astype(float)


def _f1(hits: Array, total: Array) -> Array:
    scores: Array = 2 * hits / np.maximum(total, 1)
    return scores


def _examples(
    rows: Array, champion: Answers, challenger: Answers, held_out: Sequence[Example]
) -> list[dict[str, Any]]:
    """Return some messages that changed sides: own tickets first, then where the new model is surest."""
    order = sorted(
        np.flatnonzero(rows).tolist(),
        key=lambda row: (not held_out[row].judges, -float(challenger.confidence[row])),
    )
    shown = []
    for row in order[:EXAMPLES]:
        example = held_out[row]
        text = " ".join(example.text.split())
        excerpt = text if len(text) <= EXCERPT else text[: EXCERPT - 1] + "…"
        source = {"ticket": example.ticket} if example.judges else {"text": excerpt}
        said = {"before": str(champion.predicted[row]), "now": str(challenger.predicted[row])}
        shown.append({**source, "right": example.label, **said})
    return shown


def _own(held_out: Sequence[Example]) -> npt.NDArray[np.bool_]:
    """[N], whether a message is the workspace's own ticket."""
    return np.array([bool(example.judges) for example in held_out], dtype=bool)


def _part(answers: Answers, rows: npt.NDArray[np.bool_]) -> Answers:
    return replace(
        answers,
        probabilities=answers.probabilities[rows],
        scope=answers.scope[rows],
        thresholds=answers.thresholds[rows],
    )


def _named(check: Check) -> Check:
    reason = f"On this workspace's own tickets: {check.reason}" if check.reason else ""
    return replace(check, name=f"own tickets: {check.name}", reason=reason)
