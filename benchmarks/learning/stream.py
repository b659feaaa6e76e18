"""What every system of the learning benchmark meets: the same messages, the same staff, the same luck.

What staff would do about a message is drawn for that message and seed before any system answers (common
random numbers), so two systems differ by what they do, not by whom they happened to meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from classifier.contract import OUT_OF_SCOPE_LABEL, InvalidInput
from classifier.data.dataset import Example

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for all systems alike. Shares are 0..1.

    Attributes:
        messages: of the stream.
        every: messages between two retrainings; a "day".
        questions: of a day at most.
        correct: chance that a person corrects a wrong routing.
        answer: chance that a person answers a question.
        confirm: chance that a person confirms a right routing.
        wrong: share of people's labels that are wrong, drawn from all other categories alike.
        staff: people; each acts on about as many messages.
    """

    messages: int = 4000
    every: int = 500
    questions: int = 100
    correct: float = 0.5
    answer: float = 0.8
    confirm: float = 0.1
    wrong: float = 0.05
    staff: int = 5


@dataclass(frozen=True, slots=True)
class Stream:
    """Messages in the order in which they come.

    Attributes:
        start: one labelled message a category, rightly labelled; the cold start.
        messages: the stream, with the right categories; disjoint from `start`.
        test: what models are judged on.
        categories: slugs, sorted.
    """

    start: tuple[Example, ...]
    messages: tuple[Example, ...]
    test: tuple[Example, ...]
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Staff:
    """What people would do about each of N messages, whoever routes it.

    Attributes:
        correct: [N], whether its wrong routing would be corrected.
        answer: [N], whether a question about it would be answered.
        confirm: [N], whether its right routing would be confirmed.
        person: [N], who would do it, 0 to staff - 1.
        said: [N], what that person takes for its category.
        luck: [N] in 0..1, by which random questions are dealt out.
    """

    correct: npt.NDArray[np.bool_]
    answer: npt.NDArray[np.bool_]
    confirm: npt.NDArray[np.bool_]
    person: Integers
    said: tuple[str, ...]
    luck: Floats


def draw_stream(train: Sequence[Example], test: Sequence[Example], count: int, seed: int) -> Stream:
    """Put the training messages into the seed's fixed order; the first of each category is the cold start.

    Raises:
        InvalidInput: there are fewer messages than the stream needs.
    """
    inside = [example for example in train if example.label != OUT_OF_SCOPE_LABEL]
    order = np.random.default_rng([seed, 0]).permutation(len(inside)).tolist()
    start: dict[str, Example] = {}
    rest = []
    for row in order:
        example = inside[row]
        if example.label in start:
            rest.append(example)
        else:
            start[example.label] = replace(example, source="starter")
    if len(rest) < count:
        raise InvalidInput(f"{len(rest)} messages are left for a stream of {count}: name a shorter one")
    categories = tuple(sorted(start))
    judged = tuple(example for example in test if example.label in start)
    return Stream(tuple(start[label] for label in categories), tuple(rest[:count]), judged, categories)


def draw_staff(stream: Stream, rules: Rules, seed: int, *, flipper: bool = False) -> Staff:
    """Draw what people would do.

    Args:
        stream: of the same seed.
        rules: chances.
        seed: of the draws.
        flipper: whether the first person gives wrong labels only: with five people, a fifth of all labels
            beside the other people's mistakes. Nothing else is drawn otherwise.
    """
    count = len(stream.messages)
    draws = np.random.default_rng([seed, 1])
    acts, mistakes, luck = draws.random((3, count)), draws.random(count), draws.random(count)
    person = draws.integers(rules.staff, size=count)
    shift = draws.integers(1, len(stream.categories), size=count)
    mistaken = mistakes < rules.wrong
    if flipper:
        mistaken |= person == 0
    column = {label: number for number, label in enumerate(stream.categories)}
    truth = np.array([column[example.label] for example in stream.messages])
    said = np.where(mistaken, (truth + shift) % len(stream.categories), truth)
    return Staff(
        correct=acts[0] < rules.correct,
        answer=acts[1] < rules.answer,
        confirm=acts[2] < rules.confirm,
        person=person,
        said=tuple(stream.categories[number] for number in said.tolist()),
        luck=luck,
    )
