"""A classifier whose model is being loaded: questions may be asked already, and wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from classifier.contract import (
    Classifier,
    ClassifierUnavailable,
    Explanation,
    ExplanationMethod,
    ModelControl,
    ModelInfo,
    Picture,
    Prediction,
    Versions,
)

_PATIENCE = 20.0
"""Seconds that a question waits: a first model is fitted for longer, and callers have other things to do."""

_Loaded = tuple[Classifier, ModelControl]


class StartingClassifier:
    """Hands on to the classifier and the control that are being loaded.

    Args:
        loading: ends with them, or with the reason why there are none.
        patience: seconds after which a question that waits is told to come back.
    """

    def __init__(self, loading: asyncio.Future[_Loaded], patience: float = _PATIENCE) -> None:
        self._loading = loading
        self._patience = patience

    async def loaded(self) -> _Loaded:
        """Wait until the model answers.

        Raises:
            ClassifierError: it cannot be loaded, or whatever else the loading raises.
        """
        return await asyncio.shield(self._loading)

    async def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """Answer each text, in order."""
        return await (await self._ready())[0].classify(texts)

    async def explain(
        self, text: str, method: ExplanationMethod = "leave_one_out", *, seconds: float | None = None
    ) -> Explanation:
        """Say which words decided."""
        return await (await self._ready())[0].explain(text, method, seconds=seconds)

    async def picture(
        self, text: str, *, title: str = "", dark: bool = False, seconds: float | None = None
    ) -> Picture:
        """Draw the words that decided."""
        return await (await self._ready())[0].picture(text, title=title, dark=dark, seconds=seconds)

    async def model(self) -> ModelInfo:
        """Say which model answers."""
        return await (await self._ready())[0].model()

    async def activate(self, version: str) -> str:
        """Let a version answer."""
        return await (await self._ready())[1].activate(version)

    async def rollback(self) -> str:
        """Let the version before answer."""
        return await (await self._ready())[1].rollback()

    async def versions(self) -> Versions:
        """Say which versions there are."""
        return await (await self._ready())[1].versions()

    async def close(self) -> None:
        """Nothing: who loads closes."""

    async def _ready(self) -> _Loaded:
        if not self._loading.done():
            await asyncio.wait([self._loading], timeout=self._patience)
        if not self._loading.done() or self._loading.cancelled() or self._loading.exception() is not None:
            raise ClassifierUnavailable("the model is being loaded: try again shortly", retry_after=2.0)
        return self._loading.result()


@asynccontextmanager
async def starting(opened: AbstractAsyncContextManager[_Loaded]) -> AsyncIterator[StartingClassifier]:
    """Load a model beside what is done in the block; leave its context behind the block.

    Args:
        opened: is entered in a task; what it yields answers.
    """
    loaded: asyncio.Future[_Loaded] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def hold() -> None:
        try:
            async with opened as found:
                loaded.set_result(found)
                await over.wait()
        except Exception as error:  # whoever waits for the model is told
            if loaded.done():
                raise
            loaded.set_exception(error)
            loaded.exception()  # asyncio complains of one that nobody looked at

    holding = asyncio.create_task(hold())
    try:
        yield StartingClassifier(loaded)
    finally:
        over.set()
        if not loaded.done():
            holding.cancel()
        await asyncio.wait([holding])
        if not holding.cancelled():
            holding.result()
