"""Do the words that a model shows decide? Measured by taking them out, beside chance and the best there is.

Comprehensiveness and sufficiency are those of ERASER (DeYoung et al. 2020): how far the category's
probability falls without the first k words, and with nothing but them, k = 1..5. Greedy deletion, each time
the word whose loss hurts most, is the bound that no order found without trying can be expected to pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from classifier.contract import InvalidInput, Word
from classifier.explanation.greedy_erasure import Span, greedy_orders, probability_without
from classifier.explanation.types import (
    CHANCE,
    GREEDY,
    LEFT_OUT,
    PLAIN,
    REPLY,
    Faithfulness,
    FaithfulnessReport,
    Measure,
)
from classifier.inference.predictor import Predictor

MOST = 5
"""Words that are taken out at most."""

TOP = 3
FEWEST = 2
"""Messages below which there is no interval."""

_DRAWS = 3
_RESAMPLES = 1000
_FEWEST_WORDS, _MOST_WORDS = 6, 40

_SWAPPED: Mapping[str, str] = {
    "the": "that",
    "a": "one",
    "an": "one",
    "my": "our",
    "i": "we",
    "is": "was",
    "to": "for",
    "it": "this",
    "on": "at",
    "of": "from",
    "me": "us",
    "do": "would",
}
"""English words that should not matter, and what they are swapped for to see whether the words shown stay."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Message:
    """One message: probability of its category, where its words are, each method's order of them."""

    text: str
    label: int
    whole: float
    spans: tuple[Span, ...]
    orders: Mapping[str, list[int]]
    scores: Mapping[str, Array]
    random_sets: tuple[tuple[int, ...], ...]


def measurable(predictor: Predictor, texts: Sequence[str], most: int, seed: int = 0) -> list[str]:
    """Up to `most` of the texts that have 6 to 40 words, drawn by chance."""
    order = np.random.default_rng(seed).permutation(len(texts))
    found: list[str] = []
    for number in order:
        if len(found) == most:
            break
        if _FEWEST_WORDS <= len(predictor.encode([texts[number]])[0].source.words()) <= _MOST_WORDS:
            found.append(texts[number])
    return found


def faithfulness(
    predictor: Predictor,
    texts: Sequence[str],
    *,
    seed: int = 0,
    say: Callable[[int], None] = lambda _: None,
) -> FaithfulnessReport:
    """Measure how faithful the words are that a model shows.

    Args:
        predictor: the model.
        texts: messages of several words, see `measurable`.
        seed: of the random order, the draws and the bootstrap.
        say: gets the number of messages done.

    Raises:
        InvalidInput: there are fewer than two messages.
    """
    if len(texts) < FEWEST:
        raise InvalidInput("faithfulness is measured on messages of 6 to 40 words: give at least two")
    chance = np.random.default_rng(seed)
    rows: dict[str, list[dict[str, float]]] = {}
    for number, text in enumerate(texts):
        for name, figures in _figures(predictor, _message(predictor, text, chance)).items():
            rows.setdefault(name, []).append(figures)
        say(number + 1)
    greedy = np.array([row["comprehensiveness"] for row in rows[GREEDY]])
    stable = _stability(predictor, texts)
    return FaithfulnessReport(
        len(texts),
        {name: _summary(each, greedy, seed) for name, each in rows.items()},
        _interval(np.array(stable), seed),
        len(stable),
        {name: tuple(row["comprehensiveness"] for row in each) for name, each in rows.items()},
    )


def _message(predictor: Predictor, text: str, chance: np.random.Generator) -> _Message:
    [(prediction, reply)] = predictor.predict_with_attention([text])
    [(_, plain)] = predictor.predict_with_attention([text], plain=True)
    words, count = reply.words, len(reply.words)
    label = predictor.facts.labels.index(prediction.category)
    spans = tuple((word.start, word.end) for word in words)
    [alone] = probability_without(predictor, [text], [spans], [label], [[[n] for n in range(count)]])
    scores = {
        REPLY: np.array([word.score for word in words]),
        PLAIN: np.array([word.score for word in plain.words]),
        LEFT_OUT: -alone,
        CHANCE: chance.permutation(count).astype(np.float64),
    }
    orders = {name: np.argsort(-each, kind="stable").tolist() for name, each in scores.items()}
    sets = tuple(tuple(chance.choice(count, min(TOP, count), replace=False).tolist()) for _ in range(_DRAWS))
    return _Message(text, label, prediction.confidence, spans, orders, scores, sets)


def _figures(predictor: Predictor, message: _Message) -> dict[str, dict[str, float]]:
    """{method: {measure: figure}} of one message."""
    count = len(message.spans)
    depth = min(MOST, count)

    def ask(sets: Sequence[Sequence[int]]) -> Array:
        [found] = probability_without(predictor, [message.text], [message.spans], [message.label], [sets])
        return found

    def wins(order: Sequence[int], without: Array) -> float:
        # a set cannot beat itself: where chance drew the very same words, nothing is compared
        others = [set(members) != set(order[:TOP]) for members in message.random_sets]
        beaten = without[min(TOP, count) - 1] < drawn
        return float(np.mean(beaten[others])) if any(others) else float("nan")

    def falls(order: Sequence[int], without: Array) -> dict[str, float]:
        kept = ask([[n for n in range(count) if n not in order[:k]] for k in range(1, depth + 1)])
        return {
            "comprehensiveness": float(np.mean(message.whole - without[:depth])),
            "sufficiency": float(np.mean(message.whole - kept)),
            "fall_at_three": float(message.whole - without[min(TOP, count) - 1]),
            "deletion_area": float(np.mean([message.whole, *without])),
            "wins": wins(order, without),
        }

    drawn = ask(message.random_sets)
    single = -message.scores[LEFT_OUT]
    found: dict[str, dict[str, float]] = {}
    for name, order in message.orders.items():
        figures = falls(order, ask([order[:k] for k in range(1, count + 1)]))
        scores = message.scores[name]
        constant = np.ptp(scores) == 0 or np.ptp(single) == 0
        figures["agreement"] = float("nan") if constant else float(spearmanr(scores, -single).statistic)
        found[name] = figures
    [greedy] = greedy_orders(predictor, [message.text], [message.spans], depth=depth)
    taken = [*greedy.words, *(n for n in range(count) if n not in greedy.words)]
    found[GREEDY] = falls(taken, ask([taken[:k] for k in range(1, count + 1)]))
    found[GREEDY]["agreement"] = float("nan")
    return found


def _stability(predictor: Predictor, texts: Sequence[str]) -> list[float]:
    """For each text with words that should not matter: share of its three reply words that stay."""
    shares = []
    for text in texts:
        [(_, attended)] = predictor.predict_with_attention([text])
        swapped = text
        for word in reversed(attended.words):
            other = _SWAPPED.get(word.text.lower())
            if other is not None:
                swapped = swapped[: word.start] + other + swapped[word.end :]
        if swapped != text:
            [(_, again)] = predictor.predict_with_attention([swapped])
            before, after = _top(attended.words), _top(again.words)
            shares.append(len(before & after) / len(before))
    return shares


def _top(words: Sequence[Word]) -> set[str]:
    best = sorted(words, key=lambda word: (-word.score, word.start))[:TOP]
    # a swapped word counts as itself
    return {_SWAPPED.get(word.text.lower(), word.text.lower()) for word in best}


def _summary(rows: Sequence[Mapping[str, float]], greedy: Array, seed: int) -> Faithfulness:
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    measures = {name: _interval(values, seed) for name, values in columns.items()}
    draws = np.random.default_rng(seed).integers(0, len(greedy), (_RESAMPLES, len(greedy)))
    mine = columns["comprehensiveness"]
    bound = max(float(greedy.mean()), 1e-9)
    shares = mine[draws].mean(axis=1) / np.maximum(greedy[draws].mean(axis=1), 1e-9)
    low, high = np.percentile(shares, [2.5, 97.5])
    return Faithfulness(**measures, of_greedy=Measure(float(mine.mean()) / bound, float(low), float(high)))


def _interval(values: Array, seed: int) -> Measure:
    """Mean and percentile bootstrap interval over messages; NaNs are left out."""
    values = values[~np.isnan(values)]
    if not len(values):
        return Measure(float("nan"), float("nan"), float("nan"))
    draws = np.random.default_rng(seed).integers(0, len(values), (_RESAMPLES, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
    return Measure(float(values.mean()), float(low), float(high))
