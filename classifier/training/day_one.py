"""The day-one model: a linear head on the frozen encoder, fitted in seconds, in the same directory format."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import torch
from torch.nn.functional import log_softmax

from classifier.data.dataset import Example, split_examples
from classifier.model.embed import embed
from classifier.model.network import TrainedModel
from classifier.progress import Progress, Report
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
    progress: Report | None = None,
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
    network = prepared.network(config).eval()

    # split
    train, held_back = split_examples(examples, max(config.validation_share, 0.2), config.seed)
    ordered = [*train, *held_back]
    seen, unseen = slice(0, len(train)), slice(len(train), None)
    pooled = embed(network, prepared.texts, [example.text for example in ordered], prepared.device, report)
    features, mean, scale = standardised(pooled)
    targets = prepared.targets(ordered)
    weights = torch.tensor([example.weight for example in ordered])

    # learn: the penalty with which held-back messages are likeliest, then from all messages
    def head_of(part: slice, penalty: float) -> tuple[torch.Tensor, torch.Tensor]:
        return fit_head(features[part], targets[part], weights[part], len(prepared.labels), penalty)

    def said(head: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return features[unseen] @ head[0].T + head[1]

    tried = _PENALTIES if bool((targets[unseen] >= 0).any()) else _PENALTIES[1:2]
    heads = {penalty: head_of(seen, penalty) for penalty in tried}
    penalty = min(heads, key=lambda each: _loss(said(heads[each]), targets[unseen]))
    set_head(network, *head_of(slice(None), penalty), mean, scale)

    # calibrate: the distance too is judged on messages that its means were not taken from
    before = scope_space_of(network, pooled[seen].numpy(), targets[seen])
    distances = before.distances(pooled[unseen].numpy()) if before and held_back else None
    scope = scope_space_of(network, pooled.numpy(), targets) if distances is not None else None
    judged = HeldBack(
        said(heads[penalty]).double().numpy(),
        targets[unseen].numpy(),
        distances,
        Places(pooled[unseen].numpy(), pooled[seen].numpy(), targets[seen].numpy()),
    )
    facts = calibrate(prepared.facts("day_one", examples, config, network), network, judged, config, created)
    facts = replace(facts, metrics={**facts.metrics, "train_n": float(len(ordered))})
    report(Progress("done", 0, 0, 1, 1, 1.0, 0.0, None, facts.metrics["validation_accuracy"]))

    # the result
    model = TrainedModel(network=network, tokenizer=prepared.tokenizer, facts=facts, scope=scope)
    if config.int8_check:
        most = config.int8_check
        prepare_int8(model, prepared.encode(train[:most]), prepared.encode(held_back[:most]))
    return FitResult(model, facts.metrics, (), time.monotonic() - began)


def _loss(logits: torch.Tensor, targets: torch.Tensor) -> float:
    """Cross-entropy of the messages that belong to a category."""
    inside = targets >= 0
    logs = log_softmax(logits[inside], dim=-1)
    return -float(logs.gather(1, targets[inside].unsqueeze(1)).mean())
