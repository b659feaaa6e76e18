"""Questions to a model in parts, which a clock can end."""

import pytest

from classifier.explanation.steps import Limits, answered


class Model:
    def __init__(self):
        self.asked = []

    def __call__(self, texts):
        self.asked.append(list(texts))
        return [text.upper() for text in texts]


def ticking():
    """A clock that goes on by a second with each look."""
    return iter(range(1000)).__next__


def test_without_a_limit_all_is_asked_at_once():
    model, limits = Model(), Limits()
    assert answered(limits.ask(["a", "bb"]), model) == ["A", "BB"]
    assert model.asked == [["a", "bb"]]
    assert not limits.cut_short


def test_a_step_has_so_many_characters_or_one_text():
    model = Model()
    answered(Limits(characters=4).ask(["aa", "bb", "c", "dddddd", "e"]), model)
    assert model.asked == [["aa", "bb"], ["c"], ["dddddd"], ["e"]]


def test_what_comes_after_the_time_is_not_asked():
    model, limits = Model(), Limits(3, characters=1, clock=ticking())
    assert answered(limits.ask(list("abcde")), model) == ["A", "B"]
    assert limits.cut_short
    assert answered(limits.ask(["f"]), model) == []


@pytest.mark.parametrize(("least", "share", "answers"), [(4, 1.0, 4), (0, 0.5, 4), (0, 0.2, 1)])
def test_some_are_asked_however_late_and_a_share_ends_earlier(least, share, answers):
    seconds = 0 if least else 10
    limits = Limits(seconds, characters=1, clock=ticking())
    assert len(answered(limits.ask(list("abcdefgh"), share=share, least=least), Model())) == answers


def test_nothing_to_ask_asks_nothing():
    model, limits = Model(), Limits(0)
    assert answered(limits.ask([]), model) == []
    assert model.asked == []
    assert not limits.cut_short
