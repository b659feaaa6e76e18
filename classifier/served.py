"""A model behind the real service on a loopback port, asked from code that is not asynchronous."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from classifier.client import RemoteClassifier
from classifier.contract import Prediction
from classifier.deciding import Ask
from classifier.engine import EngineSettings, LocalClassifier
from classifier.service import create_service

_START_SECONDS = 120.0


@contextmanager
def served(folder: Path, settings: EngineSettings | None = None) -> Iterator[Ask]:
    """Serve a model directory while the block runs.

    Args:
        folder: of the model.
        settings: of what runs it; None: as the service runs it by default.

    Yields:
        What asks the service over HTTP.

    Raises:
        BrokenModel: the directory cannot be loaded.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="served", daemon=True)
    thread.start()
    try:
        service = _Service(folder, settings)
        asyncio.run_coroutine_threadsafe(service.start(), loop).result(_START_SECONDS)
        try:
            yield lambda texts: asyncio.run_coroutine_threadsafe(service.ask(texts), loop).result()
        finally:
            asyncio.run_coroutine_threadsafe(service.stop(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Service:
    def __init__(self, folder: Path, settings: EngineSettings | None) -> None:
        self._folder, self._settings = folder, settings

    async def start(self) -> None:
        self._engine = await LocalClassifier.open(self._folder, self._settings)
        config = uvicorn.Config(create_service(self._engine, None), host="127.0.0.1", port=0, log_config=None)
        listening = config.bind_socket()
        self._server = uvicorn.Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listening]))
        port = listening.getsockname()[1]
        self._remote = RemoteClassifier(f"http://127.0.0.1:{port}", timeout=60.0)

    async def ask(self, texts: Sequence[str]) -> list[Prediction]:
        return await self._remote.classify(texts)

    async def stop(self) -> None:
        await self._remote.close()
        self._server.should_exit = True
        await self._serving
        await self._engine.close()
