"""A fine-tune for a workspace: read, fit, compare, publish."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from classifier.contract import ClassifierError
from classifier.data.manifest import manifest_hash, manifest_of
from classifier.evaluation.gate.comparison import compare, judge_both
from classifier.evaluation.measure import measure
from classifier.evaluation.report.figures import draw_confusion
from classifier.explanation.faithfulness import FEWEST, faithfulness, measurable
from classifier.explanation.types import FaithfulnessReport
from classifier.inference.predictions import answer, timed_in_turns
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.directory import load_model_directory
from classifier.model.registry import Registry
from classifier.retraining.candidate import publish
from classifier.retraining.job import Doubt, Measures, RetrainJob, RetrainResult
from classifier.retraining.reporter import Reporter
from classifier.retraining.run_folder import CHECKPOINT
from classifier.training.config import TrainingConfig
from classifier.training.fit import fit
from classifier.training.label_noise import clean_labels

TAKEN_APART = 40
"""Held-out messages on which the words that both models show are compared; some seconds."""


def work(job: RetrainJob, reporter: Reporter) -> RetrainResult:
    """Fit, judge both models on the same messages, and publish the new one without activating it."""
    started = time.monotonic()
    training, config = job.training, TrainingConfig(**job.config)

    # read: what is left without the doubted labels, and who stands behind it
    clean = clean_labels(training.train, config, training.held_out, reporter.part(0.01, 0.05, "prepare"))
    manifest = manifest_of(training.starter_hash, clean.train)

    # fit
    model = fit(
        clean.train,
        config,
        created=datetime.now(UTC),
        validation=training.validation or None,
        unlabelled=training.unlabelled,
        checkpoint=Path(job.folder) / CHECKPOINT,
        progress=reporter.part(0.06, 0.86),
    ).model

    # compare
    reporter.progress("evaluate", 0.93)
    texts = [example.text for example in clean.held_out]
    predictor = TorchPredictor(model)
    challenger = answer(predictor, texts, timed=job.champion is None)  # else in turns with the champion
    reporter.progress("evaluate", 0.94)
    words = measurable(predictor, texts, TAKEN_APART)
    faithful = _faithful(predictor, words, reporter, 0.94)
    champion, faithful_before = None, None
    before = _champion(job, reporter)
    if before is not None:
        champion, challenger = timed_in_turns((answer(before, texts), before), (challenger, predictor), texts)
        faithful_before = _faithful(before, words, reporter, 0.96)
    explained = (faithful_before, faithful) if faithful_before and faithful else None
    verdict = judge_both(champion, challenger, clean.held_out, explained=explained)
    measured = measure(challenger, clean.held_out)

    # publish
    reporter.progress("publish", 0.98)
    picture = draw_confusion(measured)
    version = publish(job.folder, model, verdict, measured, manifest, faithful=faithful, picture=picture)
    return RetrainResult(
        version=version,
        seconds=round(time.monotonic() - started, 1),
        verdict=verdict,
        challenger=Measures.of(measured),
        champion=Measures.of(measure(champion, clean.held_out)) if champion else None,
        labels=len(manifest["people"]),
        manifest_hash=manifest_hash(manifest),
        left_out=clean.left_out,
        doubts=tuple(map(Doubt.of, clean.suspects)),
        changes=compare(champion, challenger, clean.held_out),
        picture=picture.file_name,
        picture_alt=picture.alt,
    )


def _champion(job: RetrainJob, reporter: Reporter) -> TorchPredictor | None:
    """The present model, to be asked; None where there is none that answers."""
    if job.champion is None:
        return None
    try:
        found = TorchPredictor(load_model_directory(Registry(Path(job.model_home)).path(job.champion)))
        found.predict(["hello"])
    except ClassifierError as error:  # a broken champion must not keep a sound model away
        reporter.line("warning", {"text": f"the present model cannot be measured: {error}"})
        return None
    return found


def _faithful(
    predictor: TorchPredictor, words: Sequence[str], reporter: Reporter, first: float
) -> FaithfulnessReport | None:
    if len(words) < FEWEST:
        return None

    def say(done: int) -> None:
        reporter.progress("evaluate", first + 0.02 * done / len(words))

    return faithfulness(predictor, words, say=say)
