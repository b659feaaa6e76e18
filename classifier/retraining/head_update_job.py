"""The child process of a head refit: a job on standard input, JSON lines on standard output.

Like training_child, but it takes seconds: the encoder stays, see head_refit.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from classifier.retraining.train_job import Reporter, main, measures

if TYPE_CHECKING:
    from classifier.data.dataset import Example


@dataclass(frozen=True, slots=True)
class RefitJob:
    """What a refit works on.

    Attributes:
        train: (text, label, weight) to learn from.
        held_back: (text, label) that the present model's training only watched.
        held_out: (text, label) that both models are judged on.
        categories: slugs that the workspace has now.
        merged: those that others were merged into since the present model was made.
        config: keyword arguments of TrainingConfig.
        model_home: the registry's directory.
        parent: version that answers now.
        folder: where to leave the candidate.
        people: who stands behind each of the last messages of `train`, see training_set.Given.
        starter: sha256 of the starter pack.
        names: (text, label, weight), what categories are called and about.
    """

    train: list[tuple[str, str, float]]
    held_back: list[tuple[str, str]]
    held_out: list[tuple[str, str]]
    categories: list[str]
    merged: list[str]
    config: dict[str, Any]
    model_home: str
    parent: str
    folder: str
    people: list[dict[str, Any]] = field(default_factory=list)
    starter: str = ""
    names: list[tuple[str, str, float]] = field(default_factory=list)

    def encode(self) -> bytes:
        """Return the job as JSON."""
        return json.dumps(asdict(self)).encode()


def work(job: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Fit the head, judge both models on the same messages, and publish without activating."""
    from classifier.data.dataset import Example  # noqa: PLC0415
    from classifier.data.manifest import MANIFEST_FILE, encoded, learned_by, manifest_hash  # noqa: PLC0415
    from classifier.evaluation.gate.head_update import judge_refit  # noqa: PLC0415
    from classifier.evaluation.measure import measure  # noqa: PLC0415
    from classifier.evaluation.model_card import model_card  # noqa: PLC0415
    from classifier.inference.predictions import answer  # noqa: PLC0415 - torch takes seconds to import; say so first
    from classifier.inference.torch_predictor import TorchPredictor  # noqa: PLC0415
    from classifier.model.directory import load_model_directory  # noqa: PLC0415
    from classifier.model.embedding_cache import EmbeddingCache, encoder_key  # noqa: PLC0415
    from classifier.model.hardware import use_threads  # noqa: PLC0415
    from classifier.model.registry import Registry  # noqa: PLC0415
    from classifier.progress import Progress  # noqa: PLC0415
    from classifier.training.config import TrainingConfig  # noqa: PLC0415
    from classifier.training.head_update.fit import refit_head  # noqa: PLC0415
    from classifier.training.head_update.rows import known  # noqa: PLC0415

    started = time.monotonic()
    config = TrainingConfig(**job["config"])
    use_threads(config.threads)
    registry = Registry(Path(job["model_home"]))
    folder = registry.path(job["parent"])
    parent = load_model_directory(folder)

    def on_progress(p: Progress) -> None:
        reporter.progress("refit", 0.1 + 0.7 * p.fraction)

    train = [Example(text, label, weight) for text, label, weight in job["train"]]
    refitted = refit_head(
        parent,
        train,
        [Example(text, label) for text, label in job["held_back"]],
        job["categories"],
        config,
        created=datetime.now(UTC),
        merged=frozenset(job["merged"]),
        names=[Example(text, label, weight) for text, label, weight in job.get("names", [])],
        cache=EmbeddingCache(registry.home, encoder_key(folder)),
        progress=on_progress,
    )
    reporter.progress("evaluate", 0.8)
    held_out = [Example(text, label) for text, label in job["held_out"]]
    texts = [example.text for example in held_out]
    champion = answer(TorchPredictor(parent), texts, timed=True)
    challenger = answer(TorchPredictor(refitted.model), texts, timed=True)
    verdict = judge_refit(champion, challenger, held_out, refitted.recognised).as_dict()
    measured = measure(challenger, held_out)
    reporter.progress("publish", 0.98)
    # a published directory never changes, so the card says now what the gate found
    card = model_card(refitted.model.facts, verdict=verdict, evaluation=measured.as_dict())
    inherited = learned_by(folder)
    extra, found = {}, {}
    if inherited is not None:  # else nobody knows what the encoder learned from
        rows = known([example.label for example in train], refitted.plan)
        manifest = _manifest(job, train, rows, inherited, refitted.names)
        extra[MANIFEST_FILE], found["manifest_hash"] = encoded(manifest), manifest_hash(manifest)
    return {
        "version": Registry(Path(job["folder"])).publish(refitted.model, card=card, extra=extra),
        "seconds": round(time.monotonic() - started, 1),
        "challenger": measures(measured),
        "champion": measures(measure(champion, held_out)),
        "verdict": verdict,
        "learned": {slug: list(counts) for slug, counts in refitted.recognised.items()},
        "removed": list(refitted.plan.removed),
        "waiting": list(refitted.plan.waiting),
        **found,
    }


def _manifest(
    job: dict[str, Any], train: Sequence[Example], rows: Sequence[int], inherited: frozenset[str], names: int
) -> dict[str, Any]:
    """Say what a head learned from: the `rows` of the messages, and what its encoder had learned from."""
    from classifier.data.manifest import check_manifest, entry_of, example_hash, manifest_of  # noqa: PLC0415 - as above

    people = job["people"]
    first = len(train) - len(people)
    entries = [entry_of(train[row], people[row - first]) for row in rows if row >= first]
    manifest = manifest_of(job["starter"], sum(row < first for row in rows), entries, inherited, names)
    starter = {example_hash(example.text, example.label) for example in train[:first]}
    check_manifest(manifest, [train[row] for row in rows], starter)
    return manifest


if __name__ == "__main__":
    sys.exit(main(carry_out=work))
