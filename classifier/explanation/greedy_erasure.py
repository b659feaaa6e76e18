"""Greedy deletion: take words out of messages one after another, each time the one whose loss hurts most.

It is the best order of words that trying one at a time can find, and the bound that word scores are held
against. Many messages go side by side, so that the forward passes are filled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.calibration.scores import probabilities
from classifier.explanation.counterfactual import without_spans
from classifier.inference.predictor import Predictor

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class GreedyOrder:
    """What greedy deletion found in one message.

    Attributes:
        label: number of the category that the model named.
        whole: its probability.
        words: numbers of the words that were taken out, in that order.
        left: the category's probability without the first 1, 2, ... of them.
    """

    label: int
    whole: float
    words: tuple[int, ...]
    left: tuple[float, ...]


def probability_without(
    predictor: Predictor,
    texts: Sequence[str],
    words: Sequence[Sequence[Span]],
    labels: Sequence[int],
    sets: Sequence[Sequence[Sequence[int]]],
) -> list[npt.NDArray[np.float64]]:
    """Ask for many messages without many sets of their words at once.

    Args:
        predictor: the model.
        texts: N messages.
        words: of each, the spans of its words.
        labels: of each, the number of the category to ask for.
        sets: of each, the sets of word numbers to leave out.

    Returns:
        For each message the category's probability without each set.
    """
    asked = [
        without_spans(text, [spans[n] for n in members])
        for text, spans, wanted in zip(texts, words, sets, strict=True)
        for members in wanted
    ]
    if not asked:
        return [np.zeros(0) for _ in texts]
    scores = probabilities(predictor.logits(asked), predictor.facts.temperature)
    ends = np.cumsum([len(wanted) for wanted in sets])
    rows = np.split(scores, ends[:-1])
    return [np.asarray(row[:, label], np.float64) for row, label in zip(rows, labels, strict=True)]


def greedy_orders(
    predictor: Predictor,
    texts: Sequence[str],
    words: Sequence[Sequence[Span]],
    *,
    depth: int,
    breadth: int | None = None,
) -> list[GreedyOrder]:
    """Find the greedy order of each message's words.

    Args:
        predictor: the model.
        texts: N messages.
        words: of each, the spans of its words.
        depth: words to take out at most.
        breadth: after the first step only so many words are tried, those whose loss hurt most in the step
            before; None tries all.
    """
    scores = probabilities(predictor.logits(texts), predictor.facts.temperature)
    labels = scores.argmax(axis=1).tolist()
    left = [list(range(len(spans))) for spans in words]
    taken: list[list[int]] = [[] for _ in texts]
    reached: list[list[float]] = [[] for _ in texts]
    for _ in range(depth):
        sets = [[[*done, word] for word in open_] for done, open_ in zip(taken, left, strict=True)]
        found = probability_without(predictor, texts, words, labels, sets)
        for number, falls in enumerate(found):
            if not len(falls):
                continue
            ranked = np.argsort(falls, kind="stable").tolist()
            taken[number].append(left[number][ranked[0]])
            reached[number].append(float(falls[ranked[0]]))
            kept = ranked[1:] if breadth is None else ranked[1 : breadth + 1]
            # in reading order, so that ties are broken alike
            left[number] = sorted(left[number][place] for place in kept)
    return [
        GreedyOrder(label, float(scores[n, label]), tuple(taken[n]), tuple(reached[n]))
        for n, label in enumerate(labels)
    ]
