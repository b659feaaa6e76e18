"""A process that carries out retrainings of the tiny BERT: `python -m tests.factories.retraining_process`.

Tests kill it, and the child that it starts. Arguments: database URL, folder.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from classifier.data.dataset import StarterCategory, StarterPack
from classifier.model.registry import Registry
from classifier.retraining.version_records import keep_mirrored
from classifier.retraining.worker import RetrainWorker
from classifier.settings import ClassifierSettings
from classifier.training.fit import fit_day_one
from storage.database import Database
from tests.factories.tiny_bert import TOPICS, config_for, messages, tiny_bert

OPTIONS = '{"epochs": 12, "learning_rate": 0.005, "sharpness": 0, "soup": 1, "word_scorer": 0}'
CHILD = (
    sys.executable,
    "-c",
    "import sys; from classifier.retraining import run_job; run_job.NICENESS = 0; sys.exit(run_job.main())",
)
"""The real child, which yields the processor to nobody: a test waits for it."""
LEASE = timedelta(seconds=4)
"""Short, so that a test need not wait long for a dead holder's run."""


def pack() -> StarterPack:
    """The tiny BERT's messages as a starter pack."""
    categories = tuple(
        StarterCategory(slug, slug.title(), "key", "", f"team-{slug}") for slug in sorted(TOPICS)
    )
    return StarterPack(categories, tuple(messages(24, out_of_scope=12)), tuple(messages(8, seed=9)))


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)


def prepare(folder: Path) -> Registry:
    """Make the encoder, the options and a registry with an active first model."""
    base = tiny_bert(folder / "base")
    (folder / "options.json").write_text(OPTIONS, encoding="utf-8")
    registry = Registry(folder / "models")
    registry.activate(registry.publish(fit_day_one(pack().train, config_for(base), created=now()).model))
    return registry


async def work(url: str, folder: Path) -> None:
    """Carry out runs until the process is ended."""
    settings = ClassifierSettings(
        _env_file=None,
        model_home=folder / "models",
        base_model=str(folder / "base"),
        max_tokens=32,
        threads=1,
        options=folder / "options.json",
    )
    database = Database(url)
    registry = Registry(folder / "models")
    worker = RetrainWorker(database, registry, settings, pack(), now, lease=LEASE, command=CHILD)
    await asyncio.gather(worker.run(), keep_mirrored(database, registry, now))


def children(pid: int) -> list[int]:
    """The live processes that a process started (Linux)."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [one for one in pids if _stat(one)[1:] == [str(pid)] and alive(one)]


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be noticed does not."""
    return _stat(pid)[:1] not in ([], ["Z"])


def _stat(pid: int) -> list[str]:
    """State and parent of a process; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[:2]
    except OSError:
        return []


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], Path(sys.argv[2])))
