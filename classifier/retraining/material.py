"""What a retraining really learns from and judges on: the job's examples without the doubted ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from classifier.data.dataset import Example
from classifier.data.manifest import check_manifest, entry_of, example_hash, manifest_hash, manifest_of
from classifier.evaluation.gate.comparison import Judged, without
from classifier.progress import Progress
from classifier.training.config import TrainingConfig
from classifier.training.label_noise import SOFTENED, Doubts, find_doubts


@dataclass(frozen=True, slots=True)
class Material:
    """The parts of one retraining.

    Attributes:
        train: to learn from.
        validation: for early stopping and calibration.
        judged: what both models are judged on.
        manifest: of `train`, see manifest.manifest_of.
        doubts: what was left out, and why.
        labels: people's examples among `train`.
    """

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    judged: Judged
    manifest: Mapping[str, Any]
    doubts: Doubts
    labels: int

    def findings(self) -> dict[str, Any]:
        """What the parent is told, as plain data."""
        return {
            "manifest_hash": manifest_hash(self.manifest),
            "labels": self.labels,
            "doubts": [doubt.as_dict() for doubt in self.doubts.suspects],
            "doubtful": len(self.doubts.teaching) + len(self.doubts.judging),
            "distrusted": self.doubts.distrusted,
        }


def material_of(
    job: Mapping[str, Any],
    config: TrainingConfig,
    progress: Callable[[Progress], None] | None = None,
) -> Material:
    """Take doubted labels out of a job's examples, and describe what is left.

    Raises:
        InvalidInput: the examples cannot be learned from, or one of them has nobody behind it.
    """
    people, tickets, names = job.get("people", []), job.get("own", []), job.get("names", [])
    rows = [*names, *job["train"]]
    first = len(rows) - len(people)
    voices = ["" for _ in range(first)] + [row["voice"] for row in people]
    train = [
        Example(text, label, weight, voice) for (text, label, weight), voice in zip(rows, voices, strict=True)
    ]
    validation = tuple(Example(text, label) for text, label in job["validation"])
    begin = len(job["held_out"]) - len(tickets)
    held_out = [Example(text, label) for text, label in job["held_out"]]
    own = [
        Example(example.text, example.label, voice=ticket["voice"])
        for example, ticket in zip(held_out[begin:], tickets, strict=True)
    ]
    doubts = find_doubts(train, people, own, tickets, config, progress)
    train = [
        replace(example, weight=SOFTENED * example.weight) if row in doubts.softened else example
        for row, example in enumerate(train)
    ]
    kept = [row for row in range(len(train)) if row not in doubts.teaching]
    entries = [entry_of(train[row], people[row - first]) for row in kept if row >= first]
    learned = tuple(train[row] for row in kept)
    manifest = manifest_of(str(job.get("starter", "")), first - len(names), entries, names=len(names))
    check_manifest(manifest, learned, {example_hash(e.text, e.label) for e in train[:first]})
    judged = Judged(tuple(held_out), tuple(str(ticket["ticket_id"]) for ticket in tickets))
    return Material(
        train=learned,
        validation=validation,
        judged=without(judged, [begin + row for row in doubts.judging]),
        manifest=manifest,
        doubts=doubts,
        labels=len(entries),
    )
