"""The gate's checks, each a pure function of both models' answers. gate.py says how they come together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from classifier.calibration.statistics import (
    bootstrap_calibration_errors,
    bootstrap_means,
    brier_scores,
    calibration_errors,
    chance_calibration_error,
    mcnemar_worse,
    placements,
)
from classifier.contract import OUT_OF_SCOPE_THRESHOLD
from classifier.evaluation.gate.verdict import Check, Floors
from classifier.explanation.types import GREEDY, REPLY, FaithfulnessReport

if TYPE_CHECKING:
    from classifier.inference.predictions import Answers

Array = npt.NDArray[Any]

_NAMED = 3
"""Categories that a reason names."""


def first_model(challenger: Answers, truth: Array, inside: Array, floors: Floors) -> tuple[Check, ...]:
    """Check a model that has nothing to be compared with.

    Args:
        challenger: its answers to N messages.
        truth: [N] slugs, or `oos`.
        inside: [N], whether a message has a category.
        floors: what must be kept.
    """
    labels, counts = np.unique(truth[inside], return_counts=True)
    most, correct = float(counts.max() / counts.sum()), challenger.predicted[inside] == truth[inside]
    chance = float(binomtest(int(correct.sum()), len(correct), most, alternative="greater").pvalue)
    guess = (
        f"The new model is no better than always saying {str(labels[counts.argmax()])!r}: "
        f"{percent_right(correct)} of {len(correct)} held-out messages right, where that has {most:.1%}."
    )
    figures = {"accuracy": float(correct.mean()), "majority": most, "p_value": chance}
    good = Check("accuracy", len(counts) == 1 or chance < floors.level, guess, figures)
    checks = [good, _calibration(None, challenger, truth, inside, floors)]
    if (~inside).sum() >= floors.fewest_outside:
        auroc = float(placements(challenger.scope[~inside], challenger.scope[inside])[0].mean())
        blind = f"The new model hardly tells messages that belong nowhere from the others: AUROC {auroc:.3f}."
        checks.append(Check("out of scope", auroc >= floors.first_auroc, blind, {"auroc": auroc}))
    return *checks, _latency(None, challenger, floors)


def against_champion(
    champion: Answers, challenger: Answers, truth: Array, inside: Array, floors: Floors
) -> tuple[Check, ...]:
    """Compare a challenger with the champion on the same N messages; the arguments as in `first_model`."""
    shared = inside & np.isin(truth, champion.labels)
    parts: list[Callable[[Answers, Answers, Array, Array, Floors], Check]]
    parts = [_accuracy, _probabilities, _recall, _calibration]
    checks = [part(champion, challenger, truth, shared, floors) for part in parts]
    if (~inside).sum() >= floors.fewest_outside:
        checks.append(_out_of_scope(champion, challenger, inside, floors))
    return *checks, _latency(champion, challenger, floors)


def _accuracy(champion: Answers, challenger: Answers, truth: Array, rows: Array, floors: Floors) -> Check:
    before, now = (answers.predicted[rows] == truth[rows] for answers in (champion, challenger))
    p_value = mcnemar_worse(before, now)
    differences = now.astype(float) - before
    means = bootstrap_means(differences, floors.resamples, floors.seed)
    loss, odds = -float(differences.mean()), float((means < -floors.accuracy_loss).mean())
    low, high = np.quantile(means, [0.025, 0.975])
    worse = loss > floors.tie and (p_value < floors.level or odds >= floors.accuracy_odds)
    return Check(
        "accuracy",
        not worse,
        f"The new model is worse: {percent_right(now)} of {len(now)} held-out messages right, "
        f"where the present one has {percent_right(before)}.",
        {
            "before": float(before.mean()), "now": float(now.mean()), "n": float(len(now)),
            "lost": float((before & ~now).sum()), "gained": float((now & ~before).sum()),
            "mcnemar_p": p_value, "low": float(low), "high": float(high), "odds_beyond_margin": odds,
        },
    )  # fmt: skip


def _probabilities(
    champion: Answers, challenger: Answers, truth: Array, rows: Array, floors: Floors
) -> Check:
    before, now = (_brier(answers, truth, rows) for answers in (champion, challenger))
    margin = max(floors.brier_rise, floors.brier_rise_share * float(before.mean()))
    means = bootstrap_means(now - before, floors.resamples, floors.seed)
    sure = float((means > margin).mean())
    return Check(
        "probabilities",
        sure <= 1 - floors.level,
        "The new model's probabilities are further from the right answers: "
        f"Brier score {now.mean():.3f}, where the present one has {before.mean():.3f} and less is better.",
        {"before": float(before.mean()), "now": float(now.mean()), "margin": margin, "certainty": sure},
    )


def _brier(answers: Answers, truth: Array, rows: Array) -> Array:
    columns = {label: number for number, label in enumerate(answers.labels)}
    return brier_scores(
        answers.probabilities[rows], np.array([columns.get(t, -1) for t in truth[rows].tolist()])
    )


def _recall(champion: Answers, challenger: Answers, truth: Array, rows: Array, floors: Floors) -> Check:
    troubles, worst = [], 0.0
    for label in sorted(set(truth[rows].tolist())):
        of_label = truth == label
        before, now = (answers.predicted[of_label] == label for answers in (champion, challenger))
        loss = float(before.mean() - now.mean())
        worst = max(worst, loss)
        had, has, n = int(before.sum()), int(now.sum()), len(now)
        if label not in challenger.labels:
            troubles.append(f"it does not know {label!r} any more")
        elif had >= floors.lost_from and has < floors.lost_share * had:
            troubles.append(f"it has lost {label!r}: {has} of {n} messages right, where {had} were")
        elif loss > floors.recall_loss and mcnemar_worse(before, now) < floors.recall_level:
            troubles.append(f"it misses more of {label!r}: {has} of {n} messages right, where {had} were")
    named = "; ".join(troubles[:_NAMED]) + ("; ..." if len(troubles) > _NAMED else "")
    reason = f"The new model fails a category: {named}."
    return Check("recall", not troubles, reason, {"failed": float(len(troubles)), "largest_loss": worst})


def _calibration(
    champion: Answers | None, challenger: Answers, truth: Array, rows: Array, floors: Floors
) -> Check:
    confidence, correct = _said(challenger, truth, rows)
    now = float(calibration_errors(confidence, correct[None, :])[0])
    chance = chance_calibration_error(confidence, floors.resamples // 4, floors.seed)
    figures = {"now": now, "ceiling": floors.first_ece, "chance": chance}
    worse, than = True, ""
    if champion is not None:
        was, right = _said(champion, truth, rows)
        before = float(calibration_errors(was, right[None, :])[0])
        old, new = (
            bootstrap_calibration_errors(*pair, floors.resamples, floors.seed)
            for pair in ((was, right), (confidence, correct))
        )
        certainty = float((new - old > floors.ece_rise).mean())
        worse, than = certainty > 1 - floors.level, f", where the present one is off by {100 * before:.1f}"
        figures |= {"before": before, "ceiling": floors.ece, "certainty": certainty}
    sure = "too sure" if confidence.mean() > correct.mean() else "too unsure"
    return Check(
        "calibration",
        not (worse and now > figures["ceiling"] + chance),
        f"The new model is {sure} of its answers: its confidence is off by {100 * now:.1f} points{than}.",
        figures,
    )


def _said(answers: Answers, truth: Array, rows: Array) -> tuple[Array, Array]:
    """(confidence, whether it was right) of some messages."""
    return answers.confidence[rows], answers.predicted[rows] == truth[rows]


def _out_of_scope(champion: Answers, challenger: Answers, inside: Array, floors: Floors) -> Check:
    (out_before, in_before), (out_now, in_now) = (
        placements(answers.scope[~inside], answers.scope[inside]) for answers in (champion, challenger)
    )
    before, now = float(out_before.mean()), float(out_now.mean())
    # AUROC's projection on the messages: the mean over both kinds, less the AUROC that each contains
    losses = (
        bootstrap_means(out_before - out_now, floors.resamples, floors.seed)
        + bootstrap_means(in_before - in_now, floors.resamples, floors.seed + 1)
        - (before - now)
    )
    was, flagged = (answers.scope >= OUT_OF_SCOPE_THRESHOLD for answers in (champion, challenger))
    recalls, stopped = (
        (was[~inside].mean(), flagged[~inside].mean()),
        (was[inside].mean(), flagged[inside].mean()),
    )
    troubles = []
    if float((losses > floors.auroc_loss).mean()) > 1 - floors.level:
        troubles.append(
            f"it tells messages that belong nowhere apart less well (AUROC {now:.3f}, was {before:.3f})"
        )
    if (
        recalls[0] - recalls[1] > floors.outside_recall_loss
        and mcnemar_worse(was[~inside], flagged[~inside]) < floors.level
    ):
        troubles.append(
            f"it recognises {recalls[1]:.0%} of the messages that belong nowhere, was {recalls[0]:.0%}"
        )
    if stopped[1] > max(floors.stopped, stopped[0] + floors.stopped_rise) and (
        mcnemar_worse(~was[inside], ~flagged[inside]) < floors.level
    ):
        troubles.append(
            f"it takes {stopped[1]:.0%} of the real messages for out of scope, was {stopped[0]:.0%}"
        )
    figures = {
        "auroc_before": before, "auroc_now": now,
        "recall_before": float(recalls[0]), "recall_now": float(recalls[1]),
        "stopped_before": float(stopped[0]), "stopped_now": float(stopped[1]),
    }  # fmt: skip
    return Check(
        "out of scope", not troubles, f"The new model is worse out of scope: {'; '.join(troubles)}.", figures
    )


def _latency(champion: Answers | None, challenger: Answers, floors: Floors) -> Check:
    now, before = challenger.milliseconds, champion.milliseconds if champion else 0.0
    # what the machine did meanwhile says nothing of a model that is made like the present one
    alike = champion is not None and challenger.shape != "" and challenger.shape == champion.shape
    noticed = before > 0 and challenger.times > floors.slower and now > floors.unnoticed
    than = f", where the present one takes {before:.0f}" if before > 0 else ""
    reason = f"The new model is slow: one message takes {now:.0f} ms{than}."
    figures = {"before": before, "now": now, "times": challenger.times}
    return Check("latency", alike or not (noticed or now > floors.slowest), reason, figures)


def explanations(before: FaithfulnessReport, now: FaithfulnessReport, floors: Floors) -> Check:
    """Warn where reply words reach surely less of the greedy bound than the champion's do.

    Both were measured on the same messages; pairs of them are drawn anew (bootstrap).
    """
    falls = [np.array([report.falls[name] for name in (REPLY, GREEDY)]) for report in (before, now)]
    draws = np.random.default_rng(floors.seed).integers(
        0, before.messages, (floors.resamples, before.messages)
    )
    drawn = [each[:, draws].mean(axis=2) for each in falls]
    reached = [mine / np.maximum(bound, 1e-9) for mine, bound in drawn]
    lost = float((reached[0] - reached[1] > floors.faithful_loss).mean())
    shares = [report.methods[REPLY].of_greedy.mean for report in (before, now)]
    warning = (
        f"Warning: the words that it shows decide less than before ({shares[1]:.0%} of what the best order "
        f"reaches, was {shares[0]:.0%})."
    )
    figures = {"of_greedy_before": shares[0], "of_greedy_now": shares[1], "odds_of_loss": lost}
    return Check("explanations", True, "", figures, warning if lost > floors.accuracy_odds else "")


def percent_right(correct: Array) -> str:
    """The share of right answers [N], as people read it."""
    return f"{100 * float(correct.mean()):.1f}%"
