"""A classifier for tests: it answers by keyword, keeps the whole contract and needs no weights."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from classifier.contract import (
    ClassifierError,
    ClassifierUnavailable,
    Decisive,
    Explanation,
    ExplanationMethod,
    InvalidInput,
    ModelInfo,
    Picture,
    Prediction,
    Word,
)
from classifier.explanation.counterfactual import decision_of

_WORD = re.compile(r"\w+(?:['’-]\w+)*")


class ScriptedClassifier:
    """Answers by keyword: a text that contains "vpn" is "network" where the script says so.

    The first keyword of the script that occurs in the text (in any case) wins with `confidence`. A text
    without one is spread evenly over the categories and mostly out of scope.

    Attributes:
        seen: every text that was asked about, in order.
        version: the model version that answers carry; assign to play a swap.
        recall_threshold, recall_near: similarities of the memory; above 1 only the same words are remembered.
        gate: while it is not set, answers wait; `gate.clear()` plays a slow classifier.
    """

    def __init__(
        self,
        keywords: Mapping[str, str],
        *,
        labels: Sequence[str] = (),
        confidence: float = 0.95,
        threshold: float = 0.5,
        version: str = "20260101T000000Z-script",
        hidden: int = 16,
        recall_threshold: float = 2.0,
        recall_near: float = 2.0,
    ) -> None:
        self.keywords = {keyword.lower(): category for keyword, category in keywords.items()}
        self.labels = tuple(sorted({*labels, *keywords.values()}))
        self.confidence = confidence
        self.threshold = threshold
        self.version = version
        self.recall_threshold = recall_threshold
        self.recall_near = recall_near
        self.hidden = hidden
        self.seen: list[str] = []
        self.closed = False
        self.gate = asyncio.Event()
        self.gate.set()
        self._failures: list[ClassifierError] = []

    def fail_next(self, error: ClassifierError | None = None, *, times: int = 1) -> None:
        """Let the next `times` calls raise `error`, ClassifierUnavailable where none is given."""
        self._failures += [error or ClassifierUnavailable()] * times

    def learn(self, keyword: str, category: str) -> None:
        """Add a keyword that wins over the earlier ones, as a retraining would."""
        self.keywords = {keyword.lower(): category, **self.keywords}
        self.labels = tuple(sorted({*self.labels, category}))

    async def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """Answer each text by keyword."""
        await self._enter()
        self.seen += texts
        return [self._predict(text) for text in texts]

    async def explain(
        self, text: str, method: ExplanationMethod = "leave_one_out", *, seconds: float | None = None
    ) -> Explanation:
        """Explain by the keyword: without it, the answer is another one. Takes no time."""
        del seconds
        await self._enter()
        if method not in ("attention", "leave_one_out"):
            raise InvalidInput(f"no method {method!r}: use attention or leave_one_out")
        prediction = self._predict(text)
        removed = tuple(word.text for word in prediction.words[:1])
        without = self._predict(_without(text, prediction.words[:1]))
        return Explanation(
            prediction=prediction,
            method=method,
            words=tuple(sorted(prediction.words, key=lambda word: word.start)),
            removed=removed,
            probability_without=dict(without.alternatives)[prediction.category],
            category_without=without.category,
            hidden_attention=0.1,
            decisive=self._decisive(prediction, without) if method == "leave_one_out" else None,
            tried=len(prediction.words) if method == "leave_one_out" else 0,
            read=len(prediction.words),
        )

    async def picture(
        self, text: str, *, title: str = "", dark: bool = False, seconds: float | None = None
    ) -> Picture:
        """Draw what `explain` says."""
        del seconds
        from classifier.explanation.heatmap import picture_of  # noqa: PLC0415 - as the real one does

        return picture_of(text, await self.explain(text), title=title, dark=dark)

    @staticmethod
    def _decisive(prediction: Prediction, without: Prediction) -> Decisive | None:
        if decision_of(without) == decision_of(prediction):
            return None
        return Decisive(
            words=prediction.words[:1],
            category=decision_of(without),
            probability=dict(without.alternatives)[prediction.category],
            probability_of_new=without.confidence,
            out_of_scope=without.out_of_scope,
            smallest=True,
        )

    async def model(self) -> ModelInfo:
        """Describe the script as a model."""
        await self._enter()
        return ModelInfo(
            version=self.version,
            kind="scripted",
            labels=self.labels,
            base_model="scripted",
            threshold=self.threshold,
        )

    async def close(self) -> None:
        """Answer no more."""
        self.closed = True

    async def _enter(self) -> None:
        if self.closed:
            raise ClassifierUnavailable("the classifier is closed")
        if self._failures:
            raise self._failures.pop(0)
        await self.gate.wait()

    def _predict(self, text: str) -> Prediction:
        lowered = text.lower()
        keyword = next((keyword for keyword in self.keywords if keyword in lowered), None)
        known = keyword is not None and len(lowered) == len(text)
        others = len(self.labels) - 1
        if keyword is not None:
            winner = self.keywords[keyword]
            rest = (1 - self.confidence) / others if others else 0.0
            probabilities = dict.fromkeys(self.labels, rest) | {winner: self.confidence if others else 1.0}
        else:
            probabilities = dict.fromkeys(self.labels, 1 / len(self.labels))
        ranked = sorted(probabilities.items(), key=lambda pair: (-pair[1], pair[0]))
        at = lowered.index(keyword) if known and keyword is not None else -1
        words = _words(text, at, len(keyword or ""))
        return Prediction(
            category=ranked[0][0],
            confidence=ranked[0][1],
            alternatives=tuple(ranked),
            words=words,
            out_of_scope=1.0 if not words else 0.05 if keyword is not None else 0.9,
            embedding=_embed(text, self.hidden),
            model_version=self.version,
            threshold=self.threshold,
            candidates=_likely(ranked),
            recall_threshold=self.recall_threshold,
            recall_near=self.recall_near,
        )


def _likely(ranked: Sequence[tuple[str, float]]) -> tuple[str, ...]:
    """The best category, and what is at least a tenth as likely as an even spread."""
    floor = 0.1 / len(ranked)
    return tuple(slug for rank, (slug, share) in enumerate(ranked) if not rank or share >= floor)


def _words(text: str, at: int, length: int) -> tuple[Word, ...]:
    """The words of the text, those that the keyword touches first."""
    found = [(match.group(), match.start(), match.end()) for match in _WORD.finditer(text)]
    touched = [at >= 0 and start < at + length and at < end for _, start, end in found]
    total = sum(10 if hit else 1 for hit in touched)
    scored = [
        Word(word, start, end, (10 if hit else 1) / total)
        for (word, start, end), hit in zip(found, touched, strict=True)
    ]
    return tuple(sorted(scored, key=lambda word: (-word.score, word.start)))


def _without(text: str, words: Sequence[Word]) -> str:
    for word in sorted(words, key=lambda word: -word.start):
        text = text[: word.start] + text[word.end :]
    return text


def _embed(text: str, hidden: int) -> npt.NDArray[np.float32]:
    """A bag of hashed words: texts with the same words lie close to each other."""
    vector = np.zeros(hidden, dtype=np.float32)
    for match in _WORD.finditer(text.lower()):
        vector[zlib.crc32(match.group().encode()) % hidden] += 1
    norm = float(np.linalg.norm(vector))
    return vector / np.float32(norm) if norm else vector
