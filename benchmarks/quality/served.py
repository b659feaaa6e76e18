"""A model behind the real service on a loopback port, asked from code that is not asynchronous."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from anyio.from_thread import start_blocking_portal

from classifier.client.client import RemoteClassifier
from classifier.explanation.counterfactual import Ask
from classifier.serving.engine import EngineSettings, LocalClassifier
from classifier.serving.http.asgi import create_service
from classifier.serving.http.server import serving

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
    with (
        start_blocking_portal(name="served") as portal,
        portal.wrap_async_context_manager(_client(folder, settings)) as remote,
    ):
        yield lambda texts: portal.call(remote.classify, texts)


@asynccontextmanager
async def _client(folder: Path, settings: EngineSettings | None) -> AsyncIterator[RemoteClassifier]:
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(_START_SECONDS):
            engine = await LocalClassifier.open(folder, settings)
        stack.push_async_callback(engine.close)
        host, port = await stack.enter_async_context(serving(create_service(engine, None)))
        remote = RemoteClassifier(f"http://{host}:{port}", timeout=60.0)
        stack.push_async_callback(remote.close)
        yield remote
