"""Examples in, a model out: the fine-tune from the base encoder, each time anew."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import softmax
from torch.nn.functional import one_hot

from classifier.baselines import fit_baselines
from classifier.batching import Encoded
from classifier.checkpoint import Checkpoints
from classifier.contract import OUT_OF_SCOPE_LABEL
from classifier.dataset import Example, fingerprint, split_examples
from classifier.day_one import fit_day_one
from classifier.finishing import finish, outputs_of
from classifier.meter import Meter
from classifier.model import TextClassifier, TrainedModel
from classifier.out_of_fold import find_suspects
from classifier.parallel import Parallel, parallel
from classifier.preparation import Prepared, prepare, scope_space_of, weights_of
from classifier.probe import embed, embed_encoded, fit_head, set_head, standardised
from classifier.recipe import adapted, epochs_for
from classifier.scope_space import ScopeSpace
from classifier.self_training import agreed, spread
from classifier.training_loop import Loop, TokenData
from classifier.training_types import FitResult, Progress, Stage, TrainingConfig
from classifier.vocabulary import CompactVocabulary
from classifier.warm_up import learn_masked_words, learn_neighbours

__all__ = ["FitResult", "Progress", "Stage", "TrainingConfig", "epochs_for", "fit", "fit_day_one"]

Report = Callable[[Progress], None]

_TEACHERS = 3
"""Models of other seeds whose mean teaches in the first round of self-training."""
_STUDENT_RATE, _STUDENT_EPOCHS = 1e-4, 6
_SOFT_TO_LABELLED = 4
"""Unlabelled messages to one labelled in a student's epoch."""


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
        unlabelled: messages of the same kind without labels, for `masked_lm_epochs` and `self_training`.
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
    plan = adapted(config, len(examples), len(prepared.labels))
    with parallel(prepared.device) as team:
        prepared = replace(prepared, device=team.device)
        report = progress if progress is not None and team.first else _silent
        report(Progress("prepare", 0, 0, 0, 1, 0.0))
        known = {*prepared.labels, OUT_OF_SCOPE_LABEL}
        learned: Sequence[Example] = list(examples)
        if config.hold_out_suspects:
            learned = find_suspects(examples, config, _within(report, 0.0, 0.04)).kept
        if validation is None:
            train, held_back = split_examples(learned, plan.config.validation_share, config.seed)
        else:
            train, held_back = list(learned), [e for e in validation if e.label in known]
        key = f"{fingerprint([*train, *held_back])} {plan.config!r}"
        work = _Work(prepared, plan.config, plan.epochs, team, unlabelled, {})
        if config.baselines or config.preserve:
            work.embed([*(example.text for example in learned), *unlabelled], report)

        again = plan.refit and validation is None and bool(held_back)
        first = work.learn(train, held_back, _within(report, 0.0, 0.5 if again else 1.0), checkpoint, key)
        network, checked = first.network, held_back

        # calibration, on messages that the network has not learned from
        report(Progress("calibrate", plan.epochs, plan.epochs, 0, 1, 0.49 if again else 0.99))
        scope = work.scope_space(first, train)
        measured, pooled = outputs_of(network, work.encode(checked), prepared.texts.pad_id, team.device)
        distances = scope.distances(pooled) if scope and len(checked) else None
        targets = prepared.targets(checked).numpy()
        if again:
            # all messages now, for as long as was best without the held-back ones
            last = checkpoint.with_name(f"{checkpoint.name}-refit") if checkpoint else None
            longer = replace(work, epochs=plan.epochs)
            second = longer.learn([*train, *held_back], [], _within(report, 0.5, 1.0), last, key)
            network = second.network
            scope = work.scope_space(second, learned) if distances is not None else None
        facts = prepared.facts("fine_tune", learned, plan.config, network)
        facts = finish(facts, network, measured, targets, plan.config, created, distances=distances)
        facts = replace(
            facts,
            metrics={
                **facts.metrics,
                "epochs": float(first.best_epoch),
                "train_n": float(len(learned) if again else len(train)),
                "suspects_held_out": float(len(examples) - len(learned)),
            },
        )
        for folder in (checkpoint, checkpoint and checkpoint.with_name(f"{checkpoint.name}-refit")):
            if folder and team.first:
                Checkpoints(folder, key).clear()
    report(
        Progress("done", plan.epochs, plan.epochs, 1, 1, 1.0, 0.0, None, facts.metrics["validation_accuracy"])
    )
    network.eval()
    baselines = fit_baselines(learned, work.vectors([e.text for e in learned])) if config.baselines else None
    model = TrainedModel(
        network, prepared.tokenizer, facts, baselines, scope if distances is not None else None
    )
    return FitResult(
        model, facts.metrics, first.history, time.monotonic() - began, _advice(first, plan.epochs, config)
    )


@dataclass(frozen=True, slots=True)
class _Trained:
    network: TextClassifier
    history: tuple[dict[str, float], ...]
    best_epoch: int


@dataclass(frozen=True, slots=True)
class _Work:
    """The stages of one training, from the base encoder to its best weights."""

    prepared: Prepared
    config: TrainingConfig
    epochs: int
    team: Parallel
    unlabelled: Sequence[str]
    base: dict[str, npt.NDArray[Any]]
    """The base encoder's vector of each text."""

    def embed(self, texts: Sequence[str], report: Report) -> None:
        """Run the base encoder once over every text that will be needed."""
        prepared = self.prepared
        new = list(dict.fromkeys(texts))
        network = prepared.network(self.config)
        vectors = embed(network, prepared.texts, new, prepared.device, report, first=0.0, last=0.02)
        self.base.update(zip(new, vectors.numpy(), strict=True))

    def vectors(self, texts: Sequence[str]) -> npt.NDArray[Any]:
        """Return the base encoder's vectors, float32 [N, hidden]."""
        return np.stack([self.base[text] for text in texts])

    def scope_space(self, trained: _Trained, train: Sequence[Example]) -> ScopeSpace | None:
        """Fit the out-of-scope distance of a trained network."""
        prepared = self.prepared
        encoded = self.encode(train)
        _, pooled = outputs_of(trained.network, encoded, prepared.texts.pad_id, self.team.device)
        return scope_space_of(trained.network, pooled, prepared.targets(train))

    def encode(self, examples: Sequence[Example]) -> list[Encoded]:
        return self.prepared.encode(examples)

    def learn(
        self,
        train: Sequence[Example],
        held_back: Sequence[Example],
        report: Report,
        folder: Path | None,
        key: str,
    ) -> _Trained:
        """Train, and where there are unlabelled messages and rounds for them, let the outcome teach anew."""
        rounds = self.config.self_training if self.unlabelled else 0
        if not rounds:
            return self._train(train, held_back, None, report, folder, key)
        share = 1 / (_TEACHERS + 2 * rounds)
        teachers = []
        for number in range(_TEACHERS):
            other = replace(self, config=replace(self.config, seed=self.config.seed + 1000 * number))
            part = _within(report, number * share, (number + 1) * share)
            teachers.append(other._train(train, held_back, None, part, None, key))
        for turn in range(rounds):
            soft = self._taught(train, [teacher.network for teacher in teachers])
            first = (_TEACHERS + 2 * turn) * share
            student = replace(
                self, config=replace(self.config, learning_rate=_STUDENT_RATE), epochs=_STUDENT_EPOCHS
            )
            last = student._train(
                train, held_back, soft, _within(report, first, first + 2 * share), None, key
            )
            teachers = [last]
        return teachers[0]

    def _taught(self, train: Sequence[Example], networks: Sequence[TextClassifier]) -> npt.NDArray[Any]:
        """Soft answers to the unlabelled messages, [M, C]: the teachers' mean, spread over neighbours."""
        prepared = self.prepared
        texts = prepared.texts.encode([*(example.text for example in train), *self.unlabelled])
        own, vectors = [], []
        for network in networks:
            logits, pooled = outputs_of(network, texts, prepared.texts.pad_id, self.team.device)
            own.append(softmax(logits, axis=1))
            vectors.append(pooled / np.linalg.norm(pooled, axis=1, keepdims=True))
        answers = agreed(own)
        targets = prepared.targets(train).numpy()
        labelled = np.zeros(len(texts), dtype=bool)
        labelled[: len(train)] = targets >= 0
        answers[labelled] = np.eye(len(prepared.labels))[targets[targets >= 0]]
        return spread(np.hstack(vectors), answers, labelled)[len(train) :]

    def _train(
        self,
        train: Sequence[Example],
        held_back: Sequence[Example],
        soft: npt.NDArray[Any] | None,
        report: Report,
        folder: Path | None,
        key: str,
    ) -> _Trained:
        prepared, config, device = self.prepared, self.config, self.team.device
        pad_id = prepared.texts.pad_id
        network = prepared.network(config)
        encoded, checked = self.encode(train), self.encode(held_back)
        needed = bool(config.masked_lm_epochs) or soft is not None
        free = prepared.texts.encode(self.unlabelled) if needed else []
        targets, weights = prepared.targets(train), weights_of(train)
        mask_id = prepared.tokenizer.mask_token_id
        keep = [pad_id] + ([mask_id] if mask_id is not None else [])
        small = CompactVocabulary(network.encoder, [encoded, checked, free], keep)
        encoded, checked, free = small.encode(encoded), small.encode(checked), small.encode(free)
        pad = small.place(pad_id)

        # before the head: words of the domain, then which messages belong together
        if config.masked_lm_epochs and mask_id is not None:
            tick = _ticker(report, "warm up", 0.0, 0.02)
            texts = [*encoded, *free]
            learn_masked_words(network.encoder, texts, small.place(mask_id), pad, config, device, tick)
        if config.contrastive_epochs:
            tick = _ticker(report, "warm up", 0.02, 0.04)
            learn_neighbours(network, encoded, targets, pad, config, device, tick)
        if config.probe_first:
            # The head of the frozen encoder first: a random one would bend the features that it is fitted to
            # (Kumar et al. 2022, arXiv:2202.10054).
            features, mean, scale = standardised(
                embed_encoded(network, encoded, pad, device, report, first=0.0, last=0.04)
            )
            head = fit_head(features, targets, weights, len(prepared.labels), config.probe_penalty)
            set_head(network, *head, mean, scale)

        base = None
        if config.preserve:
            network.keep_base_vectors()
            base = torch.from_numpy(self.vectors([example.text for example in train]))
        data = TokenData(encoded, targets, weights, base)
        if soft is not None:
            loose = torch.from_numpy(self.vectors(self.unlabelled)) if config.preserve else None
            data = _with_soft(data, free, soft, loose, config)
        steps = -(-len(data.encoded) // config.batch_size)
        meter = Meter(report, self.epochs, steps, sum(len(text.ids) for text in data.encoded))
        figures = (checked, prepared.targets(held_back).numpy())
        loop = Loop(network, data, figures, pad, config, self.epochs, self.team, meter)
        loop.run(Checkpoints(folder, key) if folder else None)
        small.restore()
        return _Trained(network, tuple(loop.history), loop.best_epoch)


def _with_soft(
    data: TokenData,
    free: Sequence[Encoded],
    soft: npt.NDArray[Any],
    loose: torch.Tensor | None,
    config: TrainingConfig,
) -> TokenData:
    """Labelled messages, repeated until they are about a fifth, beside unlabelled ones with soft targets."""
    times = max(1, round(len(free) / len(data.encoded) / _SOFT_TO_LABELLED))
    inside = data.targets >= 0
    sure = one_hot(data.targets.clamp(min=0), soft.shape[1]).float()
    # out of scope: towards the uniform distribution
    sure[~inside] = 1 / soft.shape[1]
    weights = torch.where(inside, data.weights, config.out_of_scope_weight * data.weights)
    return TokenData(
        [*list(data.encoded) * times, *free],
        torch.cat([sure.repeat(times, 1), torch.tensor(soft, dtype=torch.float32)]),
        torch.cat([weights.repeat(times), torch.tensor(soft.max(axis=1), dtype=torch.float32)]),
        None if data.base is None or loose is None else torch.cat([data.base.repeat(times, 1), loose]),
    )


def _within(report: Report, first: float, last: float) -> Report:
    """Report the fractions of a part of the work as fractions of the whole."""

    def inner(progress: Progress) -> None:
        stage: Stage = "refit" if first > 0 and progress.stage == "train" else progress.stage
        eta = progress.eta_seconds
        if eta is not None and last < 1.0:
            eta *= 2  # the refit takes as long again
        report(
            replace(
                progress, stage=stage, fraction=first + (last - first) * progress.fraction, eta_seconds=eta
            )
        )

    return inner


def _ticker(report: Report, stage: Stage, first: float, last: float) -> Callable[[float], None]:
    def tick(share: float) -> None:
        report(Progress(stage, 0, 0, 0, 1, first + (last - first) * share))

    return tick


def _silent(_: Progress) -> None:
    """Report nothing."""


def _advice(trained: _Trained, epochs: int, config: TrainingConfig) -> tuple[str, ...]:
    """Say what the course of the training means."""
    if not trained.history:
        return ()
    done = int(trained.history[-1]["epoch"])
    losses = np.array([entry["validation_loss"] for entry in trained.history])
    if done < epochs and trained.best_epoch == 1:
        return (
            "The validation loss rose from the first epoch on, so training stopped: lower the learning rate, "
            "or look for wrong labels with `fingerpost labels suspects`.",
        )
    if done < epochs:
        return (
            f"The validation loss has not fallen since epoch {trained.best_epoch}, so training stopped after "
            f"{done} of {epochs} epochs and kept epoch {trained.best_epoch}.",
        )
    if config.epochs is not None and trained.best_epoch == epochs and len(losses) > 1:
        return ("The validation loss was still falling at the end: more epochs may help.",)
    return ()
