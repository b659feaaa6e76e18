"""What a model says about itself: the content of fingerpost.json. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from classifier.calibration.conformal import PredictionSet
from classifier.calibration.scores import OutOfScope
from classifier.contract import RECALL_NEAR, RECALL_THRESHOLD

FORMAT_VERSION = 1

ModelKind = Literal["day_one", "fine_tune", "head"]

Pooling = Literal["mean", "cls"]
"""How token vectors become one: their mean, or the first one's."""


@dataclass(frozen=True, slots=True)
class WordScorerFacts:
    """What is known about the network that scores words, see word_scorer.

    Attributes:
        layers: last layers whose attention it looks at.
        units: of its hidden layer.
        of_greedy: how far the probability falls without its first 1..5 words, as a share of greedy
            deletion's, on messages that it had not learned from.
        plain_of_greedy: the same for plain attention.
        messages: that it learned from.
    """

    layers: int
    units: int
    of_greedy: float
    plain_of_greedy: float
    messages: int


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model says about itself: the content of fingerpost.json.

    Attributes:
        version: name of the version, see registry.VERSION; empty before the weights are final.
        kind: day_one (frozen encoder), fine_tune, or head (rows were added or taken away, see head_refit).
        labels: category slugs in the order of the logits.
        base_model: name of the encoder it began from.
        base_sha256: of that encoder's model.safetensors.
        max_tokens: texts longer than this are cut in the middle.
        temperature: logits are divided by it before softmax.
        thresholds: {"route": confidence from which the model may route by itself}.
        category_thresholds: the same for single categories, by slug; see `threshold_of`.
        budgets: what "route" is for other error budgets: {"0.05": ..., "0.03": ..., "0.01": ...}.
        word_scorer: of the network that scores words; None: plain attention of the last layer does.
        expected_budgets: the same without a bound, to compare with: nothing is routed by it.
        prediction_set: how prediction sets are made; None where nothing was held back to set it on.
        out_of_scope: the out-of-scope score's parameters.
        training_manifest: sha256 over the examples, see dataset.fingerprint.
        metrics: measured on the validation part.
        int8_agreement: share of held-back messages whose category int8 keeps; None where it was not measured.
        created: ISO 8601, UTC.
        pooling: how token vectors become one vector: mean or cls.
        format_version: of the directory.
        parent: of kind head: the version whose head was refitted; empty for others.
        encoder_kind: of kind head: how the encoder came about, day_one or fine_tune; None for others.
        languages: of the messages that it learned from (ISO 639-1).
    """

    version: str
    kind: ModelKind
    labels: tuple[str, ...]
    base_model: str
    base_sha256: str
    max_tokens: int
    created: str
    temperature: float = 1.0
    thresholds: Mapping[str, float] = field(default_factory=lambda: {"route": 0.5})
    out_of_scope: OutOfScope = field(default_factory=OutOfScope)
    training_manifest: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    pooling: Pooling = "mean"
    format_version: int = FORMAT_VERSION
    category_thresholds: Mapping[str, float] = field(default_factory=dict)
    budgets: Mapping[str, float] = field(default_factory=dict)
    expected_budgets: Mapping[str, float] = field(default_factory=dict)
    prediction_set: PredictionSet | None = None
    word_scorer: WordScorerFacts | None = None
    int8_agreement: float | None = None
    parent: str = ""
    encoder_kind: ModelKind | None = None
    languages: tuple[str, ...] = ("en",)

    def threshold_of(self, category: str) -> float:
        """Confidence from which a message of this category may be routed: its own, else that for all."""
        return self.category_thresholds.get(category, self.thresholds["route"])

    @property
    def recall_threshold(self) -> float:
        """Similarity from which a labelled message overrules, see recall; an older model has none."""
        return self.thresholds.get("recall", RECALL_THRESHOLD)

    @property
    def recall_near(self) -> float:
        """Similarity from which what people rejected nearby is not repeated."""
        return self.thresholds.get("recall_near", RECALL_NEAR)
