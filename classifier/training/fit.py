"""Examples in, a model out: the fine-tune from the base encoder, each time anew."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from classifier.contract import OUT_OF_SCOPE_LABEL
from classifier.data.dataset import Example, fingerprint, split_examples
from classifier.model.network import TrainedModel
from classifier.progress import Progress, Report, never_back, within
from classifier.training.calibrate import HeldBack, Places, calibrate
from classifier.training.config import FitResult, TrainingConfig
from classifier.training.day_one import fit_day_one
from classifier.training.fine_tune.checkpoint import Checkpoints
from classifier.training.fit_baselines import fit_baselines
from classifier.training.fit_smoothing import fit_smoothing, surroundings_of
from classifier.training.inputs import Prepared, prepare
from classifier.training.int8_training import prepare_int8
from classifier.training.label_noise import clean_labels
from classifier.training.pipeline import Fitted, Pipeline, Split, base_vectors
from classifier.training.recipe import Recipe, adapted
from classifier.training.word_scorer import score_words

__all__ = ["FitResult", "TrainingConfig", "fit", "fit_day_one"]

_SCORED, _FEWEST_SCORED = 5, 100
"""Words are taken out of one message of so many, and of so many messages at least."""


def fit(
    examples: Sequence[Example],
    config: TrainingConfig,
    *,
    created: datetime,
    validation: Sequence[Example] | None = None,
    unlabelled: Sequence[str] = (),
    progress: Report | None = None,
    checkpoint: Path | None = None,
) -> FitResult:
    """Fine-tune the base encoder with a new head.

    Args:
        examples: messages with their categories; those with the label `oos` belong to none.
        config: how; what it leaves open is chosen by the number of messages, see recipe.adapted.
        created: aware time that becomes part of the version's name.
        validation: messages for early stopping and calibration; without them a stratified part of
            `examples` is held back.
        unlabelled: messages of the same kind without labels, the newest first: they steady the answers, see
            fit_smoothing. Nothing learns from them.
        progress: called often from the same thread. An exception that it raises stops the training.
        checkpoint: folder for the state after each epoch; a training of the same examples and configuration
            that was killed goes on from there. It is removed at the end.

    Raises:
        InvalidInput: the examples cannot be learned from.
        BaseModelUnavailable: the encoder cannot be read.
        TrainingDiverged: the loss is no number any more.
    """
    began = time.monotonic()
    prepared = prepare(examples, config)
    recipe = adapted(config, len(examples), len(prepared.labels))
    report = never_back(progress or (lambda _: None))
    report(Progress("prepare", 0, 0, 0, 1, 0.0))

    # split
    split = _split(_trusted(examples, config, report), validation, prepared, recipe)
    checkpoints = Checkpoints(checkpoint, _key(split, recipe)) if checkpoint else None
    needed = config.baselines or config.preserve
    base = base_vectors(prepared, recipe, split.learned, report) if needed else {}
    pipeline = Pipeline(prepared, recipe, base, checkpoints)

    # learn
    again = recipe.refit and validation is None and bool(split.held_back)
    first = final = pipeline.fit(split, within(report, 0.0, 0.5 if again else 1.0))

    # calibrate, on messages that the network has not learned from
    report(Progress("calibrate", recipe.epochs, recipe.epochs, 0, 1, 0.49 if again else 0.99))
    around, held_back = fit_smoothing(prepared, first.network, _said(prepared, first, split), unlabelled)

    # refit
    if again:
        final = pipeline.refit(split, first, within(report, 0.5, 1.0, stage="refit"))
        if around is not None:
            around = surroundings_of(prepared, final.network, final.pooled, unlabelled, around.share)

    # measure
    facts = prepared.facts("fine_tune", split.learned, recipe, final.network)
    facts = calibrate(facts, final.network, held_back, recipe, created)
    counts = {
        "epochs": float(first.best_epoch),
        "train_n": float(len(split.learned if again else split.train)),
        "suspects_held_out": float(len(examples) - len(split.learned)),
    }
    facts = replace(facts, metrics={**facts.metrics, **counts})
    if checkpoints is not None:
        checkpoints.clear()
    accuracy = facts.metrics["validation_accuracy"]
    report(Progress("done", recipe.epochs, recipe.epochs, 1, 1, 1.0, 0.0, None, accuracy))

    # the result, with what is shown and served beside the answers
    model = TrainedModel(
        final.network,
        prepared.tokenizer,
        facts,
        fit_baselines(split.learned, pipeline.vectors(split.learned)) if config.baselines else None,
        final.scope if held_back.distances is not None else None,
        surroundings=around,
    )
    _learn_words(model, split.learned, config)
    _check_int8(model, prepared, split, config)
    advice = _advice(first, recipe, chosen=config.epochs is not None)
    return FitResult(model, facts.metrics, first.history, time.monotonic() - began, advice)


def _trusted(examples: Sequence[Example], config: TrainingConfig, report: Report) -> Sequence[Example]:
    """Leave out labels that look wrong, where the configuration says so."""
    if not config.hold_out_suspects:
        return list(examples)
    return clean_labels(examples, config, progress=within(report, 0.0, 0.04)).train


def _split(
    learned: Sequence[Example], validation: Sequence[Example] | None, prepared: Prepared, recipe: Recipe
) -> Split:
    """Hold a part back, or of `validation` the messages whose categories are learned."""
    if validation is None:
        return Split(learned, *split_examples(learned, recipe.validation_share, recipe.seed))
    known = {*prepared.labels, OUT_OF_SCOPE_LABEL}
    return Split(learned, learned, [example for example in validation if example.label in known])


def _key(split: Split, recipe: Recipe) -> str:
    """Name what a checkpoint belongs to: these examples and this recipe."""
    return f"{fingerprint([*split.train, *split.held_back])} {recipe!r}"


def _said(prepared: Prepared, first: Fitted, split: Split) -> HeldBack:
    """What the first network says of the messages that were held back from it."""
    logits, pooled = prepared.outputs(first.network, split.held_back)
    return HeldBack(
        logits,
        prepared.targets(split.held_back).numpy(),
        first.scope.distances(pooled) if first.scope and split.held_back else None,
        Places(pooled, first.pooled, prepared.targets(split.train).numpy()),
    )


def _learn_words(model: TrainedModel, learned: Sequence[Example], config: TrainingConfig) -> None:
    """Learn which words decide."""
    if config.word_scorer:
        messages = min(config.word_scorer, max(_FEWEST_SCORED, len(learned) // _SCORED))
        score_words(model, [example.text for example in learned], messages=messages, seed=config.seed)


def _check_int8(model: TrainedModel, prepared: Prepared, split: Split, config: TrainingConfig) -> None:
    """See whether int8 keeps the answers."""
    most = config.int8_check
    if most:
        some = random.Random(config.seed).sample(list(split.learned), min(most, len(split.learned)))  # noqa: S311  # nosec B311
        unseen = split.held_back or split.learned
        prepare_int8(model, prepared.encode(some), prepared.encode(unseen[:most]))


def _advice(trained: Fitted, recipe: Recipe, *, chosen: bool) -> tuple[str, ...]:
    """Say what the course of the training means."""
    if not trained.history:
        return ()
    done = int(trained.history[-1]["epoch"])
    stopped = done < recipe.epochs and done - trained.best_epoch >= recipe.patience
    if stopped and trained.best_epoch == 1:
        return (
            "The validation loss rose from the first epoch on, so training stopped: lower the learning rate, "
            "or look for wrong labels with `fingerpost labels suspects`.",
        )
    if stopped:
        return (
            f"The validation loss has not fallen since epoch {trained.best_epoch}, so training stopped after "
            f"{done} of {recipe.epochs} epochs and kept epoch {trained.best_epoch}.",
        )
    if chosen and trained.best_epoch == recipe.epochs and len(trained.history) > 1:
        return ("The validation loss was still falling at the end: more epochs may help.",)
    return ()
