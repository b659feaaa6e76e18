"""The last step of a retraining: a model with its card and its manifest, not active yet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from classifier.data.manifest import MANIFEST_FILE, encoded
from classifier.evaluation.gate.verdict import Verdict
from classifier.evaluation.model_card import model_card
from classifier.evaluation.report.figures import Figure
from classifier.evaluation.types import Report
from classifier.explanation.types import FaithfulnessReport
from classifier.model.network import TrainedModel
from classifier.model.registry import Registry


def publish(
    folder: str,
    model: TrainedModel,
    verdict: Verdict,
    measured: Report,
    manifest: Mapping[str, Any] | None,
    *,
    faithful: FaithfulnessReport | None = None,
    picture: Figure | None = None,
) -> str:
    """Leave a candidate in a folder; return its version.

    A published directory never changes, so the card says now what the gate found.

    Args:
        folder: the job's.
        model: the candidate.
        verdict: the gate's.
        measured: on the held-out messages.
        manifest: see data.manifest; None where nobody knows what the encoder learned from.
        faithful: whether the words that it shows decide, where that was measured.
        picture: kept beside the model.
    """
    card = model_card(
        model.facts, verdict=verdict.as_dict(), evaluation=measured.as_dict(), faithful=faithful
    )
    extra = {}
    if manifest is not None:
        extra[MANIFEST_FILE] = encoded(manifest)
    if picture is not None:
        extra[picture.file_name] = picture.png
    return Registry(Path(folder)).publish(model, card=card, extra=extra)
