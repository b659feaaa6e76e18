"""Where a retraining works on disk, so that whatever a killed one left behind is known and removed.

home/.runs/<run id>-<fence>/    of one holder of one run
├── .training/                  the training's checkpoint; the next holder of the same run goes on from it
├── <version>/                  the candidate, until the parent moves it into the registry by one rename
└── ADOPTED                     that version's name, written before the move
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import structlog

from classifier.model.registry import VERSION, Registry
from storage.database import Database

RUNS, CHECKPOINT, ADOPTED = ".runs", ".training", "ADOPTED"
UNKNOWN_SECONDS = 24 * 3600.0
"""A folder of a run that the database does not know may be another database's; after a day it is nobody's."""
PARTIAL_SECONDS = 3600.0
"""Nothing is written for so long: a partial file or directory of that age was left behind."""

log = structlog.get_logger(__name__)
_FOLDER = re.compile("([0-9a-f]{32})-([0-9]+)")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one holder of one run.

    Attributes:
        registry: into whose home it belongs.
        run_id: of the run.
        fence: of the holder: an earlier holder that is still at work has a folder of its own.
    """

    registry: Registry
    run_id: UUID
    fence: int

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.registry.home / RUNS / f"{self.run_id.hex}-{self.fence}"

    def make(self) -> None:
        """Make it, and take over the checkpoint of the holder before."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        for fence in range(self.fence - 1, 0, -1):
            before = RunFolder(self.registry, self.run_id, fence).path / CHECKPOINT
            if before.is_dir() and not (self.path / CHECKPOINT).exists():
                before.rename(self.path / CHECKPOINT)

    def adopt(self, version: str) -> None:
        """Move the candidate into the registry. A kill in between leaves what `clean` recognises."""
        if self.registry.path(version).exists():
            return
        note = self.path / ADOPTED
        with note.open("w", encoding="utf-8") as file:
            file.write(version)
            file.flush()
            os.fsync(file.fileno())
        self.registry.adopt(self.path / version)

    def remove(self) -> None:
        """Remove it with all that is in it; what was adopted is in the registry."""
        shutil.rmtree(self.path, ignore_errors=True)


def folders(registry: Registry) -> list[RunFolder]:
    """The folders of all runs in a registry."""
    home = registry.home / RUNS
    names = [entry.name for entry in home.iterdir()] if home.is_dir() else []
    matches = filter(None, map(_FOLDER.fullmatch, sorted(names)))
    return [RunFolder(registry, UUID(match[1]), int(match[2])) for match in matches]


def adopted(found: Iterable[RunFolder]) -> set[str]:
    """The versions that were moved, or were about to be, from these folders."""
    versions = set()
    for folder in found:
        note = folder.path / ADOPTED
        version = note.read_text(encoding="utf-8").strip() if note.is_file() else ""
        if VERSION.fullmatch(version):
            versions.add(version)
    return versions


async def prepare(folder: RunFolder, database: Database, now: datetime) -> None:
    """Make the folder of a run that was claimed, and remove what dead runs left behind."""
    registry = folder.registry
    await asyncio.to_thread(folder.make)
    found = await asyncio.to_thread(folders, registry)
    versions = await asyncio.to_thread(adopted, found)
    async with database.reader() as work:
        held = {*await work.runs.holds(now=now), (folder.run_id, folder.fence)}
        known_runs = await work.runs.known({one.run_id for one in found})
        known_versions = await work.models.known(versions)
    gone = await asyncio.to_thread(clean, registry, held, known_runs, known_versions, time.time())
    if gone:
        log.info("retraining_leftovers_removed", names=gone)


def clean(
    registry: Registry,
    held: Collection[tuple[UUID, int]],
    known_runs: Collection[UUID],
    known_versions: Collection[str],
    now: float,
) -> list[str]:
    """Remove what dead runs left behind; return the names.

    Args:
        registry: to clean.
        held: (run, fence) that are worked on now; their folders stay.
        known_runs: runs of the database; other folders stay for a day.
        known_versions: versions of the database; these and those that the registry mentions stay.
        now: seconds since the epoch.
    """
    dead = [
        folder
        for folder in folders(registry)
        if (folder.run_id, folder.fence) not in held
        and (folder.run_id in known_runs or _age(folder.path, now) > UNKNOWN_SECONDS)
    ]
    stay = {*known_versions, *registry.mentioned()}
    gone = []
    for version in sorted(adopted(dead) - stay):
        if registry.path(version).exists():
            shutil.rmtree(registry.path(version), ignore_errors=True)
            gone.append(version)
    for folder in dead:
        folder.remove()
        gone.append(folder.path.name)
    return [*gone, *_clean_partials(registry.home, now)]


def _clean_partials(home: Path, now: float) -> list[str]:
    """Remove half-written files of processes that were killed long ago, and checkpoints of older releases."""
    gone = []
    old = [*home.glob(".*.partial"), home / CHECKPOINT]
    remove: Callable[[Path], object]
    for path in old:
        if path.exists() and _age(path, now) > PARTIAL_SECONDS:
            remove = shutil.rmtree if path.is_dir() else Path.unlink
            remove(path)
            gone.append(path.name)
    return gone


def _age(path: Path, now: float) -> float:
    """Seconds since anything directly in it was written."""
    try:
        times = [entry.stat().st_mtime for entry in path.iterdir()] if path.is_dir() else []
        return now - max([path.stat().st_mtime, *times])
    except OSError:  # gone meanwhile
        return 0.0
