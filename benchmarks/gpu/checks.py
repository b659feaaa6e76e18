"""Whether the GPU's answers are the float32 network's, and do not depend on what else was in the batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from classifier.contract import Prediction
from classifier.inference.predictor import Predictor

LEAST_SAME_LABEL, LEAST_SAME_WORDS, MOST_DRIFT = 0.999, 0.95, 0.02
_DECIDED = 0.05
"""Gap between the two highest probabilities from which an answer is decided; below, both may toss a coin."""


def check(reference: Predictor, served: Predictor, texts: Sequence[str]) -> dict[str, Any]:
    """Compare answers.

    Args:
        reference: the network in float32.
        served: as the service runs it.
        texts: to answer.

    Returns:
        decided (share of texts), same_label (of decided ones, against float32), same_words (the first three,
        as a set), best_word (the first one), companions_same_label (of decided ones, in other batches),
        companions_drift (of the confidence, at most), and passed.
    """
    wanted, found = reference.predict(texts), served.predict(texts)
    # shorter texts between them, another order: other shapes and other neighbours
    between = [text.rsplit(" ", 1 + number % 5)[0] for number, text in enumerate(texts)]
    mixed = [text for pair in zip(texts, between, strict=True) for text in pair][::-1]
    other = served.predict(mixed)[::-1][::2]
    decided = [number for number, answer in enumerate(wanted) if _margin(answer) >= _DECIDED]
    result: dict[str, Any] = {
        "texts": len(texts),
        "decided": len(decided) / len(texts),
        "same_label": _share(wanted[n].category == found[n].category for n in decided),
        "same_words": _share(_best(a, 3) == _best(b, 3) for a, b in zip(wanted, found, strict=True)),
        "best_word": _share(_best(a, 1) == _best(b, 1) for a, b in zip(wanted, found, strict=True)),
        "companions_same_label": _share(found[n].category == other[n].category for n in decided),
        "companions_drift": max(abs(a.confidence - b.confidence) for a, b in zip(found, other, strict=True)),
    }
    result["passed"] = (
        result["same_label"] >= LEAST_SAME_LABEL
        and result["same_words"] >= LEAST_SAME_WORDS
        and result["companions_same_label"] >= LEAST_SAME_LABEL
        and result["companions_drift"] <= MOST_DRIFT
    )
    return result


def _best(answer: Prediction, count: int) -> set[tuple[int, int]]:
    """Where the first so many words lie."""
    return {(word.start, word.end) for word in answer.words[:count]}


def _margin(answer: Prediction) -> float:
    (_, first), (_, second), *_ = answer.alternatives
    return first - second


def _share(same: Iterable[bool]) -> float:
    kept = list(same)
    return sum(kept) / max(1, len(kept))
