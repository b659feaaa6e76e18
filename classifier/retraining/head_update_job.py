"""A new head for a workspace whose categories changed: read, fit, compare, publish.

It takes seconds: the encoder stays, see training.head_update.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from classifier.contract import InvalidInput
from classifier.data.manifest import learned_by, manifest_hash, manifest_of
from classifier.evaluation.gate.head_update import judge_refit
from classifier.evaluation.measure import measure
from classifier.inference.predictions import answer, timed_in_turns
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.directory import load_model_directory
from classifier.model.embedding_cache import EmbeddingCache, encoder_key
from classifier.model.hardware import use_threads
from classifier.model.registry import Registry
from classifier.retraining.candidate import publish
from classifier.retraining.job import Measures, RetrainJob, RetrainResult
from classifier.retraining.reporter import Reporter
from classifier.training.config import TrainingConfig
from classifier.training.head_update.fit import refit_head
from classifier.training.head_update.rows import known


def work(job: RetrainJob, reporter: Reporter) -> RetrainResult:
    """Fit the head, judge both models on the same messages, and publish without activating.

    Raises:
        InvalidInput: the job names no champion, or no categories.
    """
    if job.champion is None or job.head is None:
        raise InvalidInput("a new head needs a model that answers now, and the categories that there are")
    started = time.monotonic()
    config = TrainingConfig(**job.config)
    use_threads(config.threads)

    # read
    registry = Registry(Path(job.model_home))
    folder = registry.path(job.champion)
    parent = load_model_directory(folder)
    inherited = learned_by(folder)
    training = job.training
    messages = [example for example in training.train if example.source != "name"]

    # fit
    refitted = refit_head(
        parent,
        messages,
        training.validation,
        job.head.categories,
        config,
        created=datetime.now(UTC),
        merged=frozenset(job.head.merged),
        names=training.names,
        cache=EmbeddingCache(registry.home, encoder_key(folder)),
        progress=reporter.part(0.1, 0.7, "refit"),
    )
    model, plan = refitted.model, refitted.plan
    manifest = None
    if inherited is not None:  # else nobody knows what the encoder learned from
        names = [name for name in training.names if name.label in plan.learned]
        rows = known([example.label for example in messages], plan)
        inherited &= frozenset(job.head.said)  # a deleted message leaves no trace in a later manifest
        manifest = manifest_of(training.starter_hash, [*names, *(messages[row] for row in rows)], inherited)

    # compare
    reporter.progress("evaluate", 0.8)
    texts = [example.text for example in training.held_out]
    before, after = TorchPredictor(parent), TorchPredictor(model)
    champion = answer(before, texts)
    reporter.progress("evaluate", 0.88)
    challenger = answer(after, texts)
    reporter.progress("evaluate", 0.94)
    champion, challenger = timed_in_turns((champion, before), (challenger, after), texts)
    verdict = judge_refit(champion, challenger, training.held_out, refitted.recognised)
    measured = measure(challenger, training.held_out)

    # publish
    reporter.progress("publish", 0.98)
    return RetrainResult(
        version=publish(job.folder, model, verdict, measured, manifest),
        seconds=round(time.monotonic() - started, 1),
        verdict=verdict,
        challenger=Measures.of(measured),
        champion=Measures.of(measure(champion, training.held_out)),
        labels=len(training.people),
        manifest_hash=manifest_hash(manifest) if manifest else None,
        head={
            "learned": {slug: list(counts) for slug, counts in refitted.recognised.items()},
            "removed": list(plan.removed),
            "waiting": list(plan.waiting),
        },
    )
