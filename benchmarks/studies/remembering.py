"""What the memory of corrections changes between two trainings: answers, questions, repeated mistakes.

A model learns from labels of which a twentieth is wrong; those that an earlier model would have got otherwise
were taken away from what it said. Then messages come, the model answers, and staff correct and confirm as in
the learning benchmark. Each message meets the memory as it then is, but what the memory says changes nothing
of what follows, so every message counts alike. All of it is BANKING77's training file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.learning.learners import Ours, Said, Tuning, Vectors
from benchmarks.learning.learning import FILES, vectors_of
from benchmarks.learning.parts import Memory, repeats
from benchmarks.learning.stream import Floats, Rules, Staff, Stream, draw_staff, draw_stream
from classifier.data.dataset import Example, read_examples
from classifier.training.fit import TrainingConfig

SEEDS = (0, 1)
EARLIER, LEARNED, FOLLOWING = 330, 1100, 2500
"""Messages that the earlier model learned from; those that the model did; those that follow."""

KINDS: Mapping[str, Tuning] = {"frozen encoder": "none", "fine-tune": "quick"}
MEMORIES = ("all labels", "those since the training")
"""What the memory holds; a workspace that began with the starter pack has the latter alone."""


def measure(
    data: Path,
    work: Path,
    config: TrainingConfig,
    *,
    seeds: Sequence[int] = SEEDS,
    sizes: tuple[int, int, int] = (EARLIER, LEARNED, FOLLOWING),
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Measure on both kinds of model.

    Args:
        data: folder with banking77-train.csv and banking77-test.csv.
        work: folder for the frozen encoder's vectors.
        config: of the trainings.
        seeds: of the order of the messages and of what staff do; the figures are sums over them.
        sizes: see EARLIER, LEARNED and FOLLOWING.
        say: gets a line after each model.

    Returns:
        {kind: {memory: counts}}: "messages", those "right" without memory, "overruled" ("to_right",
        "from_right"), "asked" ("asked_wrong": the model's answer would have been), mistakes "repeated"
        without memory, and of them those "repeated_left" with it.
    """
    vectors = vectors_of(data, work, config, say)
    train, test = (read_examples(data / file) for file in FILES)
    found: dict[str, dict[str, Counter[str]]] = {kind: {of: Counter() for of in MEMORIES} for kind in KINDS}
    for seed in seeds:
        stream = draw_stream(train, test, sizes[1] + sizes[2], seed)
        staff = draw_staff(stream, Rules(), seed)
        given, rejected = _labels(stream, staff, replace(config, seed=seed), sizes)
        for kind, tuning in KINDS.items():
            learner = Ours(stream.categories, replace(config, seed=seed), (tuning, tuning), named=True)
            learner.learn(given)
            known = learner.answer([example.text for example in given]).vectors
            rows = range(sizes[1], sizes[1] + sizes[2])
            said = learner.answer([stream.messages[row].text for row in rows])
            for of in MEMORIES:
                memory = Memory(*learner.similarities())
                corrected: list[tuple[Floats, str]] = []
                if of == MEMORIES[0]:
                    for example, vector, away in zip(given, known, rejected, strict=True):
                        memory.add(vector, example.label, away)
                        corrected += [(vectors[example.text], away)] if away else []
                # not +=, which leaves out what was never counted
                found[kind][of].update(_follow(rows, said, stream, staff, vectors, memory, corrected))
            say(f"{kind}, seed {seed}: { ({of: dict(counts) for of, counts in found[kind].items()}) }")
    return {kind: {of: dict(counts) for of, counts in rows.items()} for kind, rows in found.items()}


def _labels(
    stream: Stream, staff: Staff, config: TrainingConfig, sizes: tuple[int, int, int]
) -> tuple[list[Example], list[str]]:
    """The labels that the model learns from, and what each was taken away from ("" for nothing)."""

    def said(row: int) -> Example:
        return Example(stream.messages[row].text, staff.said[row], voice=f"person {staff.person[row]}")

    first = [*stream.start, *(said(row) for row in range(sizes[0]))]
    earlier = Ours(stream.categories, config, ("none", "none"), named=True)
    earlier.learn(first)
    rest = [said(row) for row in range(sizes[0], sizes[1])]
    best = earlier.answer([example.text for example in rest]).probabilities.argmax(axis=1).tolist()
    answers = [stream.categories[number] for number in best]
    away = [answer if answer != e.label else "" for answer, e in zip(answers, rest, strict=True)]
    return [*first, *rest], [*("" for _ in first), *away]


def _follow(
    rows: range,
    said: Said,
    stream: Stream,
    staff: Staff,
    vectors: Vectors,
    memory: Memory,
    corrected: list[tuple[Floats, str]],
) -> Counter[str]:
    """Count what the memory says of each message; memory and `corrected` (see `repeats`) grow on the way."""
    counts: Counter[str] = Counter()
    for row, scores, vector in zip(rows, said.probabilities, said.vectors, strict=True):
        message = stream.messages[row]
        routed = stream.categories[int(scores.argmax())]
        right = routed == message.label
        recalled = memory.recall(vector, routed, float(scores.max()))
        kept = recalled is None or (recalled.sure and recalled.category == routed)
        asked = recalled is not None and not recalled.sure
        fixed = not kept and not asked and recalled is not None and recalled.category == message.label
        repeated = not right and repeats(vectors[message.text], routed, corrected)
        counts.update(
            messages=1,
            right=int(right),
            overruled=int(not kept and not asked),
            to_right=int(fixed),
            from_right=int(right and not kept and not asked),
            asked=int(asked),
            asked_wrong=int(asked and not right),
            repeated=int(repeated),
            repeated_left=int(repeated and not asked and not fixed),
        )
        if staff.confirm[row] if right else staff.correct[row]:
            memory.add(vector, staff.said[row], routed)
            if staff.said[row] != routed:
                corrected.append((vectors[message.text], routed))
    return counts


def table(measured: Mapping[str, Mapping[str, Mapping[str, int]]]) -> str:
    """Return the counts as a Markdown table."""
    lines = [
        "| model | memory | messages | right without memory | overruled | to the right one | away from it "
        "| made a question | would have been wrong | repeated mistakes | with memory |",
        "| --- " * 11 + "|",
    ]
    for kind, of_kind in measured.items():
        for of, row in of_kind.items():
            lines.append(
                f"| {kind} | {of} | {row['messages']} | {row['right'] / row['messages']:.1%} "
                f"| {row['overruled']} | {row['to_right']} | {row['from_right']} | {row['asked']} "
                f"| {row['asked_wrong']} | {row['repeated']} | {row['repeated_left']} |"
            )
    return "\n".join(lines)
