"""Ours as a contender: LocalClassifier as the service has it, asked by one caller or by many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.serving.loops import Outcome, run_closed_loop, run_open_loop
from benchmarks.timing import poisson_arrivals
from benchmarks.turns import BATCH, Contender, Spec, batches
from classifier.contract import ClassifierOverloaded
from classifier.serving.engine import EngineSettings, LocalClassifier

_Result = TypeVar("_Result")
_AT_ONCE = 128
_ALONE = 256


class Ours(Contender):
    """Text to label and words, with the product's default settings."""

    def __init__(self, spec: Spec) -> None:
        self._loop = asyncio.new_event_loop()
        self._classifier = self._run(LocalClassifier.open(Path(spec.folder), EngineSettings()))

    def notes(self) -> dict[str, Any]:
        """The backend that the engine chose."""
        return {"backend": self._classifier.backend}

    def turn(
        self, texts: list[str], *, batch: int, callers: int, seconds: float, start: int
    ) -> dict[str, Any]:
        """See turns.Contender. Batches come in the order of the texts, unsorted."""
        return self._run(self._closed(batches(texts, batch, start=start), callers, seconds))

    def answers(self, texts: list[str]) -> dict[str, Any]:
        """See turns.Contender; "alone" is the share of texts whose answer is the same without companions."""
        return self._run(self._answers(texts))

    def open_loop(self, texts: list[str], *, rate: float, seconds: float, seed: int) -> dict[str, Any]:
        """See turns.Contender."""
        return self._run(self._open(texts, rate, seconds, seed))

    def close(self) -> None:
        """End the engine."""
        self._run(self._classifier.close())
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return self._loop.run_until_complete(work)

    async def _closed(self, parts: list[list[str]], callers: int, seconds: float) -> dict[str, Any]:
        async def ask(part: list[str]) -> bool:
            return bool(await self._classifier.classify(part))

        await asyncio.gather(*(ask(part[:BATCH]) for part in parts[:callers]))
        sized = ((len(part), part) for part in parts)
        return await run_closed_loop(ask, sized, callers=callers, seconds=seconds)

    async def _answers(self, texts: list[str]) -> dict[str, Any]:
        categories, words = [], []
        for at in range(0, len(texts), _AT_ONCE):
            for prediction in await self._classifier.classify(texts[at : at + _AT_ONCE]):
                categories.append(prediction.category)
                words.append([[word.start, word.end] for word in prediction.words])
        same = 0
        alone = texts[:_ALONE]
        for text, category, spans in zip(alone, categories, words, strict=False):
            [prediction] = await self._classifier.classify([text])
            found = [[word.start, word.end] for word in prediction.words]
            same += prediction.category == category and found[:3] == spans[:3]
        return {"categories": categories, "words": words, "alone": same / max(1, len(alone))}

    async def _open(self, texts: list[str], rate: float, seconds: float, seed: int) -> dict[str, Any]:
        async def ask(number: int) -> Outcome:
            try:
                await self._classifier.classify([texts[number % len(texts)]])
            except ClassifierOverloaded:
                return "refused"
            return "answered"

        observed = await run_open_loop(poisson_arrivals(rate, seconds, seed), ask)
        return {"rate": rate, **observed.as_dict()}
