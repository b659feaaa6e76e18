"""Lets the engine follow the registry."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from classifier.contract import ClassifierError
from classifier.model.registry import Registry
from classifier.serving.engine import LocalClassifier

_log = logging.getLogger(__name__)


class RegistryWatcher:
    """Swaps a LocalClassifier whenever another version becomes active in the registry."""

    def __init__(self, registry: Registry, classifier: LocalClassifier, interval: float = 1.0) -> None:
        """Watch a registry.

        Args:
            registry: whose active version should answer.
            classifier: what answers.
            interval: seconds between two looks.
        """
        self._registry = registry
        self._classifier = classifier
        self._interval = interval
        self._refused: str | None = None
        self.changing = asyncio.Lock()
        """Held during each look of `run`; whoever activates a version himself holds it meanwhile."""

    async def run(self) -> None:
        """Watch until cancelled. A version that cannot be loaded is logged, and the old one stays."""
        while True:
            with contextlib.suppress(OSError):  # a moment without the disk is no reason to stop watching
                async with self.changing:
                    await self.look()
            await asyncio.sleep(self._interval)

    async def look(self) -> str | None:
        """Look once: the name of the version that was swapped in, None where nothing changed."""
        version = self._registry.active()
        if version is None or version == self._refused:
            return None
        if version == (await self._classifier.model()).version:
            self._refused = None
            return None
        try:
            await self._classifier.swap(self._registry.path(version))
        except ClassifierError as error:
            self._refused = version
            _log.error("version %s is active but cannot be loaded, the old one goes on: %s", version, error)
            return None
        self._refused = None
        return version
