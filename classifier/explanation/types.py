"""What is measured about explanations, as plain data without torch: reports are written anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

REPLY, PLAIN, LEFT_OUT, CHANCE, GREEDY = (
    "reply words",
    "plain attention",
    "leave one word out",
    "random order",
    "greedy deletion",
)
"""Orders of a message's words."""

_SEVERAL = 3


@dataclass(frozen=True, slots=True)
class Measure:
    """A mean over messages with its 95% bootstrap interval; NaN where there is nothing to average."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """One way of ordering words.

    Attributes:
        comprehensiveness: mean fall of the probability without the first 1..5 words; more is better.
        sufficiency: mean fall with the first 1..5 words alone; less is better.
        fall_at_three: fall without the first three.
        deletion_area: mean probability while words go one after another until none is left; less is better.
        wins: share of draws in which the first three words' loss hurts more than that of three random ones;
            draws of the very same three are left out.
        agreement: rank correlation with the falls without each single word; NaN where scores say no order.
        of_greedy: comprehensiveness as a share of greedy deletion's.
    """

    comprehensiveness: Measure
    sufficiency: Measure
    fall_at_three: Measure
    deletion_area: Measure
    wins: Measure
    agreement: Measure
    of_greedy: Measure


@dataclass(frozen=True, slots=True)
class FaithfulnessReport:
    """All orders on the same messages.

    Attributes:
        messages: how many there were.
        methods: by name; greedy deletion and the random order are always among them.
        stability: share of a message's three reply words that stay when words without meaning are swapped.
        swapped: messages that had such words.
        falls: {order: mean fall of the probability without the first 1..5 words, message by message}.
    """

    messages: int
    methods: Mapping[str, Faithfulness]
    stability: Measure
    swapped: int
    falls: Mapping[str, tuple[float, ...]] = field(default_factory=dict, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """For JSON; what is no number is null, and single messages are left out."""
        content = asdict(self)
        del content["falls"]
        for measures in (*content["methods"].values(), {"stability": content["stability"]}):
            for measure in measures.values():
                for name, value in measure.items():
                    measure[name] = None if value != value else value  # noqa: PLR0124 - NaN
        return content


@dataclass(frozen=True, slots=True)
class WordHabit:
    """What one word does in the messages that a model gave to one category.

    Attributes:
        word: in lower case.
        messages: that hold it.
        leads: messages in which it speaks loudest for the category.
        decides: messages whose decision is another one without it alone.
        score: mean fall of the category's lead without it, in log-odds.
        elsewhere: messages given to other categories that hold it.
        remark: what makes it worth a second look, see `habits`; empty where nothing does.
    """

    word: str
    messages: int
    leads: int
    decides: int
    score: float
    elsewhere: int
    remark: str = ""


@dataclass(frozen=True, slots=True)
class CategoryHabits:
    """The words that decide for one category, the most frequent leaders first."""

    category: str
    messages: int
    words: tuple[WordHabit, ...]


@dataclass(frozen=True, slots=True)
class Habits:
    """What a model goes by, category by category.

    Attributes:
        model_version: of the model.
        messages: that were taken apart.
        categories: in order of their slugs.
    """

    model_version: str
    messages: int
    categories: tuple[CategoryHabits, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON. Single words stand in it, no message."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ExplanationReport:
    """What is known about a model's explanations; each part is None where it was not measured.

    Attributes:
        faithfulness: do the words that it shows decide?
        misleading: the words behind wrong answers, by the category that was answered.
    """

    faithfulness: FaithfulnessReport | None = None
    misleading: tuple[CategoryHabits, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON. Of the words behind wrong answers only those of several messages: nobody's message."""
        misleading = [
            replace(each, words=tuple(word for word in each.words if word.messages >= _SEVERAL))
            for each in self.misleading
        ]
        return {
            "faithfulness": self.faithfulness.as_dict() if self.faithfulness else None,
            "misleading": [asdict(each) for each in misleading],
        }
