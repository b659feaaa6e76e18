"""Which of people's labels a retraining doubts: out-of-fold confident learning on the frozen encoder.

A doubted label neither teaches nor judges in this training, and is handed to a person. Starter messages are
never doubted, nor are labels that somebody has looked at and kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from classifier.dataset import Example
from classifier.label_quality import KEPT_OF_A_CATEGORY
from classifier.out_of_fold import find_suspects
from classifier.training_types import Progress, TrainingConfig

FEWEST_LABELS = 50
"""With fewer labels of people each one is heard as it is: a correction is what the model did not know."""


@dataclass(frozen=True, slots=True)
class Doubted:
    """A label that is probably wrong.

    Attributes:
        ticket: whose label it is.
        given: what was said.
        suggested: what the model would say.
        score: how much likelier that is, 0..1.
    """

    ticket: str
    given: str
    suggested: str
    score: float

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Doubts:
    """What a look at people's labels found.

    Attributes:
        suspects: worst first.
        distrusted: how many people have given mostly suspicious labels.
        teaching: rows of the training examples that are left out.
        judging: rows of the judging tickets that are left out.
    """

    suspects: tuple[Doubted, ...] = ()
    distrusted: int = 0
    teaching: frozenset[int] = frozenset()
    judging: frozenset[int] = frozenset()


def find_doubts(
    train: Sequence[Example],
    people: Sequence[Mapping[str, Any]],
    own: Sequence[Example],
    own_tickets: Sequence[Mapping[str, Any]],
    config: TrainingConfig,
    progress: Callable[[Progress], None] | None = None,
) -> Doubts:
    """Look for labels of people that are probably wrong.

    Args:
        train: what is to be learned; people's examples are the last ones.
        people: {"ticket_id", "settled", ...} of each of them.
        own: tickets that are to judge.
        own_tickets: {"ticket_id", "part", "settled", ...} of each of them; gold ones are not looked at.
        config: of the encoder.
        progress: called often from the same thread.

    Raises:
        InvalidInput: the examples cannot be learned from.
    """
    first = len(train) - len(people)
    recent = [row for row, ticket in enumerate(own_tickets) if ticket["part"] == "recent"]
    behind = [*people, *(own_tickets[row] for row in recent)]
    if len(behind) < FEWEST_LABELS or all(each["settled"] for each in behind):
        return Doubts()
    examples = [*train, *(own[row] for row in recent)]
    found = find_suspects(examples, config, progress)
    of_people = [
        suspect
        for suspect in found.suspects
        if suspect.row >= first and not behind[suspect.row - first]["settled"]
    ]
    mistrusted = [
        row
        for row, example in enumerate(examples)
        if row >= first and example.voice in found.distrusted and not behind[row - first]["settled"]
    ]
    left = Counter(example.label for example in train)
    teaching, judging = set[int](), set[int]()
    for row in [*(suspect.row for suspect in of_people), *mistrusted]:
        label = examples[row].label
        if row >= len(train):
            judging.add(recent[row - len(train)])
        elif row not in teaching and left[label] > KEPT_OF_A_CATEGORY:
            left[label] -= 1
            teaching.add(row)
    return Doubts(
        suspects=tuple(
            Doubted(str(behind[s.row - first]["ticket_id"]), s.label, s.suggested, round(s.score, 4))
            for s in of_people
        ),
        distrusted=len(found.distrusted),
        teaching=frozenset(teaching),
        judging=frozenset(judging),
    )
