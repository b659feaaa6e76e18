"""Examples in, a model out: the visible loop of the fine-tune, from the base encoder each time."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
import torch
from torch.nn.functional import log_softmax

from classifier.base_models import load_encoder, readable_tokens, resolve_base_model, weights_sha256
from classifier.batching import TextEncoder, collate, shuffled_by_length
from classifier.contract import OUT_OF_SCOPE_LABEL
from classifier.dataset import Example, check_trainable, fingerprint, split_examples
from classifier.day_one import fit_day_one
from classifier.devices import autocast, choose_device, use_threads
from classifier.finishing import Logits, finish, logits_of
from classifier.model import ModelFacts, TextClassifier, TrainedModel, raw_tokenizer
from classifier.probe import embed, fit_head, set_head, standardised
from classifier.training_types import FitResult, Progress, Stage, TrainingConfig

__all__ = ["FitResult", "Progress", "Stage", "TrainingConfig", "epochs_for", "fit", "fit_day_one"]

_MOST_EPOCHS, _FEWEST_EPOCHS = 15, 6
_PROBE_SHARE = 0.04
_EXAMPLES_TO_SEE = 10_000
"""Small sets need more passes: seed variance falls several times (Mosbach et al. 2021, arXiv:2006.04884)."""


def epochs_for(examples: int) -> int:
    """Passes over so many training messages, before early stopping."""
    return int(np.clip(round(_EXAMPLES_TO_SEE / max(examples, 1)), _FEWEST_EPOCHS, _MOST_EPOCHS))


def fit(  # noqa: PLR0915 - one visible loop, read from top to bottom
    examples: Sequence[Example],
    config: TrainingConfig,
    *,
    created: datetime,
    validation: Sequence[Example] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> FitResult:
    """Fine-tune the base encoder with a new head.

    Args:
        examples: at least three messages a category; those with the label `oos` belong to none.
        config: how.
        created: aware time that becomes part of the version's name.
        validation: messages for early stopping and calibration; without them a stratified part of
            `examples` is held back.
        progress: called often from the same thread. An exception that it raises stops the training.

    Raises:
        InvalidInput: the examples cannot be learned from.
        BaseModelUnavailable: the encoder cannot be read.
    """
    began = time.monotonic()
    labels = check_trainable(examples)
    report = progress or (lambda _: None)
    report(Progress("prepare", 0, 0, 0, 1, 0.0))
    use_threads(config.threads)
    torch.manual_seed(config.seed)
    device = choose_device(config.device)

    # data: the split, token ids, category indices (-1: out of scope)
    if validation is None:
        train, held_back = split_examples(examples, config.validation_share, config.seed)
    else:
        train, held_back = list(examples), [e for e in validation if e.label in {*labels, OUT_OF_SCOPE_LABEL}]
    base = resolve_base_model(config.base_model)
    encoder, tokenizer = load_encoder(base)
    max_tokens = readable_tokens(encoder, config.max_tokens)
    texts = TextEncoder(raw_tokenizer(tokenizer), max_tokens, tokenizer.pad_token_id or 0)
    encoded = texts.encode([example.text for example in train])
    checked = texts.encode([example.text for example in held_back])
    index = {label: number for number, label in enumerate(labels)} | {OUT_OF_SCOPE_LABEL: -1}
    targets = torch.tensor([index[example.label] for example in train])
    checked_targets = np.array([index[example.label] for example in held_back], dtype=np.int64)
    weights = torch.tensor([example.weight for example in train])
    weights = weights / weights.mean()

    # model
    network = TextClassifier(encoder, len(labels), dropout=config.dropout).to(device)
    if config.probe_first:
        # The head of the frozen encoder first: a random one would bend the features that it is fitted to
        # (Kumar et al. 2022, arXiv:2202.10054).
        network.eval()
        pooled = embed(
            network, texts, [example.text for example in train], device, report, first=0.0, last=_PROBE_SHARE
        )
        features, mean, scale = standardised(pooled)
        set_head(
            network, *fit_head(features, targets, weights, len(labels), config.probe_penalty), mean, scale
        )
    epochs = config.epochs or epochs_for(len(train))
    steps_per_epoch = -(-len(train) // config.batch_size)
    optimizer = torch.optim.AdamW(_groups(network, config), lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, _warm_up_then_fall(config.warmup, epochs * steps_per_epoch)
    )
    order = torch.Generator().manual_seed(config.seed)
    meter = _Meter(report, epochs, steps_per_epoch, sum(len(e.ids) for e in encoded))

    # the loop: epochs until the plan's end, or until the validation loss has not fallen for a while
    best, best_loss, best_epoch = network.state_dict(), float("inf"), 0
    history: list[dict[str, float]] = []
    for epoch in range(1, epochs + 1):
        network.train()
        for batch in shuffled_by_length([len(e.ids) for e in encoded], config.batch_size, order):
            # fetch
            ids, mask = collate([encoded[i] for i in batch], texts.pad_id, device)
            # forward
            with autocast(device):
                logits = network(ids, mask).logits
            loss = _loss(logits.float(), targets[batch].to(device), weights[batch].to(device), config)
            # backward
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip)
            # step
            optimizer.step()
            schedule.step()
            meter.step(epoch, sum(len(encoded[i].ids) for i in batch), float(loss.detach()))
        measured = logits_of(network, checked, texts.pad_id, device)
        validation_loss, accuracy = _validate(measured, checked_targets)
        meter.validation_accuracy = accuracy
        history.append(
            {
                "epoch": float(epoch),
                "loss": meter.loss or 0.0,
                "validation_loss": validation_loss,
                "validation_accuracy": accuracy,
                "seconds": time.monotonic() - began,
            }
        )
        if validation_loss < best_loss:
            best, best_loss, best_epoch = copy.deepcopy(network.state_dict()), validation_loss, epoch
        elif epoch - best_epoch >= config.patience:
            break
    network.load_state_dict(best)

    # calibration, on messages that the network has not learned from
    report(Progress("calibrate", epochs, epochs, 0, 1, 0.99, 0.0, meter.loss, meter.validation_accuracy))
    facts = ModelFacts(
        version="",
        kind="fine_tune",
        labels=labels,
        base_model=config.base_model,
        base_sha256=weights_sha256(base),
        max_tokens=max_tokens,
        created="",
        training_manifest=fingerprint(examples),
    )
    measured = logits_of(network, checked, texts.pad_id, device)
    facts = finish(facts, network, measured, checked_targets, config, created)
    facts = replace(
        facts, metrics={**facts.metrics, "epochs": float(best_epoch), "train_n": float(len(train))}
    )
    report(Progress("done", epochs, epochs, 1, 1, 1.0, 0.0, meter.loss, facts.metrics["validation_accuracy"]))
    network.eval()
    model = TrainedModel(network=network, tokenizer=tokenizer, facts=facts)
    return FitResult(model, facts.metrics, tuple(history), time.monotonic() - began)


def _loss(
    logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor, config: TrainingConfig
) -> torch.Tensor:
    """Smoothed cross-entropy; messages out of scope are pulled to the uniform distribution.

    The latter is outlier exposure (Hendrycks et al. 2019, arXiv:1812.04606).
    """
    logs = log_softmax(logits, dim=-1)
    uniform = -logs.mean(dim=-1)
    inside = targets >= 0
    picked = -logs.gather(1, targets.clamp(min=0).unsqueeze(1)).squeeze(1)
    smoothed = (1 - config.label_smoothing) * picked + config.label_smoothing * uniform
    losses = torch.where(inside, smoothed, config.out_of_scope_weight * uniform)
    return (losses * weights).mean()


def _validate(logits: Logits, targets: Logits) -> tuple[float, float]:
    """(cross-entropy, accuracy) of the in-scope messages; (0, 0) without any."""
    inside = targets >= 0
    if not inside.any():
        return 0.0, 0.0
    picked, right = logits[inside], targets[inside]
    logs = picked - np.logaddexp.reduce(picked, axis=1, keepdims=True)
    loss = -float(np.mean(logs[np.arange(len(right)), right]))
    return loss, float(np.mean(picked.argmax(axis=1) == right))


def _groups(network: TextClassifier, config: TrainingConfig) -> list[dict[str, object]]:
    """Three groups: the encoder's matrices decay, its biases and norms do not; the new head learns faster."""
    matrices = [p for p in network.encoder.parameters() if p.ndim > 1]
    others = [p for p in network.encoder.parameters() if p.ndim <= 1]
    head = list(network.head.parameters())
    return [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
        {"params": head, "weight_decay": 0.0, "lr": config.learning_rate * config.head_learning_rate},
    ]


def _warm_up_then_fall(warmup: float, steps: int) -> Callable[[int], float]:
    """Linear rise over the first share of the steps, then linear fall to zero."""
    rise = max(1, round(warmup * steps))

    def factor(step: int) -> float:
        return (step + 1) / rise if step < rise else max(0.0, (steps - step) / max(1, steps - rise))

    return factor


class _Meter:
    """Counts tokens, since a step's time follows its tokens, and reports."""

    def __init__(self, report: Callable[[Progress], None], epochs: int, steps: int, tokens: int) -> None:
        self._report = report
        self._epochs, self._steps = epochs, steps
        self._planned, self._done, self._step = tokens * epochs, 0, 0
        self._began = time.monotonic()
        self.loss: float | None = None
        self.validation_accuracy: float | None = None

    def step(self, epoch: int, tokens: int, loss: float) -> None:
        """Account for one step. Validation time is inside the throughput, because the clock runs on."""
        self._done += tokens
        self._step += 1
        self.loss = loss if self.loss is None else 0.95 * self.loss + 0.05 * loss
        elapsed = time.monotonic() - self._began
        self._report(
            Progress(
                stage="train",
                epoch=epoch,
                epochs=self._epochs,
                step=self._step,
                steps=self._epochs * self._steps,
                fraction=_PROBE_SHARE + (0.98 - _PROBE_SHARE) * self._done / self._planned,
                eta_seconds=elapsed / self._done * (self._planned - self._done),
                loss=self.loss,
                validation_accuracy=self.validation_accuracy,
            )
        )
