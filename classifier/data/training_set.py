"""What a retraining learns from and is judged on: starter messages, and labels that people gave. Pure."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from classifier.contract import OUT_OF_SCOPE_LABEL, InvalidInput
from classifier.data.dataset import MINIMUM_PER_LABEL, Example, StarterPack, fingerprint
from classifier.data.manifest import example_hash, text_key

LABEL_WEIGHT = 8.0
"""A label that a person of this workspace gave counts as much as eight starter messages, and so does what an
admin wrote about a category."""
ROLE_WEIGHT: Mapping[str, float] = {"admin": 1.0, "owner": 1.0, "staff": 0.9, "import": 0.5}
"""Shares of it by role: who owns a category knows it best; a file of old labels, nobody stands up for."""
VALIDATION_SHARE = 0.08

RECENT_SHARE = 0.2
MOST_RECENT = 200
"""A standard error of 2 points at 90% right; more would hardly sharpen it, and is missed in the training."""
FEWEST_RECENT = 20
"""With fewer, one message moves the share of right answers by more than five points: then all are learned."""
KEPT_OF_A_CATEGORY = 8
"""Judging takes no label from a category that would learn from fewer."""

Part = Literal["recent", "gold"]


class Labelled(Protocol):
    """A text with the category that people settled on; None means "none of these"."""

    @property
    def ticket_id(self) -> UUID:
        """Whose text it is."""

    @property
    def label_ids(self) -> tuple[UUID, ...]:
        """The labels behind it."""

    @property
    def text(self) -> str:
        """The ticket's text."""

    @property
    def category(self) -> str | None:
        """A slug, or None."""

    @property
    def created_at(self) -> datetime:
        """When the label that won was given."""


@dataclass(frozen=True, slots=True)
class SaidBy:
    """Who stands behind a ticket's label.

    Attributes:
        role: of the person whose word counted, "" where it is not known.
        voice: that person.
        settled: somebody has looked at a doubt and kept the label: it is not doubted again.
    """

    role: str = ""
    voice: str = ""
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """An example of people: what it says, and who stands behind it."""

    ticket_id: str
    label_ids: tuple[str, ...]
    role: str
    voice: str
    settled: bool


@dataclass(frozen=True, slots=True)
class Judge:
    """A ticket that models are judged on: frozen, or recent."""

    ticket_id: str
    part: Part
    settled: bool
    voice: str


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What a run learns from and is judged on.

    Attributes:
        train: to learn from; the people's examples are the last ones.
        validation: for early stopping and calibration.
        held_out: judges both models; the workspace's own tickets are the last ones.
        labels: people's examples in `train`.
        starter: messages of the starter pack in `train` and `validation`.
        given: one for each people's example, in the order of `train`.
        own: one for each ticket among `held_out`, in their order.
        starter_hash: sha256 of the starter pack.
        scarce: categories with too few messages to be learned; their labels wait.
        names: what the categories are called and said to be about, to learn from as if it were messages.
        unlabelled: messages of the workspace that nobody labelled, newest first; nothing learns from them.
    """

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    held_out: tuple[Example, ...]
    labels: int
    starter: int
    given: tuple[Given, ...] = ()
    own: tuple[Judge, ...] = ()
    starter_hash: str = ""
    scarce: tuple[str, ...] = ()
    names: tuple[Example, ...] = ()
    unlabelled: tuple[str, ...] = ()

    def for_child(self) -> dict[str, Any]:
        """The fields of the child's job that say who stands behind what."""
        return {
            "people": [asdict(given) for given in self.given],
            "own": [asdict(judge) for judge in self.own],
            "starter": self.starter_hash,
            "names": [(e.text, e.label, e.weight) for e in self.names],
            "unlabelled": list(self.unlabelled),
        }

    def among(self, texts: Sequence[str]) -> TrainingSet:
        """The same with messages that nobody labelled, without those that it learns from or is judged on."""
        known = {text_key(e.text) for e in (*self.train, *self.validation, *self.held_out)}
        free: dict[str, str] = {}
        for text in texts:
            if (key := text_key(text)) and key not in known:
                free.setdefault(key, text)
        return replace(self, unlabelled=tuple(free.values()))


def assemble(
    pack: StarterPack,
    labels: Sequence[Labelled],
    categories: frozenset[str],
    seed: int = 0,
    *,
    gold: Sequence[Labelled] = (),
    said_by: Mapping[UUID, SaidBy] | None = None,
    learned: Collection[str] | None = None,
    names: Sequence[Example] = (),
) -> TrainingSet:
    """Put starter messages and people's labels together. Pure.

    A person's label wins over a starter message with the same words; starter messages of categories that the
    workspace no longer has are left out; "none of these" becomes an out-of-scope example. The messages that
    early stopping watches come from the starter pack alone. Of the newest labels that the present model has
    not learned from, some judge instead of teaching where there are enough; see `newest`.

    Args:
        pack: the starter messages.
        labels: what people settled on.
        categories: slugs that the workspace has.
        seed: of the part that early stopping watches.
        gold: frozen tickets; neither they nor messages with the same words are learned from.
        said_by: who stands behind each ticket.
        learned: hashes of the examples that the present model learned from; None: nobody knows, and then no
            recent label judges, since the present model may know the answer.
        names: what categories are called and said to be about. It counts as no message: a category with too
            few of them waits.

    Raises:
        InvalidInput: an example comes without a label's id: no person stands behind it.
    """
    known, said_by = categories | {OUT_OF_SCOPE_LABEL}, said_by or {}
    if any(not label.label_ids for label in labels):
        raise InvalidInput("an example without a label's id: only what a person labelled is learned from")
    frozen = [label for label in gold if _usable(label, categories)]
    gold_texts = {text_key(label.text) for label in frozen}
    usable = [x for x in labels if _usable(x, categories) and text_key(x.text) not in gold_texts]
    said = {text_key(label.text) for label in usable} | gold_texts
    starter = [e for e in pack.train if e.label in known and text_key(e.text) not in said]

    recent = newest(usable, Counter(e.label for e in starter), learned)
    taken = {id(label) for label in recent}
    teaching = [label for label in usable if id(label) not in taken]
    counts = Counter(e.label for e in starter) + Counter(_label(label) for label in teaching)
    scarce = {slug for slug, count in counts.items() if count < MINIMUM_PER_LABEL} - {OUT_OF_SCOPE_LABEL}
    teaching = [label for label in teaching if _label(label) not in scarce]
    starter = [example for example in starter if example.label not in scarce]
    judging: list[tuple[Labelled, Part]] = [(label, "recent") for label in recent]
    judging += [(label, "gold") for label in frozen]
    judging = [(label, part) for label, part in judging if _label(label) not in scarce]

    rest, validation = _watched(starter, seed)
    held_out = [e for e in pack.held_out if e.label in known - scarce and text_key(e.text) not in said]
    taken_texts = said | {text_key(example.text) for example in (*validation, *held_out)}
    return TrainingSet(
        train=(*rest, *(_example(label, said_by) for label in teaching)),
        validation=tuple(validation),
        held_out=(*held_out, *(Example(label.text, _label(label)) for label, _ in judging)),
        labels=len(teaching),
        starter=len(starter),
        given=tuple(_given(label, said_by) for label in teaching),
        own=tuple(_judge(label, part, said_by) for label, part in judging),
        starter_hash=fingerprint([*pack.train, *pack.held_out]),
        scarce=tuple(sorted(scarce)),
        names=tuple(
            Example(name.text, name.label, LABEL_WEIGHT)
            for name in dict.fromkeys(names)
            if name.label in counts.keys() - scarce
            and name.text.strip()
            and text_key(name.text) not in taken_texts
        ),
    )


def newest(
    labels: Sequence[Labelled], others: Mapping[str, int], learned: Collection[str] | None
) -> list[Labelled]:
    """Choose the labels that judge: the newest, which neither model has learned from. Pure.

    A fifth of all, at most half of those that are new since the present model, at most 200: so each label
    judges once and teaches from the next training on. With fewer than 20, or where their category would
    be left with too little, they teach at once.

    Args:
        labels: what may be learned from.
        others: messages of each category that the starter pack brings.
        learned: see `assemble`.
    """
    if learned is None:
        return []
    fresh = [label for label in labels if example_hash(label.text, _label(label)) not in learned]
    most = min(MOST_RECENT, int(RECENT_SHARE * len(labels)), len(fresh) // 2)
    if most < FEWEST_RECENT:
        return []
    times = Counter(text_key(label.text) for label in labels)
    left = Counter(others) + Counter(_label(label) for label in labels)
    chosen: list[Labelled] = []
    for label in sorted(fresh, key=lambda each: (each.created_at, str(each.ticket_id)), reverse=True)[:most]:
        # a message that came twice would be judged on and learned from
        if times[text_key(label.text)] == 1 and left[_label(label)] > KEPT_OF_A_CATEGORY:
            left[_label(label)] -= 1
            chosen.append(label)
    return chosen if len(chosen) >= FEWEST_RECENT else []


def _watched(starter: Sequence[Example], seed: int) -> tuple[list[Example], list[Example]]:
    """(what is learned from, what early stopping watches), the latter a share of each label, or nothing."""
    by_label: dict[str, list[Example]] = defaultdict(list)
    for example in starter:
        by_label[example.label].append(example)
    order, watched = random.Random(seed), []  # noqa: S311  # a split, not a secret  # nosec B311
    for label in sorted(by_label):
        rows = by_label[label]
        order.shuffle(rows)
        share = round(VALIDATION_SHARE * len(rows))
        watched += rows[:share]
        by_label[label] = rows[share:]
    if all(example.label == OUT_OF_SCOPE_LABEL for example in watched):
        return list(starter), []  # nothing can be calibrated on them: the training holds some back itself
    return [example for label in sorted(by_label) for example in by_label[label]], watched


def _usable(label: Labelled, categories: Collection[str]) -> bool:
    return bool(label.text.strip()) and (label.category is None or label.category in categories)


def _label(label: Labelled) -> str:
    return label.category or OUT_OF_SCOPE_LABEL


def _example(label: Labelled, said_by: Mapping[UUID, SaidBy]) -> Example:
    by = said_by.get(label.ticket_id, SaidBy())
    return Example(label.text, _label(label), LABEL_WEIGHT * ROLE_WEIGHT.get(by.role, 1.0), by.voice)


def _given(label: Labelled, said_by: Mapping[UUID, SaidBy]) -> Given:
    by = said_by.get(label.ticket_id, SaidBy())
    ids = tuple(str(each) for each in label.label_ids)
    return Given(str(label.ticket_id), ids, by.role, by.voice, by.settled)


def _judge(label: Labelled, part: Part, said_by: Mapping[UUID, SaidBy]) -> Judge:
    by = said_by.get(label.ticket_id, SaidBy())
    return Judge(str(label.ticket_id), part, by.settled, by.voice)
