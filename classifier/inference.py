"""Texts in, predictions out, synchronously: before the network, the network, after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.backends import Backend
from classifier.backends.torch_backend import TorchBackend
from classifier.batching import Encoded, TextEncoder, batches_by_budget, unreadable
from classifier.calibration import out_of_scope_score, probabilities, scope_features
from classifier.contract import ModelInfo, Prediction
from classifier.model import TrainedModel
from classifier.prediction_sets import prediction_set_size
from classifier.words import Attended, attended_words

MOST_WORDS = 12
"""Words that a prediction carries: more than a person looks at."""


class Predictor:
    """A model ready to answer. For one thread at a time."""

    def __init__(
        self, model: TrainedModel, *, backend: Backend | None = None, batch_tokens: int = 4096
    ) -> None:
        pad_id = model.tokenizer.pad_token_id or 0
        self.model = model
        self.facts = model.facts
        self._encoder = TextEncoder(model.raw_tokenizer(), model.facts.max_tokens, pad_id)
        self._backend: Backend = backend or TorchBackend(model.network, pad_id)
        self._batch_tokens = batch_tokens
        self._space = model.scope

    def info(self) -> ModelInfo:
        """Say which model this is."""
        return ModelInfo(
            version=self.facts.version,
            kind=self.facts.kind,
            labels=self.facts.labels,
            base_model=self.facts.base_model,
            threshold=self.facts.thresholds["route"],
        )

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """Answer each text, in order."""
        return [prediction for prediction, _ in self.predict_with_attention(texts)]

    def predict_with_attention(
        self, texts: Sequence[str], *, plain: bool = False
    ) -> list[tuple[Prediction, Attended]]:
        """Answer each text, in order, with all of its words.

        Args:
            texts: to answer.
            plain: whether to score words by plain attention, whatever the model's word scorer says.
        """
        encoded = self._encoder.encode(texts)
        answers: dict[int, tuple[Prediction, Attended]] = {}
        for batch in batches_by_budget([len(e.ids) for e in encoded], self._batch_tokens):
            members = [encoded[i] for i in batch]
            forward = self._backend.forward(members)
            scores = probabilities(forward.logits, self.facts.temperature)
            scope = self.scope(forward.logits, forward.pooled)
            for row, (position, member) in enumerate(zip(batch, members, strict=True)):
                scored = None if forward.scored is None or plain else forward.scored[row]
                attended = attended_words(member, forward.received[row], scored)
                prediction = self._prediction(
                    member, attended, scores[row], float(scope[row]), forward.pooled[row]
                )
                answers[position] = prediction, attended
        return [answers[position] for position in range(len(texts))]

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """The texts as the network gets them, in order."""
        return self._encoder.encode(texts)

    def outputs(self, texts: Sequence[str]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """(raw logits float64 [N, categories], pooled vectors float32 [N, hidden])."""
        encoded = self._encoder.encode(texts)
        logits = np.zeros((len(texts), len(self.facts.labels)))
        pooled: npt.NDArray[Any] = np.zeros((0, 0), dtype=np.float32)
        for batch in batches_by_budget([len(e.ids) for e in encoded], self._batch_tokens):
            forward = self._backend.forward([encoded[i] for i in batch])
            if not pooled.size:
                pooled = np.zeros((len(texts), forward.pooled.shape[1]), dtype=np.float32)
            logits[batch], pooled[batch] = forward.logits, forward.pooled
        return logits, pooled

    def logits(self, texts: Sequence[str]) -> npt.NDArray[Any]:
        """Raw logits, float64 [N, categories]."""
        return self.outputs(texts)[0]

    def scope(self, logits: npt.NDArray[Any], pooled: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Out-of-scope score, float64 [N] in 0..1, from raw logits and pooled vectors."""
        distances = None
        if self._space is not None:
            distances = self._space.distances(pooled)
        features = scope_features(logits, self.facts.temperature, distances)
        return out_of_scope_score(features, self.facts.out_of_scope)

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text is longer than the model reads, in order."""
        return [encoded.truncated for encoded in self._encoder.encode(texts)]

    def _prediction(
        self,
        encoded: Encoded,
        attended: Attended,
        scores: npt.NDArray[Any],
        scope: float,
        pooled: npt.NDArray[Any],
    ) -> Prediction:
        ranked = np.argsort(-scores, kind="stable")
        category = self.facts.labels[ranked[0]]
        norm = float(np.linalg.norm(pooled))
        empty = unreadable(encoded)
        best = sorted(attended.words, key=lambda word: (-word.score, word.start))[:MOST_WORDS]
        return Prediction(
            category=category,
            confidence=float(scores[ranked[0]]),
            alternatives=tuple((self.facts.labels[i], float(scores[i])) for i in ranked),
            words=() if empty else tuple(best),
            out_of_scope=1.0 if empty else scope,
            embedding=(pooled / norm if norm else pooled).astype(np.float32),
            model_version=self.facts.version,
            truncated=encoded.truncated,
            threshold=self.facts.threshold_of(category),
            candidates=self._candidates(ranked, scores),
        )

    def _candidates(self, ranked: npt.NDArray[Any], scores: npt.NDArray[Any]) -> tuple[str, ...]:
        parameters = self.facts.prediction_set
        if parameters is None:
            return ()
        size = int(prediction_set_size(scores[ranked], parameters))
        return tuple(self.facts.labels[i] for i in ranked[:size])
