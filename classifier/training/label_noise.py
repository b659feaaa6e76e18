"""Which of people's labels a retraining doubts: out-of-fold confident learning on the frozen encoder.

A doubted label neither teaches nor judges in this training, and is handed to a person. Starter messages are
never doubted, nor are labels that somebody has looked at and kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from classifier.data.confident_learning import KEPT_OF_A_CATEGORY, Suspect, distrusted_voices, suspects
from classifier.data.dataset import Example
from classifier.model.embed import embed
from classifier.progress import Progress
from classifier.training.config import TrainingConfig
from classifier.training.inputs import prepare
from classifier.training.out_of_fold import probabilities_of

FEWEST_LABELS = 50
"""With fewer labels of people each one is heard as it is: a correction is what the model did not know."""
LEFT_OUT_FROM = 0.7
"""Score from which a label waits. To leave all suspects out, as one who cleans a file does, costs right ones
of just the messages that are hard: 2 points of accuracy at ten labels a category of BANKING77."""
SOFTENED = 0.3
"""Share of its weight with which a weaker suspect teaches: half a point there, where nothing is wrong, and 4
points gained where a fifth of the labels is."""


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
        softened: rows of those that teach with `SOFTENED` of their weight.
        judging: rows of the judging tickets that are left out.
    """

    suspects: tuple[Doubted, ...] = ()
    distrusted: int = 0
    teaching: frozenset[int] = frozenset()
    softened: frozenset[int] = frozenset()
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
    look = _Look(examples, config, progress or (lambda _: None))
    found = look.suspects(range(len(examples)))
    distrusted = distrusted_voices(examples, found)
    untrusted = [row for row, example in enumerate(examples) if example.voice and example.voice in distrusted]
    if untrusted:
        # what one person got wrong makes the others' labels look odd: those are looked at again without it
        gone = set(untrusted)
        again = look.suspects([row for row in range(len(examples)) if row not in gone])
        found = sorted([*(s for s in found if s.row in gone), *again], key=lambda s: -s.score)
    suspicious = [s for s in found if s.row >= first and not behind[s.row - first]["settled"]]
    of_people = [suspect for suspect in suspicious if suspect.score >= LEFT_OUT_FROM]
    mistrusted = [row for row in untrusted if row >= first and not behind[row - first]["settled"]]
    left = Counter(example.label for example in train)
    teaching, judging = set[int](), set[int]()
    for row in [*(s.row for s in of_people), *mistrusted]:
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
        distrusted=len(distrusted),
        teaching=frozenset(teaching),
        softened=frozenset(s.row for s in suspicious if s.row < len(train)) - teaching,
        judging=frozenset(judging),
    )


class _Look:
    """Out-of-fold looks at parts of the same messages, which the encoder reads once."""

    def __init__(
        self, examples: Sequence[Example], config: TrainingConfig, progress: Callable[[Progress], None]
    ) -> None:
        self._examples, self._seed = examples, config.seed
        prepared = prepare(examples, config)
        network = prepared.network(config).eval()
        texts = [example.text for example in examples]
        self._pooled = embed(network, prepared.texts, texts, prepared.device, progress, first=0.0, last=0.8)

    def suspects(self, rows: Sequence[int]) -> list[Suspect]:
        """Suspects among some rows, named by their place among all examples; worst first."""
        examples = [self._examples[row] for row in rows]
        labels = sorted({example.label for example in examples})
        said = probabilities_of(self._pooled[list(rows)], examples, labels, self._seed)
        return [replace(found, row=rows[found.row]) for found in suspects(examples, said, labels)]
