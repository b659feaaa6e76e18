"""The end of every training: calibrate on held-back messages, measure, name the version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

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

Floats = npt.NDArray[Any]


class Outputs(NamedTuple):
    """What a network says of N texts: logits float64 [N, categories], pooled vectors float32 [N, hidden]."""

    logits: Floats
    pooled: Floats


@dataclass(frozen=True, slots=True)
class Places:
    """Where a training's messages lie in its network's space.

    Attributes:
        held_back: float32 [N, hidden], pooled vectors of the held-back messages.
        learned: float32 [M, hidden], of those that it learned from.
        targets: [M] their category numbers, -1 for `oos`.
    """

    held_back: Floats
    learned: Floats
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


@dataclass(frozen=True, slots=True)
class HeldBack:
    """What a network says of messages that it has not learned from.

    Attributes:
        logits: [N, categories].
        targets: [N] category numbers, -1 for `oos`.
        distances: [N] in the scope space; None without one.
        places: of all messages in the network's space, for the memory's thresholds; None where they are not
            fitted anew.
    """

    logits: Floats
    targets: npt.NDArray[np.int64]
    distances: Floats | None = None
    places: Places | None = None

    @property
    def inside(self) -> npt.NDArray[np.bool_]:
        """[N], whether a message belongs to a category."""
        return self.targets >= 0


def outputs_of(
    network: TextClassifier, encoded: Sequence[Encoded], pad_id: int, device: torch.device
) -> Outputs:
    """What the network says of all texts in order, without dropout."""
    logits = np.zeros((len(encoded), network.head.out_features))
    pooled = np.zeros((len(encoded), network.head.in_features), dtype=np.float32)
    network.eval()
    with torch.inference_mode():
        for batch in batches_by_budget([len(e.ids) for e in encoded], 4096):
            ids, mask = collate([encoded[i] for i in batch], pad_id, device)
            output = network(ids, mask)
            logits[batch] = output.logits.double().cpu().numpy()
            pooled[batch] = output.pooled.float().cpu().numpy()
    return Outputs(logits, pooled)


def calibrate(
    facts: ModelFacts,
    network: TextClassifier,
    held_back: HeldBack,
    config: TrainingConfig,
    created: datetime,
) -> ModelFacts:
    """Complete a model's facts from held-back messages.

    Args:
        facts: what is known before; what they say of the memory stays where `held_back` has no places.
        network: with its final weights.
        held_back: what was said of them.
        config: for the error budget.
        created: aware time.
    """
    logits, targets, inside = held_back.logits, held_back.targets, held_back.inside
    temperature = fit_temperature(logits[inside], targets[inside])
    features = scope_features(logits, temperature, held_back.distances)
    scope = fit_out_of_scope(features[inside], features[~inside])
    predicted = probabilities(logits, temperature)
    answers, confidence = predicted.argmax(axis=1), predicted.max(axis=1)
    correct = answers == targets
    # a message that the scope score stops is never routed, so it cannot be routed wrongly
    routed = out_of_scope_score(features, scope) < OUT_OF_SCOPE_THRESHOLD
    thresholds = routing_thresholds(
        confidence[routed], answers[routed], correct[routed], facts.labels, config.error_budget
    )
    memory = {name: value for name, value in facts.thresholds.items() if name != "route"}
    if held_back.places is not None:
        memory = held_back.places.thresholds(targets, np.where(routed, answers, -1))
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
