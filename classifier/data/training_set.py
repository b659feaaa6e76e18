"""What a retraining learns from and is judged on: starter messages, and labels that people gave. Pure."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

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

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What a run learns from and is judged on.

    Attributes:
        train: to learn from: the categories' names, which count as no messages, then messages of the starter
            pack, then people's.
        validation: for early stopping and calibration.
        held_out: judges both models: messages of the starter pack, then the workspace's own tickets.
        starter_hash: sha256 of the starter pack.
        scarce: categories with too few messages to be learned; their labels wait.
        unlabelled: messages of the workspace that nobody labelled, newest first; nothing learns from them.
    """

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    held_out: tuple[Example, ...]
    starter_hash: str = ""
    scarce: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[Example, ...]:
        """What the categories are called and said to be about."""
        return tuple(example for example in self.train if example.source == "name")

    @property
    def people(self) -> tuple[Example, ...]:
        """What people's labels teach."""
        return tuple(example for example in self.train if example.labelled)

    @property
    def own(self) -> tuple[Example, ...]:
        """The workspace's own tickets that judge."""
        return tuple(example for example in self.held_out if example.judges)

    @property
    def starter(self) -> int:
        """Messages of the starter pack that are learned from or watched."""
        return sum(example.source == "starter" for example in (*self.train, *self.validation))

    def among(self, texts: Sequence[str]) -> TrainingSet:
        """The same with messages that nobody labelled, without those that it learns from or is judged on."""
        messages = (*self.train, *self.validation, *self.held_out)
        known = {text_key(example.text) for example in messages if example.source != "name"}
        free: dict[str, str] = {}
        for text in texts:
            if (key := text_key(text)) and key not in known:
                free.setdefault(key, text)
        return replace(self, unlabelled=tuple(free.values()))


def assemble(
    pack: StarterPack,
    labels: Sequence[Example],
    categories: frozenset[str],
    seed: int = 0,
    *,
    gold: Sequence[Example] = (),
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
        learned: hashes of the examples that the present model learned from; None: nobody knows, and then no
            recent label judges, since the present model may know the answer.
        names: what categories are called and said to be about. It counts as no message: a category with too
            few of them waits.

    Raises:
        InvalidInput: an example comes without a label's id: no person stands behind it.
    """
    known = categories | {OUT_OF_SCOPE_LABEL}
    if not all(label.label_ids for label in labels):
        raise InvalidInput("an example without a label's id: only what a person labelled is learned from")
    frozen = [label for label in gold if _usable(label, known)]
    gold_texts = {text_key(label.text) for label in frozen}
    usable = [x for x in labels if _usable(x, known) and text_key(x.text) not in gold_texts]
    said = {text_key(label.text) for label in usable} | gold_texts

    def unsaid(messages: Sequence[Example]) -> list[Example]:
        """Return the messages of the pack that nobody said anything else about."""
        left = (e for e in messages if e.label in known and text_key(e.text) not in said)
        return [replace(example, source="starter") for example in left]

    starter = unsaid(pack.train)
    recent = newest(usable, Counter(e.label for e in starter), learned)
    taken = {id(label) for label in recent}
    teaching = [label for label in usable if id(label) not in taken]
    counts = Counter(example.label for example in (*starter, *teaching))
    scarce = {slug for slug, count in counts.items() if count < MINIMUM_PER_LABEL} - {OUT_OF_SCOPE_LABEL}

    def plenty(examples: Sequence[Example]) -> list[Example]:
        return [example for example in examples if example.label not in scarce]

    rest, validation = _watched(plenty(starter), seed)
    held_out = plenty(unsaid(pack.held_out))
    taken_texts = said | {text_key(example.text) for example in (*validation, *held_out)}
    called = [
        replace(_weighed(name), source="name")
        for name in dict.fromkeys(names)
        if name.label in counts and name.text.strip() and text_key(name.text) not in taken_texts
    ]
    judging = [replace(label, judges="recent") for label in recent]
    judging += [replace(label, judges="gold") for label in frozen]
    return TrainingSet(
        train=(*plenty(called), *rest, *map(_weighed, plenty(teaching))),
        validation=tuple(validation),
        held_out=(*held_out, *plenty(judging)),
        starter_hash=fingerprint([*pack.train, *pack.held_out]),
        scarce=tuple(sorted(scarce)),
    )


def newest(
    labels: Sequence[Example], others: Mapping[str, int], learned: Collection[str] | None
) -> list[Example]:
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
    fresh = [label for label in labels if example_hash(label.text, label.label) not in learned]
    most = min(MOST_RECENT, int(RECENT_SHARE * len(labels)), len(fresh) // 2)
    if most < FEWEST_RECENT:
        return []
    times = Counter(text_key(label.text) for label in labels)
    left = Counter(others) + Counter(label.label for label in labels)
    chosen: list[Example] = []
    fresh.sort(key=lambda each: (each.said_at or _LONG_AGO, each.ticket), reverse=True)
    for label in fresh[:most]:
        # a message that came twice would be judged on and learned from
        if times[text_key(label.text)] == 1 and left[label.label] > KEPT_OF_A_CATEGORY:
            left[label.label] -= 1
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


def _usable(label: Example, categories: Collection[str]) -> bool:
    return bool(label.text.strip()) and label.label in categories


def _weighed(example: Example) -> Example:
    return replace(example, weight=LABEL_WEIGHT * ROLE_WEIGHT.get(example.role, 1.0))
