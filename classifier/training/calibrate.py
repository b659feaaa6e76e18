"""The end of every training: calibrate on held-back messages, measure, name the version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from classifier.calibration.conformal import fit_prediction_set
from classifier.calibration.scores import out_of_scope_score, probabilities, scope_features
from classifier.calibration.temperature import expected_calibration_error, fit_out_of_scope, fit_temperature
from classifier.calibration.thresholds import routing_thresholds
from classifier.calibration.vectors import unit
from classifier.contract import OUT_OF_SCOPE_THRESHOLD
from classifier.feedback.correction_memory import fit_recall_near, fit_recall_threshold
from classifier.model.collate import collate
from classifier.model.directory import state_digest
from classifier.model.metadata import ModelFacts
from classifier.model.network import TextClassifier
from classifier.text.tokenize import Encoded, batches_by_budget
from classifier.training.config import TrainingConfig

Logits = npt.NDArray[Any]


def logits_of(
    network: TextClassifier, encoded: Sequence[Encoded], pad_id: int, device: torch.device
) -> Logits:
    """Logits of all texts in order, float64 [N, categories], without dropout."""
    return outputs_of(network, encoded, pad_id, device)[0]


def outputs_of(
    network: TextClassifier, encoded: Sequence[Encoded], pad_id: int, device: torch.device
) -> tuple[Logits, npt.NDArray[Any]]:
    """(logits float64 [N, categories], pooled vectors float32 [N, hidden]) of all texts in order."""
    logits = np.zeros((len(encoded), network.head.out_features))
    pooled = np.zeros((len(encoded), network.head.in_features), dtype=np.float32)
    network.eval()
    with torch.inference_mode():
        for batch in batches_by_budget([len(e.ids) for e in encoded], 4096):
            ids, mask = collate([encoded[i] for i in batch], pad_id, device)
            output = network(ids, mask)
            logits[batch] = output.logits.double().cpu().numpy()
            pooled[batch] = output.pooled.float().cpu().numpy()
    return logits, pooled


@dataclass(frozen=True, slots=True)
class Places:
    """Where a training's messages lie in its network's space.

    Attributes:
        held_back: float32 [N, hidden], pooled vectors of the held-back messages.
        learned: float32 [M, hidden], of those that it learned from.
        targets: [M] their category numbers, -1 for `oos`.
    """

    held_back: npt.NDArray[Any]
    learned: npt.NDArray[Any]
    targets: npt.NDArray[np.int64]

    def thresholds(
        self, targets: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64]
    ) -> dict[str, float]:
        """Fit the memory's similarities to the held-back messages' categories [N] and answers [N]."""
        own, learned = unit(self.held_back), unit(self.learned)
        recall = fit_recall_threshold(
            own, targets.tolist(), predicted.tolist(), others=learned, other_labels=self.targets.tolist()
        )
        near = fit_recall_near(own, targets.tolist(), predicted.tolist(), threshold=recall)
        return {"recall": recall, "recall_near": near}


def finish(
    facts: ModelFacts,
    network: TextClassifier,
    logits: Logits,
    targets: npt.NDArray[np.int64],
    config: TrainingConfig,
    created: datetime,
    *,
    distances: npt.NDArray[Any] | None = None,
    places: Places | None = None,
) -> ModelFacts:
    """Complete a model's facts from held-back messages.

    Args:
        facts: what is known before.
        network: with its final weights.
        logits: [N, categories] of the held-back messages.
        targets: [N] category indices, -1 for `oos`.
        config: for the error budget.
        created: aware time.
        distances: [N] of the held-back messages in the scope space; None without one.
        places: of all messages in the network's space, for the memory's thresholds; None keeps what `facts`
            say of them.
    """
    inside = targets >= 0
    temperature = fit_temperature(logits[inside], targets[inside])
    features = scope_features(logits, temperature, distances)
    scope = fit_out_of_scope(features[inside], features[~inside])
    predicted = probabilities(logits, temperature)
    confidence, correct = predicted.max(axis=1), predicted.argmax(axis=1) == targets
    # a message that the scope score stops is never routed, so it cannot be routed wrongly
    routed = out_of_scope_score(features, scope) < OUT_OF_SCOPE_THRESHOLD
    thresholds = routing_thresholds(
        confidence[routed],
        predicted.argmax(axis=1)[routed],
        correct[routed],
        facts.labels,
        config.error_budget,
    )
    memory = {name: value for name, value in facts.thresholds.items() if name != "route"}
    if places is not None:
        memory = places.thresholds(targets, np.where(routed, predicted.argmax(axis=1), -1))
    return replace(
        facts,
        version=version_of(network, created),
        created=created.astimezone(UTC).isoformat(timespec="seconds"),
        temperature=temperature,
        thresholds={"route": thresholds.route, **memory},
        category_thresholds=thresholds.categories,
        budgets=thresholds.budgets,
        expected_budgets=thresholds.expected,
        prediction_set=fit_prediction_set(predicted[inside], targets[inside]) if inside.any() else None,
        out_of_scope=scope,
        metrics={
            "validation_n": float(inside.sum()),
            "validation_accuracy": float(correct[inside].mean()) if inside.any() else 0.0,
            "validation_ece": expected_calibration_error(confidence[inside], correct[inside]),
        },
    )


def version_of(network: TextClassifier, created: datetime) -> str:
    """Name a version: when it was made, and six digits of its weights' sha256, see registry.VERSION."""
    return f"{created.astimezone(UTC):%Y%m%dT%H%M%SZ}-{state_digest(network)[:6]}"
