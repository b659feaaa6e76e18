"""`/retrain rollback` with real models, in one process and over HTTP: nobody's message fails meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from classifier.client.client import RemoteClassifier
from classifier.model.registry import Registry
from classifier.serving.control import RegistryControl
from classifier.serving.engine import LocalClassifier
from classifier.serving.http.asgi import create_service
from classifier.serving.http.server import serving
from classifier.serving.registry_watcher import RegistryWatcher
from tests.factories.tiny_bert import tiny_bert, tiny_model
from tests.factories.world import ANNA, HELP, World, make_world, text_of

SECONDS = 10.0
"""A rollback is said to take less."""


@asynccontextmanager
async def two_models(
    database_url: str, tmp_path: Path, *, remote: bool
) -> AsyncIterator[tuple[World, Registry, RemoteClassifier | LocalClassifier]]:
    """A bot whose second model answers; the classifier in its process, or a service behind HTTP."""
    base, registry = tiny_bert(tmp_path / "base"), Registry(tmp_path / "models")
    for seed in (0, 1):
        registry.activate(registry.publish(tiny_model(base, seed=seed, epochs=1)))
    path = registry.active_path()
    assert path is not None
    async with AsyncExitStack() as stack:
        engine = await LocalClassifier.open(path)
        stack.push_async_callback(engine.close)
        watcher = RegistryWatcher(registry, engine, 0.05)
        control = RegistryControl(registry, engine, watcher)
        watching = asyncio.create_task(watcher.run())
        stack.callback(watching.cancel)
        asked: RemoteClassifier | LocalClassifier = engine
        models: RemoteClassifier | RegistryControl = control
        if remote:
            service = create_service(engine, "secret", control)
            host, port = await stack.enter_async_context(serving(service))
            asked = models = RemoteClassifier(f"http://{host}:{port}", "secret", timeout=60)
            stack.push_async_callback(models.close)
        world = await stack.enter_async_context(make_world(database_url, classifier=asked, models=models))
        yield world, registry, asked


@pytest.mark.drill("rollback")
@pytest.mark.parametrize("remote", [False, True], ids=["in the process", "over HTTP"])
async def test_a_rollback_takes_seconds_and_no_request_fails(
    sqlite_url: str, tmp_path: Path, remote: bool, measured: Callable[[str], None]
):
    async with two_models(sqlite_url, tmp_path, remote=remote) as (world, registry, asked):
        new = str(registry.active())
        old = registry.previous()
        stop, versions, failed = asyncio.Event(), set[str](), list[Exception]()

        async def ask() -> int:
            count = 0
            while not stop.is_set():
                try:
                    versions.update(p.model_version for p in await asked.classify(["my vpn", "a refund"]))
                    count += 1
                except Exception as error:  # noqa: BLE001 - whatever it is, it is a failure
                    failed.append(error)
            return count

        askers = [asyncio.create_task(ask()) for _ in range(3)]
        began = time.monotonic()
        await world.playground.run_command(ANNA, HELP, "/retrain", "rollback")
        answer = await world.private(ANNA, lambda text: "answers now" in text)
        took = time.monotonic() - began
        await world.playground.run_command(ANNA, HELP, "/retrain", f"rollback {new}")
        await world.private(ANNA, lambda text: f"{new}` answers now" in text)
        stop.set()
        counts = await asyncio.gather(*askers)
        assert f"`{old}` answers now" in text_of(answer)
        assert failed == []
        assert min(counts) > 0
        assert versions == {old, new}
        assert took < SECONDS
        assert registry.active() == new
        assert (await asked.model()).version == new
        where = "over HTTP" if remote else "in the process"
        measured(f"{where}: {took:.1f} s, {sum(counts)} requests: 0 failed")
