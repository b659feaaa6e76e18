"""The smallest set of words without which a decision is another one: tried out, not estimated. Pure.

Attention and gradients say what a model looked at; only a second answer says what decided. Sets are tried by
size, the most promising words first: every single word, then pairs and triples of the words that count most.
Where those are not enough, words are taken out one after another, each time the one whose loss hurts most,
and put back one by one where they turn out not to be needed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from classifier.contract import OUT_OF_SCOPE_THRESHOLD, Decisive, Prediction, Word

Ask = Callable[[Sequence[str]], Sequence[Prediction]]
"""Answers texts, in order."""

_PAIRS_OF, _TRIPLES_OF, _STEPS_OF = 10, 7, 10
"""Words of which pairs and triples are tried, and of which one is taken out next."""

_MOST_WORDS = 12
"""A longer set would tell nobody anything."""


@dataclass(frozen=True, slots=True)
class _Try:
    words: tuple[Word, ...]
    prediction: Prediction


def without_words(text: str, words: Sequence[Word]) -> str:
    """The text with the words taken out, a space in the place of each."""
    return without_spans(text, [(word.start, word.end) for word in words])


def without_spans(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The text with the spans (start, end) taken out, a space in the place of each."""
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + " " + text[end:]
    return text


def decision_of(prediction: Prediction) -> str | None:
    """The category that a prediction comes to; None where it looks like no category's message."""
    return prediction.category if prediction.out_of_scope < OUT_OF_SCOPE_THRESHOLD else None


def decisive_words(
    text: str, prediction: Prediction, words: Sequence[Word], single: Sequence[Prediction], ask: Ask
) -> Decisive | None:
    """Find the fewest words without which the decision changes.

    Args:
        text: the message.
        prediction: of the whole text.
        words: that may be taken out, in reading order.
        single: the answers to the text without each one of `words`.
        ask: answers more texts.

    Returns:
        None where no set of up to twelve words changes the decision.
    """
    decided = decision_of(prediction)

    def share(answer: Prediction) -> float:
        """How much is left of the decision: the smaller, the closer to another one."""
        if decided is None:
            return answer.out_of_scope
        return dict(answer.alternatives)[decided] * (1 - answer.out_of_scope)

    def changed(tries: Sequence[_Try]) -> _Try | None:
        """The clearest change among sets of one size."""
        found = [each for each in tries if decision_of(each.prediction) != decided]
        return min(found, key=lambda each: share(each.prediction)) if found else None

    def tried(sets: Sequence[tuple[Word, ...]]) -> list[_Try]:
        answers = ask([without_words(text, members) for members in sets])
        return [_Try(members, answer) for members, answer in zip(sets, answers, strict=True)]

    alone = [_Try((word,), answer) for word, answer in zip(words, single, strict=True)]
    best = changed(alone)
    ranked = [each.words[0] for each in sorted(alone, key=lambda each: share(each.prediction))]
    for size, among in ((2, _PAIRS_OF), (3, _TRIPLES_OF)):
        if best is None and len(ranked) >= size:
            best = changed(tried(list(itertools.combinations(ranked[:among], size))))
    if best is None:
        best = _stripped(ranked, tried, share, changed)
    if best is None:
        return None
    members = tuple(sorted(best.words, key=lambda word: word.start))
    return Decisive(
        words=members,
        category=decision_of(best.prediction),
        probability=dict(best.prediction.alternatives)[prediction.category],
        probability_of_new=best.prediction.confidence,
        out_of_scope=best.prediction.out_of_scope,
        # every single word was tried; every pair only of texts that are short enough
        smallest=len(members) <= 2 or (len(members) == 3 and len(ranked) <= _PAIRS_OF),  # noqa: PLR2004
    )


def _stripped(
    ranked: Sequence[Word],
    tried: Callable[[Sequence[tuple[Word, ...]]], list[_Try]],
    share: Callable[[Prediction], float],
    changed: Callable[[Sequence[_Try]], _Try | None],
) -> _Try | None:
    """Take words out one after another, then put back what is not needed."""
    taken: tuple[Word, ...] = ()
    best = None
    while best is None and len(taken) < min(_MOST_WORDS, len(ranked)):
        left = [word for word in ranked if word not in taken][:_STEPS_OF]
        steps = tried([(*taken, word) for word in left])
        best = changed(steps)
        taken = min(steps, key=lambda each: share(each.prediction)).words
    while best is not None and len(best.words) > 1:
        fewer = changed(tried(list(_one_less(best.words))))
        if fewer is None:
            break
        best = fewer
    return best


def _one_less(words: tuple[Word, ...]) -> Iterator[tuple[Word, ...]]:
    for number in range(len(words)):
        yield words[:number] + words[number + 1 :]
