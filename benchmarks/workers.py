"""Trainings side by side: two processes of one thread do far more than one process of two."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

from classifier.model.hardware import cores

Key = TypeVar("Key")
Value = TypeVar("Value")


def threads_each(workers: int) -> int:
    """CPU threads for each of so many workers; 0, as torch sees fit, for a single one."""
    return max(1, cores() // workers) if workers > 1 else 0


def side_by_side(tasks: Mapping[Key, Callable[[], Value]], workers: int) -> Iterator[tuple[Key, Value]]:
    """Run tasks, and yield each outcome as it comes.

    Args:
        tasks: by name, longest first; they must be picklable where there are several workers.
        workers: processes; 1: this one.

    Raises:
        Exception: what a task raised; those that have not begun are cancelled.
    """
    if workers == 1:
        for key, task in tasks.items():
            yield key, task()
        return
    # a forked child would inherit torch's threads in an unknown state
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(task): key for key, task in tasks.items()}
        try:
            for done in as_completed(running):
                yield running[done], done.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def say(line: str) -> None:
    """Print a line about what is under way."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
