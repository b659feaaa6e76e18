"""Which words decided, and the measurement that backs it: the answer without them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from classifier.contract import Explanation, ExplanationMethod, InvalidInput, Prediction, Word
from classifier.explanation.counterfactual import decisive_words, without_words
from classifier.inference.predictor import Predictor

REMOVED = 3
"""Top words that are taken out together for the measurement."""

MOST_LEFT_OUT = 128
"""Words that are left out one at a time; of longer texts, those with the most attention."""


def explain(predictor: Predictor, text: str, method: ExplanationMethod = "leave_one_out") -> Explanation:
    """Explain one answer.

    Args:
        predictor: the model; its thread is this one.
        text: the message.
        method: `attention`, the share that each word received in the last layer (see model.ForwardOutput);
            or `leave_one_out`, how much the margin of the category (its log-odds against the best other one)
            falls without the word. A positive score speaks for the category.

    Raises:
        InvalidInput: an unknown method.
    """
    if method not in get_args(ExplanationMethod):
        raise InvalidInput(f"no method {method!r}: use {' or '.join(get_args(ExplanationMethod))}")
    prediction, attended = predictor.predict_with_attention([text])[0]
    words, decisive = attended.words, None
    if prediction.out_of_scope == 1.0 and not prediction.words:
        words = ()
    if method == "leave_one_out":
        measured, single = _left_out(predictor, text, words)
        words = _scored(prediction, measured, single)
        decisive = decisive_words(text, prediction, measured, single, predictor.predict)
    top = [word for word in sorted(words, key=lambda word: (-word.score, word.start)) if word.score > 0][
        :REMOVED
    ]
    without = predictor.predict([without_words(text, top)])[0] if top else prediction
    return Explanation(
        prediction=prediction,
        method=method,
        words=words,
        removed=tuple(word.text for word in top),
        probability_without=dict(without.alternatives)[prediction.category],
        category_without=without.category,
        hidden_attention=attended.hidden,
        decisive=decisive,
    )


def one_by_one(
    predictor: Predictor, text: str
) -> tuple[Prediction, tuple[Word, ...], tuple[Prediction, ...]]:
    """Leave each word out.

    Returns:
        The answer, the words in reading order with how far the category's margin falls without each, and the
        answers without each.
    """
    prediction, attended = predictor.predict_with_attention([text])[0]
    measured, single = _left_out(predictor, text, attended.words if prediction.words else ())
    return prediction, _scored(prediction, measured, single), single


def margin(prediction: Prediction, category: str) -> float:
    """Log-odds of a category against the best other one."""
    scores = dict(prediction.alternatives)
    others = max((score for label, score in scores.items() if label != category), default=1e-9)
    return math.log(max(scores[category], 1e-9)) - math.log(max(others, 1e-9))


def _left_out(
    predictor: Predictor, text: str, words: Sequence[Word]
) -> tuple[tuple[Word, ...], tuple[Prediction, ...]]:
    measured = _most_attended(words)
    return measured, tuple(predictor.predict([without_words(text, [word]) for word in measured]))


def _most_attended(words: Sequence[Word]) -> tuple[Word, ...]:
    """The words that are left out one at a time, in reading order."""
    most = sorted(words, key=lambda word: -word.score)[:MOST_LEFT_OUT]
    return tuple(sorted(most, key=lambda word: word.start))


def _scored(prediction: Prediction, words: Sequence[Word], without: Sequence[Prediction]) -> tuple[Word, ...]:
    whole = margin(prediction, prediction.category)
    return tuple(
        replace(word, score=whole - margin(answer, prediction.category))
        for word, answer in zip(words, without, strict=True)
    )
