"""Which model version answers: looked up and changed from outside, while requests run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING

from classifier.contract import ClassifierError, ClassifierUnavailable, UnknownVersion, Versions
from classifier.model.registry import Registry

if TYPE_CHECKING:
    from classifier.serving.engine import LocalClassifier
    from classifier.serving.registry_watcher import RegistryWatcher

_log = logging.getLogger(__name__)


class RegistryControl:
    """Changes the version of a LocalClassifier and of its registry together.

    The model is loaded and warm before anything changes, so no request waits for it and a broken one changes
    nothing. The registry follows; other processes that watch it then follow, too.
    """

    def __init__(self, registry: Registry, classifier: LocalClassifier, watcher: RegistryWatcher) -> None:
        """Control a classifier.

        Args:
            registry: where the versions are.
            classifier: what answers.
            watcher: follows the registry for the same classifier; it does not look while a change is under
                way, or it would swap the old model back before the registry names the new one.
        """
        self._registry = registry
        self._classifier = classifier
        self._changing = watcher.changing
        self._under_way: set[asyncio.Task[str]] = set()

    async def activate(self, version: str) -> str:
        """Load and warm a version, then let it answer."""
        return await self._to_its_end(self._activate(version))

    async def rollback(self) -> str:
        """Load and warm the version that answered before, then let it answer."""
        return await self._to_its_end(self._rollback())

    async def versions(self) -> Versions:
        """Say which versions are on disk, and which one is active."""
        names = await asyncio.to_thread(self._registry.list)
        return Versions(names, await asyncio.to_thread(self._registry.active))

    async def _to_its_end(self, change: Coroutine[None, None, str]) -> str:
        """A change that began is finished, also when its caller goes away."""
        task = asyncio.ensure_future(change)
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[str]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.warning("the active version was not changed: %s", task.exception())

    async def _activate(self, version: str) -> str:
        if not await asyncio.to_thread(self._registry.path(version).is_dir):
            raise UnknownVersion(f"no version {version}: GET /v1/models names those there are")
        async with self._changing:
            await self._change(version, lambda: self._registry.activate(version))
        return version

    async def _rollback(self) -> str:
        async with self._changing:
            version = await asyncio.to_thread(self._registry.previous)
            await self._change(version, self._registry.rollback)
            # another process may have changed the registry meanwhile: what it says now counts
            active = await asyncio.to_thread(self._registry.active) or version
            await self._swap(active)
        return active

    async def _change(self, version: str, record: Callable[[], object]) -> None:
        """Let a version answer and write that down, both or neither."""
        before = (await self._classifier.model()).version
        await self._swap(version)
        try:
            await asyncio.to_thread(record)
        except (ClassifierError, OSError) as error:
            await self._swap(before)
            if isinstance(error, OSError):
                raise ClassifierUnavailable(f"the registry cannot be written: {error.strerror}") from error
            raise

    async def _swap(self, version: str) -> None:
        if (await self._classifier.model()).version != version:
            await self._classifier.swap(self._registry.path(version))
