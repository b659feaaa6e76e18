"""Lets the model that answers read the labelled tickets, so that it remembers what people said of them."""

from __future__ import annotations

import structlog

from bot.queue.serial_tasks import poll
from bot.workspace import Workspace
from classifier.contract import ClassifierError
from storage.errors import StorageError
from storage.types import vector_to_bytes

log = structlog.get_logger(__name__)

LOOK_SECONDS = 10.0
BATCH = 32
"""Small enough that people's messages do not wait behind it."""

VERSIONS_KEPT = 2
"""The model that answers and the one before, so that a rollback remembers at once."""


class MemoryKeeper:
    """Reads labelled tickets again whenever another model answers, newest first.

    Several replicas may do the same work at once; what is there already stays.
    """

    def __init__(self, workspace: Workspace, *, look_seconds: float = LOOK_SECONDS) -> None:
        self._workspace = workspace
        self._look_seconds = look_seconds

    async def run(self) -> None:
        """Look until cancelled."""
        await poll("memory_refresh", self.refresh, self._look_seconds, ClassifierError, StorageError)

    async def refresh(self) -> int:
        """Bring the memory of the model that answers up to date; return how many tickets it read.

        Raises:
            ClassifierError: no answer now.
            StorageError: the database does not answer.
        """
        version = (await self._workspace.classifier.model()).version
        done = 0
        while read := await self._read_some(version):
            done += read
        await self._tidy(version)
        if done:
            log.info("memory_refreshed", version=version, tickets=done)
        return done

    async def _read_some(self, version: str) -> int:
        space = self._workspace
        team_id = space.identity.team_id
        async with space.database.reader() as work:
            waiting = await work.embeddings.missing(team_id=team_id, model_version=version, limit=BATCH)
        if not waiting:
            return 0
        predictions = await space.classifier.classify([text for _, text in waiting])
        if any(prediction.model_version != version for prediction in predictions):
            return 0  # it was swapped meanwhile: the next look begins with the new one
        async with space.database.unit_of_work() as work:
            for (ticket_id, _), prediction in zip(waiting, predictions, strict=True):
                await work.embeddings.add(
                    team_id=team_id,
                    ticket_id=ticket_id,
                    model_version=version,
                    embedding=vector_to_bytes(prediction.embedding),
                    now=space.clock(),
                )
            await work.commit()
        return len(waiting)

    async def _tidy(self, version: str) -> None:
        space = self._workspace
        team_id = space.identity.team_id
        async with space.database.reader() as work:
            versions = await work.embeddings.versions(team_id=team_id)
        others = [each for each in versions if each != version]
        gone = others[VERSIONS_KEPT - 1 :]
        if not gone:
            return
        async with space.database.unit_of_work() as work:
            await work.embeddings.drop(team_id=team_id, model_versions=gone)
            await work.commit()
