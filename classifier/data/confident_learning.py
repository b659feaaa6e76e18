"""Which labels are probably wrong, and which to leave out of a training. Pure.

Confident learning (Northcutt et al. 2021, arXiv:1911.00068) on out-of-fold probabilities: a label is
suspicious where the model is as sure of another category as it usually is of that category, or much surer of
it than of the given one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from classifier.contract import OUT_OF_SCOPE_LABEL, InvalidInput
from classifier.data.dataset import Example

MARGIN = 0.3
"""By how much another category's probability must lie above the given one's. Chosen on a part of BANKING77's
training file with a fifth of the labels flipped at random: there nine in ten suspects were flips, and nine in
ten flips were found."""

SURELY = 0.8
"""The same for messages labelled `oos`: they are what the categories are not; a model errs there easily."""

KEPT_OF_A_CATEGORY = 3
"""Labels of a category that always stay, and half of them where that is more."""

_ENOUGH_OF_A_VOICE = 20
_MOSTLY = 0.5
_SIGNIFICANCE = 0.001


@dataclass(frozen=True, slots=True)
class Suspect:
    """A label that is probably wrong.

    Attributes:
        row: position among the examples, from 0.
        example: the message with the label that was given.
        suggested: what the model says instead.
        score: how much likelier the suggested label is, 0..1.
    """

    row: int
    example: Example
    suggested: str
    score: float


@dataclass(frozen=True, slots=True)
class LabelIssues:
    """What a look at the labels found.

    Attributes:
        suspects: worst first.
        distrusted: voices most of whose labels are suspicious.
        kept: the examples without what is held out, in their order.
    """

    suspects: tuple[Suspect, ...]
    distrusted: tuple[str, ...]
    kept: tuple[Example, ...]


def confident_joint(
    given: npt.NDArray[np.integer], probabilities: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count given against confidently likelier labels.

    Args:
        given: [N], index of each given label.
        probabilities: [N, C], out of fold.

    Returns:
        (counts [C, C] of given by likely label, [N] the likely label of each row, -1 where no label reaches
        its threshold: the mean probability of a label among the rows that were given it).
    """
    rows, categories = probabilities.shape
    own = probabilities[np.arange(rows), given]
    sizes = np.bincount(given, minlength=categories)
    sums = np.bincount(given, weights=own, minlength=categories)
    thresholds = np.where(sizes > 0, sums / np.maximum(sizes, 1), np.inf)
    reached = np.where(probabilities >= thresholds, probabilities, -1.0)
    likely = np.where(reached.max(axis=1) >= 0, reached.argmax(axis=1), -1)
    counts = np.zeros((categories, categories), dtype=np.int64)
    np.add.at(counts, (given[likely >= 0], likely[likely >= 0]), 1)
    return counts, likely


def suspects(
    examples: Sequence[Example], probabilities_out_of_fold: npt.NDArray[Any], labels: Sequence[str]
) -> list[Suspect]:
    """List the labels that are probably wrong, worst first.

    Args:
        examples: N messages.
        probabilities_out_of_fold: [N, C], each row from a model that has not learned from that message.
        labels: the C labels of the columns, `oos` among them where an example has it.

    Raises:
        InvalidInput: the shapes do not fit, or an example's label has no column.
    """
    probabilities = np.asarray(probabilities_out_of_fold, dtype=np.float64)
    if probabilities.shape != (len(examples), len(labels)):
        raise InvalidInput(
            f"probabilities of shape {probabilities.shape} for {len(examples)} messages and {len(labels)} "
            "labels: give one row a message and one column a label"
        )
    column = {label: number for number, label in enumerate(labels)}
    unknown = sorted({example.label for example in examples} - column.keys())
    if unknown:
        raise InvalidInput(f"the label {unknown[0]!r} has no column of probabilities: add it to the labels")
    if not examples or len(labels) < 2:  # noqa: PLR2004 - one label cannot be mistaken for another
        return []
    given = np.array([column[example.label] for example in examples])
    rows = np.arange(len(given))
    own = probabilities[rows, given]
    others = probabilities.copy()
    others[rows, given] = -1.0
    best, margins = others.argmax(axis=1), others.max(axis=1) - own
    _, likely = confident_joint(given, probabilities)
    flagged = (margins > MARGIN) | ((likely == best) & (margins > 0))
    flagged &= np.array([e.label != OUT_OF_SCOPE_LABEL for e in examples]) | (margins > SURELY)
    # a model knows too little of a rare category to doubt its labels
    flagged &= np.bincount(given, minlength=len(labels))[given] > KEPT_OF_A_CATEGORY
    order = np.flatnonzero(flagged)
    return [
        Suspect(
            row=int(row),
            example=examples[row],
            suggested=labels[best[row]],
            score=float(margins[row]),
        )
        for row in order[np.argsort(-margins[order], kind="stable")]
    ]


def distrusted_voices(examples: Sequence[Example], found: Sequence[Suspect]) -> tuple[str, ...]:
    """Name the voices most of whose labels are suspicious, sorted.

    A voice needs twenty labels; more than half of them must be suspicious, and more than the others' rate
    explains (one-sided binomial test, Bonferroni-corrected). One that errs in a fifth of its labels is
    trusted: its suspects are enough.
    """
    given = Counter(example.voice for example in examples)
    doubted = Counter(suspect.example.voice for suspect in found)
    judged = [voice for voice in sorted(given) if voice and given[voice] >= _ENOUGH_OF_A_VOICE]
    distrusted = []
    for voice in judged:
        rest = len(examples) - given[voice]
        # a rate of zero would make a single suspect significant
        rate = (len(found) - doubted[voice] + 1) / (rest + 2)
        test = binomtest(doubted[voice], given[voice], rate, alternative="greater")
        if doubted[voice] > _MOSTLY * given[voice] and test.pvalue < _SIGNIFICANCE / len(judged):
            distrusted.append(voice)
    return tuple(distrusted)


def hold_out(
    examples: Sequence[Example], found: Sequence[Suspect], distrusted: Collection[str] = ()
) -> list[Example]:
    """Leave out suspects, worst first, then the other labels of distrusted voices; the rest in its order.

    Of every label at least three examples stay, and at least half of them.
    """
    left = Counter(example.label for example in examples)
    least = {label: max(KEPT_OF_A_CATEGORY, -(-count // 2)) for label, count in left.items()}
    worst = [suspect.row for suspect in sorted(found, key=lambda suspect: -suspect.score)]
    of_distrusted = [row for row, example in enumerate(examples) if example.voice in distrusted]
    held: set[int] = set()
    for row in [*worst, *of_distrusted]:
        label = examples[row].label
        if row not in held and left[label] > least[label]:
            held.add(row)
            left[label] -= 1
    return [example for row, example in enumerate(examples) if row not in held]


def review(
    examples: Sequence[Example], probabilities_out_of_fold: npt.NDArray[Any], labels: Sequence[str]
) -> LabelIssues:
    """Suspects, distrusted voices and what is left, in one.

    Raises:
        InvalidInput: as `suspects` does.
    """
    found = suspects(examples, probabilities_out_of_fold, labels)
    distrusted = distrusted_voices(examples, found)
    return LabelIssues(tuple(found), distrusted, tuple(hold_out(examples, found, distrusted)))
