"""The smallest set of words without which the decision changes, on rules in place of a model."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from classifier.contract import Decisive, Prediction, Word
from classifier.explanation.counterfactual import decisive_words, without_words
from classifier.explanation.steps import Limits, answered

TEXT = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu"


def words_of(text: str) -> tuple[Word, ...]:
    return tuple(Word(m.group(), m.start(), m.end(), 0.1) for m in re.finditer(r"\w+", text))


def predicting(rule: Callable[[set[str]], float], scope: Callable[[set[str]], float] = lambda _: 0.0):
    """A model of two categories; the rule gives the chance of "yes" from the words that are left."""
    asked: list[str] = []

    def ask(texts: Sequence[str]) -> list[Prediction]:
        asked.extend(texts)
        answers = []
        for text in texts:
            left = set(text.split())
            yes = rule(left)
            ranked = sorted((("yes", yes), ("no", 1 - yes)), key=lambda pair: -pair[1])
            answers.append(
                Prediction(ranked[0][0], ranked[0][1], tuple(ranked), (), scope(left), np.zeros(1), "v")
            )
        return answers

    return ask, asked


def find(ask, text: str = TEXT, limits: Limits | None = None) -> Decisive | None:
    words = words_of(text)
    single = ask([without_words(text, [word]) for word in words])
    return answered(decisive_words(text, ask([text])[0], words, single, limits or Limits()), ask)


def test_one_word_is_enough():
    ask, _ = predicting(lambda left: 0.9 if "gamma" in left else 0.2)
    found = find(ask)
    assert [word.text for word in found.words] == ["gamma"]
    assert (found.category, found.probability, found.smallest) == ("no", 0.2, True)
    assert found.probability_of_new == pytest.approx(0.8)


@pytest.mark.parametrize(
    "needed", [("beta", "mu"), ("alpha", "zeta", "kappa"), ("beta", "eta", "iota", "mu")]
)
def test_as_many_as_it_takes_and_none_that_could_stay(needed):
    rule = predicting(lambda left: 0.9 if left & set(needed) else 0.3)[0]
    found = find(rule)
    assert tuple(word.text for word in found.words) == needed
    for size in range(1, len(needed)):
        for fewer in itertools.combinations(found.words, size):
            assert rule([without_words(TEXT, fewer)])[0].category == "yes"


def test_a_decision_that_nothing_changes():
    ask, asked = predicting(lambda left: 0.9)
    assert find(ask) is None
    assert len(asked) < 350


def test_a_change_to_nobodys_ticket_counts():
    ask, _ = predicting(lambda left: 0.9, lambda left: 0.1 if "delta" in left else 0.8)
    found = find(ask)
    assert ([word.text for word in found.words], found.category) == (["delta"], None)
    assert found.out_of_scope == 0.8


def test_a_text_without_words_has_none():
    ask, _ = predicting(lambda left: 0.9)
    assert find(ask, "...") is None


def test_what_time_allows_is_said_and_not_called_the_smallest():
    rule, asked = predicting(lambda left: 0.9 if left & {"beta", "mu"} else 0.3)
    found = find(rule)
    assert found.smallest
    now = iter([0.0] * 2 + [10.0] * 1000)  # over after the first pairs
    limits = Limits(1.0, characters=1, clock=lambda: next(now))
    again = find(rule, limits=limits)
    assert limits.cut_short
    assert again is None or not again.smallest
    late = Limits(1.0, characters=1, clock=iter([0.0] + [10.0] * 1000).__next__)
    before = len(asked)
    assert find(rule, limits=late) is None
    assert len(asked) == before + 13  # the text, and each word left out


def test_negations_may_be_taken_out_as_any_word():
    ask, _ = predicting(lambda left: 0.9 if "not" in left else 0.1)
    found = find(ask, "it does not work")
    assert [word.text for word in found.words] == ["not"]
