"""Texts in, predictions out, synchronously: before the network, the network, after it. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.calibration.conformal import prediction_set_size
from classifier.calibration.scores import out_of_scope_score, probabilities, scope_features
from classifier.calibration.vectors import unit
from classifier.contract import ModelInfo, Prediction
from classifier.inference.backends import Backend, Forward
from classifier.model.metadata import ModelFacts
from classifier.model.neighbor_smoothing import Surroundings
from classifier.model.ood_distance import ScopeSpace
from classifier.text.tokenize import Encoded, TextEncoder, batches_by_budget, cheapest_batches, unreadable
from classifier.text.words import Attended, attended_words

MOST_WORDS = 12
"""Words that a prediction carries: more than a person looks at."""


class Predictor:
    """A model ready to answer. For one thread at a time."""

    def __init__(
        self,
        facts: ModelFacts,
        texts: TextEncoder,
        backend: Backend,
        *,
        scope: ScopeSpace | None = None,
        around: tuple[Surroundings, npt.NDArray[Any]] | None = None,
        batch_tokens: int = 4096,
        batch_overhead: int = 0,
    ) -> None:
        """Put the parts together.

        Args:
            facts: what the model says about itself.
            texts: tokenizes for this predictor alone.
            backend: what runs the network.
            scope: the space of the out-of-scope distance, in models that have one.
            around: the messages around, and the head's weight [categories, hidden], in models that have them.
            batch_tokens: padded tokens in one forward pass at most.
            batch_overhead: what a pass costs beside its padded tokens, in tokens; 0: not known, and batches
                are as large as they may be.
        """
        self.facts = facts
        self.backend = backend
        self.texts = texts
        self._batch_tokens, self._batch_overhead = batch_tokens, batch_overhead
        self._space, self._around = scope, around

    @property
    def shape(self) -> str:
        """What decides how long a message takes, see `TrainedModel.shape`; empty where it is not known."""
        return ""

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
        encoded = self.texts.encode(texts)
        answers: dict[int, tuple[Prediction, Attended]] = {}
        for batch in self._batches(encoded):
            members = [encoded[i] for i in batch]
            forward = self.backend.forward(members)
            answers |= zip(batch, self._answers(members, forward, plain=plain), strict=True)
        return [answers[position] for position in range(len(texts))]

    def _batches(self, encoded: Sequence[Encoded]) -> Iterable[list[int]]:
        lengths = [len(text.ids) for text in encoded]
        if not self._batch_overhead:
            return batches_by_budget(lengths, self._batch_tokens)
        return cheapest_batches(lengths, self._batch_tokens, self._batch_overhead)

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """The texts as the network gets them, in order."""
        return self.texts.encode(texts)

    def outputs(self, texts: Sequence[str]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """(logits float64 [N, categories], among the messages around, pooled vectors float32 [N, hidden])."""
        encoded = self.texts.encode(texts)
        logits = np.zeros((len(texts), len(self.facts.labels)))
        pooled: npt.NDArray[Any] = np.zeros((0, 0), dtype=np.float32)
        for batch in batches_by_budget([len(e.ids) for e in encoded], self._batch_tokens):
            forward = self.backend.forward([encoded[i] for i in batch])
            if not pooled.size:
                pooled = np.zeros((len(texts), forward.pooled.shape[1]), dtype=np.float32)
            logits[batch], pooled[batch] = self._settled(forward), forward.pooled
        return logits, pooled

    def logits(self, texts: Sequence[str]) -> npt.NDArray[Any]:
        """Logits before the temperature, float64 [N, categories]."""
        return self.outputs(texts)[0]

    def scope(
        self,
        logits: npt.NDArray[Any],
        pooled: npt.NDArray[Any],
        distances: npt.NDArray[Any] | None = None,
    ) -> npt.NDArray[Any]:
        """Out-of-scope score, float64 [N] in 0..1.

        Args:
            logits: [N, categories], as `outputs` gives them.
            pooled: [N, hidden].
            distances: [N] in the scope space, where they are known.
        """
        if self._space is None:
            distances = None
        elif distances is None:
            distances = self._space.distances(pooled)
        features = scope_features(logits, self.facts.temperature, distances)
        return out_of_scope_score(features, self.facts.out_of_scope)

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text is longer than the model reads, in order."""
        return [encoded.truncated for encoded in self.texts.encode(texts)]

    def _settled(self, forward: Forward) -> npt.NDArray[Any]:
        """A batch's logits, among the messages around where the model has some."""
        if self._around is None:
            return forward.logits
        surroundings, weight = self._around
        return surroundings.settled(forward.logits, forward.pooled, weight)

    def _answers(
        self, members: Sequence[Encoded], forward: Forward, *, plain: bool
    ) -> Iterator[tuple[Prediction, Attended]]:
        """What a batch's members are answered, in order."""
        logits = self._settled(forward)
        scores = probabilities(logits, self.facts.temperature)
        scope = self.scope(logits, forward.pooled, forward.distances).tolist()
        order = np.argsort(-scores, axis=1, kind="stable")
        ranked = np.take_along_axis(scores, order, axis=1)
        sizes = self._sizes(ranked)
        embeddings = unit(forward.pooled).astype(np.float32)
        for row, member in enumerate(members):
            scored = None if forward.scored is None or plain else forward.scored[row]
            attended = attended_words(member, forward.received[row], scored)
            empty = unreadable(member)
            best = sorted(attended.words, key=lambda word: (-word.score, word.start))[:MOST_WORDS]
            labels = [self.facts.labels[at] for at in order[row].tolist()]
            shares = ranked[row].tolist()
            yield (
                Prediction(
                    category=labels[0],
                    confidence=shares[0],
                    alternatives=tuple(zip(labels, shares, strict=True)),
                    words=() if empty else tuple(best),
                    out_of_scope=1.0 if empty else scope[row],
                    embedding=embeddings[row],
                    model_version=self.facts.version,
                    truncated=member.truncated,
                    threshold=self.facts.threshold_of(labels[0]),
                    candidates=tuple(labels[: sizes[row]]),
                    recall_threshold=self.facts.recall_threshold,
                    recall_near=self.facts.recall_near,
                    languages=self.facts.languages,
                ),
                attended,
            )

    def _sizes(self, ranked: npt.NDArray[Any]) -> list[int]:
        """[B] sizes of the prediction sets, from probabilities in falling order [B, categories]."""
        parameters = self.facts.prediction_set
        if parameters is None:
            return [0] * len(ranked)
        sizes: list[int] = prediction_set_size(ranked, parameters).tolist()
        return sizes
