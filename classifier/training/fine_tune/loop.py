"""The visible loop of the fine-tune: fetch, forward, backward, step; then validate and checkpoint."""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from classifier.contract import TrainingDiverged
from classifier.model.collate import collate, shuffled_by_length
from classifier.model.hardware import autocast
from classifier.model.network import TextClassifier
from classifier.progress import Meter, Report
from classifier.text.tokenize import Encoded
from classifier.training.calibrate import outputs_of
from classifier.training.fine_tune.checkpoint import (
    Checkpoints,
    Progressed,
    optimizer_tensors,
    restore_optimizer,
)
from classifier.training.fine_tune.losses import classification_loss, preservation_loss
from classifier.training.fine_tune.sam import climbed
from classifier.training.recipe import Recipe, rate_factor

_SHORT = 128
"""Up to here attention without a fused kernel is faster on a CPU: the fused one's backward pass is slow."""


@dataclass(frozen=True, slots=True)
class TokenData:
    """Messages ready for the network.

    Attributes:
        encoded: N texts.
        targets: int64 [N] category numbers, -1 for out of scope.
        weights: float32 [N], of mean 1.
        base: float32 [N, hidden], the base encoder's vectors; None where they are not preserved.
    """

    encoded: Sequence[Encoded]
    targets: torch.Tensor
    weights: torch.Tensor
    base: torch.Tensor | None = None


@dataclass(frozen=True, slots=True)
class Trained:
    """A network with its best weights.

    Attributes:
        network: as the loop got it; a keeper, where there is one, is still inside.
        history: one entry an epoch.
        best_epoch: whose weights these are, counted from 1.
    """

    network: TextClassifier
    history: tuple[dict[str, float], ...]
    best_epoch: int


class Loop:
    """One training from the network's present weights to its best ones.

    Args:
        network: is changed in place.
        train: to learn from.
        checked: messages and int64 [M] categories for early stopping; may be empty.
        pad_id: of the tokens.
        config: how.
        device: that the network is on.
        report: is told about each step.
    """

    def __init__(
        self,
        network: TextClassifier,
        train: TokenData,
        checked: tuple[Sequence[Encoded], np.ndarray],
        pad_id: int,
        config: Recipe,
        device: torch.device,
        report: Report,
    ) -> None:
        self._network, self._train, self._checked = network, train, checked
        self._pad_id, self._config, self._device = pad_id, config, device
        self._order = torch.Generator().manual_seed(config.seed)
        self._steps = -(-len(train.encoded) // config.batch_size)
        tokens = sum(len(text.ids) for text in train.encoded)
        self._meter = Meter(report, config.epochs, self._steps, tokens)
        self._optimizer = torch.optim.AdamW(_groups(network, config), lr=config.learning_rate, fused=True)
        self._peaks = [float(group["lr"]) for group in self._optimizer.param_groups]
        self._best: dict[str, torch.Tensor] = {}
        self._best_loss, self._best_epoch = float("inf"), 0
        self._step, self._began = 0, time.monotonic()
        self._history: list[dict[str, float]] = []

    def run(self, checkpoints: Checkpoints | None = None) -> Trained:
        """Train until the plan's end, or until the validation loss has not fallen for a while.

        Raises:
            TrainingDiverged: the loss is no number any more.
        """
        first = self._resume(checkpoints) + 1
        for epoch in range(first, self._config.epochs + 1):
            self._epoch(epoch)
            go_on = self._validate(epoch)
            if checkpoints is not None:
                checkpoints.save(self._state(epoch))
            if not go_on:
                break
        self._network.load_state_dict(self._best or self._network.state_dict())
        return Trained(self._network, tuple(self._history), self._best_epoch)

    def _epoch(self, epoch: int) -> None:
        self._network.train()
        lengths = [len(text.ids) for text in self._train.encoded]
        for batch in shuffled_by_length(lengths, self._config.batch_size, self._order):
            # forward and backward
            dropout = torch.get_rng_state()
            loss = self._backward(batch)
            # and once more where the loss is nearly the worst nearby, with the same dropout
            if self._config.sharpness > 0:
                with climbed(self._network.parameters(), self._config.sharpness):
                    torch.set_rng_state(dropout)
                    self._backward(batch)
            norm = torch.nn.utils.clip_grad_norm_(self._network.parameters(), self._config.clip)
            if not math.isfinite(float(norm)):
                raise TrainingDiverged(
                    f"the loss is no number any more in epoch {epoch}: lower the learning rate "
                    f"(it was {self._config.learning_rate:g}) or look for broken weights in the base model"
                )
            # step
            self._schedule()
            self._optimizer.step()
            self._step += 1
            self._meter.step(epoch, sum(lengths[i] for i in batch), loss)

    def _backward(self, batch: list[int]) -> float:
        """Set the gradients of a batch; returns its mean loss."""
        loss = self._losses(batch).sum() * (1 / len(batch))
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        return float(loss.detach())

    def _losses(self, rows: list[int]) -> torch.Tensor:
        """[B], each message's loss."""
        config, device = self._config, self._device
        ids, mask = collate([self._train.encoded[i] for i in rows], self._pad_id, device)
        targets, weights = self._train.targets[rows].to(device), self._train.weights[rows].to(device)
        # forward: all of it in bfloat16 where that is fast
        with autocast(device), _attention_for(ids):
            output = self._network(ids, mask)
        logits = output.logits.float()
        losses = classification_loss(
            logits, targets, smoothing=config.label_smoothing, out_of_scope_weight=config.out_of_scope_weight
        )
        if output.kept is not None and self._train.base is not None:
            losses = losses + config.preserve * preservation_loss(
                output.kept, self._train.base[rows].to(device)
            )
        return losses * weights

    def _schedule(self) -> None:
        factor = rate_factor(self._step, self._config.epochs * self._steps, self._config.warmup)
        for group, peak in zip(self._optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * factor

    def _validate(self, epoch: int) -> bool:
        """Measure, keep the best weights; False where it is time to stop."""
        encoded, targets = self._checked
        loss, accuracy = validation_figures(
            outputs_of(self._network, encoded, self._pad_id, self._device).logits, targets
        )
        measured = bool((targets >= 0).any())
        self._meter.validation_accuracy = accuracy if measured else None
        self._history.append(
            {
                "epoch": float(epoch),
                "loss": self._meter.loss or 0.0,
                "validation_loss": loss,
                "validation_accuracy": accuracy,
                "seconds": time.monotonic() - self._began,
            }
        )
        if not measured or loss < self._best_loss:
            self._best, self._best_loss = copy.deepcopy(self._network.state_dict()), loss
            self._best_epoch = epoch
        return epoch - self._best_epoch < self._config.patience

    def _state(self, epoch: int) -> Progressed:
        tensors = {f"network.{name}": value for name, value in self._network.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self._best.items()}
        tensors |= {f"moments.{k}": v for k, v in optimizer_tensors(self._optimizer).items()}
        tensors["random.torch"] = torch.get_rng_state()
        tensors["random.order"] = self._order.get_state()
        detached = {name: value.detach().cpu().clone() for name, value in tensors.items()}
        facts = {"history": self._history, "best_loss": self._best_loss, "best_epoch": self._best_epoch}
        return Progressed(epoch, self._step, detached, facts)

    def _resume(self, checkpoints: Checkpoints | None) -> int:
        """Take a killed training up; returns the last finished epoch."""
        state = checkpoints.load() if checkpoints is not None else None
        if state is None:
            return 0
        groups: dict[str, dict[str, torch.Tensor]] = {}
        for name, value in state.tensors.items():
            kind, _, rest = name.partition(".")
            groups.setdefault(kind, {})[rest] = value
        self._network.load_state_dict(groups["network"])
        self._best = groups.get("best", {})
        restore_optimizer(self._optimizer, groups["moments"])
        torch.set_rng_state(groups["random"]["torch"])
        self._order.set_state(groups["random"]["order"])
        self._history = [dict(entry) for entry in state.facts["history"]]
        self._best_loss, self._best_epoch = float(state.facts["best_loss"]), int(state.facts["best_epoch"])
        self._step = state.step
        self._meter.skip(state.epoch)
        finished = state.epoch - self._best_epoch >= self._config.patience
        return self._config.epochs if finished else state.epoch


def validation_figures(logits: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """(cross-entropy, accuracy) of the in-scope messages; (0, 0) without any."""
    inside = targets >= 0
    if not inside.any():
        return 0.0, 0.0
    picked, right = logits[inside], targets[inside]
    logs = picked - np.logaddexp.reduce(picked, axis=1, keepdims=True)
    loss = -float(np.mean(logs[np.arange(len(right)), right]))
    return loss, float(np.mean(picked.argmax(axis=1) == right))


def _attention_for(ids: torch.Tensor) -> contextlib.AbstractContextManager[None]:
    if ids.device.type == "cpu" and ids.shape[1] <= _SHORT:
        return sdpa_kernel(SDPBackend.MATH)
    return contextlib.nullcontext()


def _groups(network: TextClassifier, config: Recipe) -> list[dict[str, object]]:
    """Three groups: the encoder's matrices decay, its biases and norms do not; the new head learns faster."""
    matrices = [p for p in network.encoder.parameters() if p.ndim > 1]
    others = [p for p in network.encoder.parameters() if p.ndim <= 1]
    head = list(network.head.parameters())
    if network.keeper is not None:
        head += list(network.keeper.parameters())
    return [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
        {"params": head, "weight_decay": 0.0, "lr": config.learning_rate * config.head_learning_rate},
    ]
