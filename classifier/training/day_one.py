"""The day-one model: a linear head on the frozen encoder, fitted in seconds, in the same directory format."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
import torch
from torch.nn.functional import log_softmax

from classifier.data.dataset import Example, split_examples
from classifier.model.embed import embed
from classifier.model.network import TrainedModel
from classifier.progress import Progress
from classifier.training.calibrate import HeldBack, Places, calibrate
from classifier.training.config import FitResult, TrainingConfig
from classifier.training.inputs import prepare, scope_space_of
from classifier.training.int8_training import prepare_int8
from classifier.training.linear_probe import fit_head, set_head, standardised

_PENALTIES = (1e-4, 1e-3, 1e-2)
"""L2 penalties on the standardised weights that the held-back part chooses from."""


def fit_day_one(
    examples: Sequence[Example],
    config: TrainingConfig,
    *,
    created: datetime,
    progress: Callable[[Progress], None] | None = None,
) -> FitResult:
    """Fit a linear head on the frozen encoder: seconds for a thousand messages.

    The penalty and the calibration come from a held-back fifth; the head is then fitted to all messages.

    Raises:
        InvalidInput: the examples cannot be learned from.
        BaseModelUnavailable: the encoder cannot be read.
    """
    began = time.monotonic()
    report = progress or (lambda _: None)
    report(Progress("prepare", 0, 0, 0, 1, 0.0))
    prepared = prepare(examples, config)
    labels = prepared.labels
    network = prepared.network(config).eval()
    train, held_back = split_examples(examples, max(config.validation_share, 0.2), config.seed)
    ordered = [*train, *held_back]
    texts = [example.text for example in ordered]
    pooled = embed(network, prepared.texts, texts, prepared.device, report)
    targets = prepared.targets(ordered)
    weights = torch.tensor([example.weight for example in ordered])
    features, mean, scale = standardised(pooled)
    seen = slice(0, len(train))
    checked, checked_targets = features[len(train) :], targets[len(train) :]
    inside = checked_targets >= 0

    # choose the penalty where the held-back messages are likeliest, then learn from all of them
    def held_back_loss(penalty: float) -> float:
        head = fit_head(features[seen], targets[seen], weights[seen], len(labels), penalty)
        logs = log_softmax(checked[inside] @ head[0].T + head[1], dim=-1)
        return -float(logs.gather(1, checked_targets[inside].unsqueeze(1)).mean())

    penalty = min(_PENALTIES, key=held_back_loss) if inside.any() else _PENALTIES[1]
    matrix, bias = fit_head(features[seen], targets[seen], weights[seen], len(labels), penalty)
    measured = (checked @ matrix.T + bias).double().numpy()
    matrix, bias = fit_head(features, targets, weights, len(labels), penalty)
    set_head(network, matrix, bias, mean, scale)

    # the distance is judged on messages that its means were not taken from
    before = scope_space_of(network, pooled[seen].numpy(), targets[seen])
    distances = before.distances(pooled[len(train) :].numpy()) if before and held_back else None
    scope = scope_space_of(network, pooled.numpy(), targets) if distances is not None else None
    judged = HeldBack(
        measured,
        checked_targets.numpy().astype(np.int64),
        distances,
        Places(pooled[len(train) :].numpy(), pooled[seen].numpy(), targets[seen].numpy()),
    )
    facts = calibrate(prepared.facts("day_one", examples, config, network), network, judged, config, created)
    facts = replace(facts, metrics={**facts.metrics, "train_n": float(len(ordered))})
    report(Progress("done", 0, 0, 1, 1, 1.0, 0.0, None, facts.metrics["validation_accuracy"]))
    model = TrainedModel(network=network, tokenizer=prepared.tokenizer, facts=facts, scope=scope)
    if config.int8_check:
        most = config.int8_check
        prepare_int8(model, prepared.encode(train[:most]), prepared.encode(held_back[:most]))
    return FitResult(model, facts.metrics, (), time.monotonic() - began)
