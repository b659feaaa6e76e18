"""The smallest set of words without which a decision is another one: tried out, not estimated. Pure.

Attention and gradients say what a model looked at; only a second answer says what decided. Sets are tried by
size, the most promising first: every single word, then pairs and triples of the words that count most, a
few at a time until one changes the decision. Where those are not enough, more words are taken out at once.
Whatever is found loses words again until each is needed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from classifier.contract import OUT_OF_SCOPE_THRESHOLD, Decisive, Prediction, Word
from classifier.explanation.steps import Limits, Steps

Ask = Callable[[Sequence[str]], Sequence[Prediction]]
"""Answers texts, in order."""

_PAIRS_OF, _TRIPLES_OF = 10, 7
"""Words of which pairs and triples are tried."""

_TURNS = {2: (4, 12), 3: (4, 8)}
"""Sets of two and three words that are tried together, turn by turn: mostly the first will do."""

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
    text: str, prediction: Prediction, words: Sequence[Word], single: Sequence[Prediction], limits: Limits
) -> Steps[Decisive | None]:
    """Find the fewest words without which the decision changes, step by step.

    Args:
        text: the message.
        prediction: of the whole text.
        words: that may be taken out, in reading order.
        single: the answers to the text without each one of `words`.
        limits: how long it may take. Where they cut something short, only a single word is surely the
            smallest set.

    Returns:
        None where no set of up to twelve words was found that changes the decision.
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

    def tried(sets: Sequence[tuple[Word, ...]]) -> Steps[list[_Try]]:
        """As many as there is time for."""
        answers = yield from limits.ask([without_words(text, members) for members in sets])
        return [_Try(members, answer) for members, answer in zip(sets, answers, strict=False)]

    alone = [_Try((word,), answer) for word, answer in zip(words, single, strict=True)]
    ranked = sorted(alone, key=lambda each: share(each.prediction))
    best, closest = changed(alone), ranked[0] if ranked else None
    for sets in _turns([(each.words[0], share(each.prediction)) for each in ranked]):
        if best is not None or closest is None:
            break
        tries = yield from tried(sets)
        best = changed(tries)
        closest = min([closest, *tries], key=lambda each: share(each.prediction))
    if best is None and closest is not None:
        best = yield from _further(closest, [each.words[0] for each in ranked], tried, changed)
    if best is None:
        return None
    best = yield from _needed(best, tried, changed)
    members = tuple(sorted(best.words, key=lambda word: word.start))
    return Decisive(
        words=members,
        category=decision_of(best.prediction),
        probability=dict(best.prediction.alternatives)[prediction.category],
        probability_of_new=best.prediction.confidence,
        out_of_scope=best.prediction.out_of_scope,
        smallest=len(members) == 1 or (not limits.cut_short and _all_fewer_tried(len(members), len(ranked))),
    )


def _all_fewer_tried(size: int, words: int) -> bool:
    """Whether each smaller set was tried: every single word was, every pair only of texts that are short."""
    return size == 2 or (size == 3 and math.comb(words, 2) <= sum(_TURNS[2]))  # noqa: PLR2004


def _turns(ranked: Sequence[tuple[Word, float]]) -> Iterator[list[tuple[Word, ...]]]:
    """Pairs, then triples, the most promising first.

    Args:
        ranked: words and how much is left of the decision without each, the least first. Of words that act
            alone, the product foretells what is left without all of them.
    """
    for size, among in ((2, _PAIRS_OF), (3, _TRIPLES_OF)):
        sets = list(itertools.combinations(ranked[:among], size))
        sets.sort(key=lambda members: math.prod(left for _, left in members))
        start = 0
        for many in _TURNS[size]:
            if start < len(sets):
                yield [tuple(word for word, _ in members) for members in sets[start : start + many]]
            start += many


def _further(
    closest: _Try,
    ranked: Sequence[Word],
    tried: Callable[[Sequence[tuple[Word, ...]]], Steps[list[_Try]]],
    changed: Callable[[Sequence[_Try]], _Try | None],
) -> Steps[_Try | None]:
    """Beside the set that came closest to another decision, more and more words at once, the best first."""
    taken = closest.words
    more = [word for word in ranked if word not in taken][: _MOST_WORDS - len(taken)]
    steps = yield from tried([(*taken, *more[:count]) for count in range(1, len(more) + 1)])
    return next((step for step in steps if changed([step])), None)


def _needed(
    best: _Try,
    tried: Callable[[Sequence[tuple[Word, ...]]], Steps[list[_Try]]],
    changed: Callable[[Sequence[_Try]], _Try | None],
) -> Steps[_Try]:
    """Put words back that are not needed for the change."""
    while len(best.words) > 2:  # noqa: PLR2004 - no single word was enough
        fewer = changed((yield from tried(list(_one_less(best.words)))))
        if fewer is None:
            break
        best = fewer
    return best


def _one_less(words: tuple[Word, ...]) -> Iterator[tuple[Word, ...]]:
    for number in range(len(words)):
        yield words[:number] + words[number + 1 :]
