"""Examples in, a model out: the fine-tune from the base encoder, each time anew."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from classifier.contract import OUT_OF_SCOPE_LABEL
from classifier.data.dataset import Example, fingerprint, split_examples
from classifier.model.network import TrainedModel
from classifier.progress import Progress, Stage
from classifier.text.tokenize import Encoded
from classifier.training.calibrate import Places, finish, outputs_of
from classifier.training.config import FitResult, TrainingConfig
from classifier.training.day_one import fit_day_one
from classifier.training.fit_baselines import fit_baselines
from classifier.training.fit_smoothing import settle, surroundings_of
from classifier.training.inputs import Prepared, prepare
from classifier.training.int8_training import prepare_int8
from classifier.training.out_of_fold import find_suspects
from classifier.training.pipeline import Checkpointing, Report, Stages, Trained, never_back, within
from classifier.training.recipe import Recipe, adapted, epochs_for
from classifier.training.word_scorer import score_words

__all__ = ["FitResult", "Progress", "Stage", "TrainingConfig", "epochs_for", "fit", "fit_day_one"]


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
            surroundings. Nothing learns from them.
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
    report = never_back(progress) if progress is not None else _silent
    report(Progress("prepare", 0, 0, 0, 1, 0.0))
    learned: Sequence[Example] = list(examples)
    if config.hold_out_suspects:
        learned = find_suspects(examples, config, within(report, 0.0, 0.04)).kept
    train, held_back = _split(learned, validation, prepared, recipe)
    key = f"{fingerprint([*train, *held_back])} {recipe!r}"
    stages = Stages(prepared, recipe, Checkpointing(checkpoint, key), {})
    if config.baselines or config.preserve:
        stages.embed([example.text for example in learned], report)

    again = recipe.refit and validation is None and bool(held_back)
    first = stages.learn("first", train, held_back, within(report, 0.0, 0.5 if again else 1.0))

    # calibration, on messages that the network has not learned from
    report(Progress("calibrate", recipe.epochs, recipe.epochs, 0, 1, 0.49 if again else 0.99))
    heats = stages.blend(first, train, held_back)
    scope, seen = stages.scope_space(first, train)
    texts = prepared.encode(held_back)
    measured, pooled = outputs_of(first.network, texts, prepared.texts.pad_id, prepared.device)
    distances = scope.distances(pooled) if scope and held_back else None
    targets = prepared.targets(held_back).numpy()
    places = Places(pooled, seen, prepared.targets(train).numpy())
    around, measured = settle(prepared, first.network, places, measured, targets, unlabelled)
    final = first
    if again:
        # the whole course on all messages: where it stopped above hangs on which messages were held back
        final = stages.learn("refit", [*train, *held_back], [], within(report, 0.5, 1.0, stage="refit"))
        stages.blend(final, learned, [], heats)
        scope, seen = stages.scope_space(final, learned)
        if around is not None:
            around = surroundings_of(prepared, final.network, seen, unlabelled, around.share)
    facts = prepared.facts("fine_tune", learned, recipe, final.network)
    facts = finish(
        facts, final.network, measured, targets, recipe, created, distances=distances, places=places
    )
    facts = replace(
        facts,
        metrics={
            **facts.metrics,
            "epochs": float(first.best_epoch),
            "train_n": float(len(learned) if again else len(train)),
            "suspects_held_out": float(len(examples) - len(learned)),
        },
    )
    if checkpoint:
        shutil.rmtree(checkpoint, ignore_errors=True)
    accuracy = facts.metrics["validation_accuracy"]
    report(Progress("done", recipe.epochs, recipe.epochs, 1, 1, 1.0, 0.0, None, accuracy))
    final.network.eval()
    baselines = (
        fit_baselines(learned, stages.vectors([e.text for e in learned])) if config.baselines else None
    )
    space = scope if distances is not None else None
    model = TrainedModel(final.network, prepared.tokenizer, facts, baselines, space, surroundings=around)
    _complete(model, prepared, learned, texts or prepared.encode(learned), config)
    advice = _advice(first, recipe, chosen=config.epochs is not None)
    return FitResult(model, facts.metrics, first.history, time.monotonic() - began, advice)


def _split(
    learned: Sequence[Example], validation: Sequence[Example] | None, prepared: Prepared, recipe: Recipe
) -> tuple[list[Example], list[Example]]:
    """Return (what is learned from, what is held back); of `validation` the categories that are learned."""
    if validation is None:
        return split_examples(learned, recipe.validation_share, recipe.seed)
    known = {*prepared.labels, OUT_OF_SCOPE_LABEL}
    return list(learned), [example for example in validation if example.label in known]


def _complete(
    model: TrainedModel,
    prepared: Prepared,
    learned: Sequence[Example],
    held_back: Sequence[Encoded],
    config: TrainingConfig,
) -> None:
    """Learn which words decide, and see whether int8 keeps the answers."""
    if config.word_scorer:
        messages = min(config.word_scorer, max(_FEWEST_SCORED, len(learned) // _SCORED))
        score_words(model, [example.text for example in learned], messages=messages, seed=config.seed)
    if config.int8_check:
        some = random.Random(config.seed).sample(list(learned), min(config.int8_check, len(learned)))  # noqa: S311  # nosec B311
        prepare_int8(model, prepared.encode(some), held_back[: config.int8_check])


def _silent(_: Progress) -> None:
    """Report nothing."""


def _advice(trained: Trained, recipe: Recipe, *, chosen: bool) -> tuple[str, ...]:
    """Say what the course of the training means."""
    if not trained.history:
        return ()
    done = int(trained.history[-1]["epoch"])
    losses = np.array([entry["validation_loss"] for entry in trained.history])
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
    if chosen and trained.best_epoch == recipe.epochs and len(losses) > 1:
        return ("The validation loss was still falling at the end: more epochs may help.",)
    return ()
