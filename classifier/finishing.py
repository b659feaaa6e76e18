"""The end of every training: calibrate on held-back messages, measure, name the version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from classifier.batching import Encoded, batches_by_budget, collate
from classifier.calibration import (
    expected_calibration_error,
    fit_out_of_scope,
    fit_temperature,
    out_of_scope_score,
    probabilities,
    route_threshold,
)
from classifier.contract import OUT_OF_SCOPE_THRESHOLD
from classifier.model import ModelFacts, TextClassifier
from classifier.model_directory import state_digest
from classifier.training_types import TrainingConfig

Logits = npt.NDArray[Any]


def logits_of(
    network: TextClassifier, encoded: Sequence[Encoded], pad_id: int, device: torch.device
) -> Logits:
    """Logits of all texts in order, float64 [N, categories], without dropout."""
    result = np.zeros((len(encoded), network.head.out_features))
    network.eval()
    with torch.inference_mode():
        for batch in batches_by_budget([len(e.ids) for e in encoded], 4096):
            ids, mask = collate([encoded[i] for i in batch], pad_id, device)
            result[batch] = network(ids, mask).logits.double().cpu().numpy()
    return result


def finish(
    facts: ModelFacts,
    network: TextClassifier,
    logits: Logits,
    targets: npt.NDArray[np.int64],
    config: TrainingConfig,
    created: datetime,
) -> ModelFacts:
    """Complete a model's facts from held-back messages.

    Args:
        facts: what is known before.
        network: with its final weights.
        logits: [N, categories] of the held-back messages.
        targets: [N] category indices, -1 for `oos`.
        config: for the error budget.
        created: aware time.
    """
    inside = targets >= 0
    temperature = fit_temperature(logits[inside], targets[inside])
    scope = fit_out_of_scope(logits[inside], logits[~inside], temperature)
    predicted = probabilities(logits, temperature)
    confidence, correct = predicted.max(axis=1), predicted.argmax(axis=1) == targets
    # a message that the scope score stops is never routed, so it cannot be routed wrongly
    routed = out_of_scope_score(logits, temperature, scope) < OUT_OF_SCOPE_THRESHOLD
    threshold = route_threshold(confidence[routed], correct[routed], config.error_budget)
    version = f"{created.astimezone(UTC):%Y%m%dT%H%M%SZ}-{state_digest(network)[:6]}"
    return replace(
        facts,
        version=version,
        created=created.astimezone(UTC).isoformat(timespec="seconds"),
        temperature=temperature,
        thresholds={"route": threshold},
        out_of_scope=scope,
        metrics={
            "validation_n": float(inside.sum()),
            "validation_accuracy": float(correct[inside].mean()) if inside.any() else 0.0,
            "validation_ece": expected_calibration_error(confidence[inside], correct[inside]),
        },
    )
