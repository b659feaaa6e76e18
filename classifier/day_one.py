"""The day-one model: a linear head on the frozen encoder, fitted in seconds, in the same directory format."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
import torch
from torch.nn.functional import log_softmax

from classifier.base_models import load_encoder, readable_tokens, resolve_base_model, weights_sha256
from classifier.batching import TextEncoder, batches_by_budget, collate
from classifier.contract import OUT_OF_SCOPE_LABEL
from classifier.dataset import Example, check_trainable, fingerprint, split_examples
from classifier.devices import choose_device, use_threads
from classifier.finishing import finish
from classifier.model import ModelFacts, TextClassifier, TrainedModel, raw_tokenizer
from classifier.training_types import FitResult, Progress, TrainingConfig

_PENALTIES = (1e-4, 1e-3, 1e-2)
"""L2 penalties on the standardised weights that the held-back part chooses from."""

_OUT_OF_SCOPE_WEIGHT = 0.5


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
    labels = check_trainable(examples)
    report = progress or (lambda _: None)
    report(Progress("prepare", 0, 0, 0, 1, 0.0))
    use_threads(config.threads)
    torch.manual_seed(config.seed)
    device = choose_device(config.device)
    base = resolve_base_model(config.base_model)
    encoder, tokenizer = load_encoder(base)
    network = TextClassifier(encoder, len(labels), dropout=config.dropout).to(device).eval()
    train, held_back = split_examples(examples, max(config.validation_share, 0.2), config.seed)
    ordered = [*train, *held_back]
    max_tokens = readable_tokens(encoder, config.max_tokens)
    texts = TextEncoder(raw_tokenizer(tokenizer), max_tokens, tokenizer.pad_token_id or 0)
    pooled = _embed(network, texts, [example.text for example in ordered], device, report)

    index = {label: number for number, label in enumerate(labels)} | {OUT_OF_SCOPE_LABEL: -1}
    targets = torch.tensor([index[example.label] for example in ordered])
    weights = torch.tensor([example.weight for example in ordered])
    mean, scale = pooled.mean(dim=0), pooled.std(dim=0).clamp(min=1e-6)
    features = (pooled - mean) / scale
    seen = slice(0, len(train))
    checked, checked_targets = features[len(train) :], targets[len(train) :]
    inside = checked_targets >= 0

    # choose the penalty where the held-back messages are likeliest, then learn from all of them
    def held_back_loss(penalty: float) -> float:
        head = _fit_head(features[seen], targets[seen], weights[seen], len(labels), penalty)
        logs = log_softmax(checked[inside] @ head[0].T + head[1], dim=-1)
        return -float(logs.gather(1, checked_targets[inside].unsqueeze(1)).mean())

    penalty = min(_PENALTIES, key=held_back_loss) if inside.any() else _PENALTIES[1]
    matrix, bias = _fit_head(features[seen], targets[seen], weights[seen], len(labels), penalty)
    measured = (checked @ matrix.T + bias).double().numpy()
    matrix, bias = _fit_head(features, targets, weights, len(labels), penalty)
    with torch.no_grad():
        # the standardisation becomes a part of the head
        network.head.weight.copy_(matrix / scale)
        network.head.bias.copy_(bias - matrix @ (mean / scale))

    facts = ModelFacts(
        version="",
        kind="day_one",
        labels=labels,
        base_model=config.base_model,
        base_sha256=weights_sha256(base),
        max_tokens=max_tokens,
        created="",
        training_manifest=fingerprint(examples),
    )
    facts = finish(facts, network, measured, checked_targets.numpy().astype(np.int64), config, created)
    facts = replace(facts, metrics={**facts.metrics, "train_n": float(len(ordered))})
    report(Progress("done", 0, 0, 1, 1, 1.0, 0.0, None, facts.metrics["validation_accuracy"]))
    model = TrainedModel(network=network, tokenizer=tokenizer, facts=facts)
    return FitResult(model, facts.metrics, (), time.monotonic() - began)


def _embed(
    network: TextClassifier,
    texts: TextEncoder,
    messages: Sequence[str],
    device: torch.device,
    report: Callable[[Progress], None],
) -> torch.Tensor:
    """Pooled vectors of all messages in order, float32 [N, hidden] on the CPU."""
    encoded = texts.encode(messages)
    pooled = torch.zeros(len(encoded), network.head.in_features)
    batches = list(batches_by_budget([len(e.ids) for e in encoded], 4096))
    total, done, began = sum(len(e.ids) for e in encoded), 0, time.monotonic()
    with torch.inference_mode():
        for step, batch in enumerate(batches, start=1):
            ids, mask = collate([encoded[i] for i in batch], texts.pad_id, device)
            pooled[batch] = network(ids, mask).pooled.float().cpu()
            done += sum(len(encoded[i].ids) for i in batch)
            eta = (time.monotonic() - began) / done * (total - done)
            report(Progress("embed", 0, 0, step, len(batches), 0.05 + 0.8 * done / total, eta))
    return pooled.clone()


def _fit_head(
    features: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor, categories: int, penalty: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Multinomial logistic regression by L-BFGS; targets of -1 are pulled to the uniform distribution.

    Returns:
        (matrix [categories, hidden], bias [categories]).
    """
    matrix = torch.zeros(categories, features.shape[1], requires_grad=True)
    bias = torch.zeros(categories, requires_grad=True)
    share = torch.where(targets >= 0, 1.0, _OUT_OF_SCOPE_WEIGHT) * weights
    share = share / share.sum()
    optimizer = torch.optim.LBFGS([matrix, bias], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        logs = log_softmax(features @ matrix.T + bias, dim=-1)
        picked = logs.gather(1, targets.clamp(min=0).unsqueeze(1)).squeeze(1)
        likelihood = torch.where(targets >= 0, picked, logs.mean(dim=-1))
        loss = -(likelihood * share).sum() + penalty * matrix.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return matrix.detach(), bias.detach()
