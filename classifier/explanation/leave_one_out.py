"""Which words decided, and the measurement that backs it: the answer without them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from classifier.contract import Explanation, ExplanationMethod, InvalidInput, Prediction, Word
from classifier.explanation.counterfactual import decisive_words, without_words
from classifier.explanation.steps import Limits, Steps
from classifier.inference.predictor import Predictor
from classifier.text.words import Attended

REMOVED = 3
"""Top words that are taken out together for the measurement."""

MOST_LEFT_OUT = 128
"""Words that are left out one at a time; of longer texts, those with the most attention."""

_SHARE_OF_SINGLES = 0.6
"""Of the time: after that, what decides is looked for among the words that were left out until then."""

_LEAST = 4
"""Words that are left out however late it is: without any there is no explanation."""


class Measurement:
    """An explanation under way. Between two steps others may use the predictor.

    Args:
        text: the message.
        method: `attention`, the share that each word received in the last layer (see model.ForwardOutput);
            or `leave_one_out`, how much the margin of the category (its log-odds against the best other one)
            falls without the word. A positive score speaks for the category.
        limits: how long it may take; words with the most attention come first. None: as long as it takes.

    Raises:
        InvalidInput: an unknown method.
    """

    def __init__(self, text: str, method: ExplanationMethod, limits: Limits | None = None) -> None:
        if method not in get_args(ExplanationMethod):
            raise InvalidInput(f"no method {method!r}: use {' or '.join(get_args(ExplanationMethod))}")
        self._text, self._method, self._limits = text, method, limits or Limits()
        self._steps: Steps[Explanation] | None = None
        self._asked: list[str] = []

    @property
    def overdue(self) -> bool:
        """Whether its time is over, so that it ends within a few steps."""
        return self._limits.late()

    def step(self, predictor: Predictor) -> Explanation | None:
        """Run the network once more; the explanation once it is there."""
        try:
            if self._steps is None:
                prediction, attended = predictor.predict_with_attention([self._text])[0]
                self._steps = _measured(self._text, self._method, prediction, attended, self._limits)
                self._asked = next(self._steps)
            else:
                self._asked = self._steps.send(predictor.predict(self._asked))
        except StopIteration as ended:
            explanation: Explanation = ended.value
            return explanation
        return None


def explain(predictor: Predictor, text: str, method: ExplanationMethod = "leave_one_out") -> Explanation:
    """Explain one answer, whatever time it takes; see Measurement."""
    measurement = Measurement(text, method)
    while (explanation := measurement.step(predictor)) is None:
        pass
    return explanation


def _measured(
    text: str, method: ExplanationMethod, prediction: Prediction, attended: Attended, limits: Limits
) -> Steps[Explanation]:
    words, decisive = attended.words, None
    if prediction.out_of_scope == 1.0 and not prediction.words:
        words = ()
    read, tried = len(words), 0
    if method == "leave_one_out":
        asked = _most_attended(words)
        single = yield from limits.ask(
            [without_words(text, [word]) for word in asked], share=_SHARE_OF_SINGLES, least=_LEAST
        )
        tried = len(single)
        left_out = sorted(zip(asked, single, strict=False), key=lambda pair: pair[0].start)
        measured, single = [word for word, _ in left_out], [answer for _, answer in left_out]
        words = _scored(prediction, measured, single)
        decisive = yield from decisive_words(text, prediction, measured, single, limits)
        if decisive is not None and len(decisive.words) > 1 and tried < read:
            decisive = replace(decisive, smallest=False)
    top = [word for word in sorted(words, key=lambda word: (-word.score, word.start)) if word.score > 0][
        :REMOVED
    ]
    without = (yield [without_words(text, top)])[0] if top else prediction
    return Explanation(
        prediction=prediction,
        method=method,
        words=words,
        removed=tuple(word.text for word in top),
        probability_without=dict(without.alternatives)[prediction.category],
        category_without=without.category,
        hidden_attention=attended.hidden,
        decisive=decisive,
        tried=tried,
        read=read,
        cut_short=limits.cut_short,
    )


def tried_in_words(explanation: Explanation) -> str:
    """Say how many words an explanation looked at."""
    return f"{explanation.tried} of {explanation.read} words were tried."


def one_by_one(
    predictor: Predictor, text: str
) -> tuple[Prediction, tuple[Word, ...], tuple[Prediction, ...]]:
    """Leave each word out.

    Returns:
        The answer, the words in reading order with how far the category's margin falls without each, and the
        answers without each.
    """
    prediction, attended = predictor.predict_with_attention([text])[0]
    most = _most_attended(attended.words if prediction.words else ())
    measured = sorted(most, key=lambda word: word.start)
    single = tuple(predictor.predict([without_words(text, [word]) for word in measured]))
    return prediction, _scored(prediction, measured, single), single


def margin(prediction: Prediction, category: str) -> float:
    """Log-odds of a category against the best other one."""
    scores = dict(prediction.alternatives)
    others = max((score for label, score in scores.items() if label != category), default=1e-9)
    return math.log(max(scores[category], 1e-9)) - math.log(max(others, 1e-9))


def _most_attended(words: Sequence[Word]) -> list[Word]:
    """The words that are left out one at a time, the most attended first."""
    return sorted(words, key=lambda word: (-word.score, word.start))[:MOST_LEFT_OUT]


def _scored(prediction: Prediction, words: Sequence[Word], without: Sequence[Prediction]) -> tuple[Word, ...]:
    whole = margin(prediction, prediction.category)
    return tuple(
        replace(word, score=whole - margin(answer, prediction.category))
        for word, answer in zip(words, without, strict=True)
    )
