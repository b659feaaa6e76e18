"""What a contender is told, and how a turn of it is timed. Imports nothing heavy: see contender."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.timing import percentiles

BATCH = 32
PADDED_TO = 128


@dataclass(frozen=True, slots=True)
class Spec:
    """What a contender is.

    Attributes:
        module: below benchmarks.serving, that holds the class.
        name: of the class, which takes the Spec.
        folder: the model directory.
        texts: sets of texts by name; each turn is over one of them.
        labelled: (text, label) to fit simpler models to.
        padded: whether every text is padded to PADDED_TO tokens.
        bf16: whether torch computes in bfloat16; ours chooses by itself.
    """

    module: str
    name: str
    folder: str
    texts: dict[str, list[str]]
    labelled: list[tuple[str, str]]
    padded: bool = False
    bf16: bool = False


class Contender:
    """What a process of its own does when it is asked: by itself, one batch at a time in this thread."""

    sorts = False
    """Whether it gets batches of texts of like length, in random order."""

    def classify(self, texts: list[str]) -> list[str]:
        """Category of each text, in order."""
        raise NotImplementedError

    def notes(self) -> dict[str, Any]:
        """What a reader of its figures should know."""
        return {}

    def turn(
        self, texts: list[str], *, batch: int, callers: int, seconds: float, start: int
    ) -> dict[str, Any]:
        """Answer texts for so many seconds, or each of them once: see `timed`. There is one caller."""
        del callers
        return timed(
            self.classify, batches(texts, batch, start=start, sort=self.sorts and batch > 1), seconds=seconds
        )

    def answers(self, texts: list[str]) -> dict[str, Any]:
        """{"categories": [...], "words": [[[start, end], ...], ...]}, words where it tells them."""
        parts = (texts[at : at + BATCH] for at in range(0, len(texts), BATCH))
        return {"categories": [category for part in parts for category in self.classify(part)]}

    def open_loop(self, texts: list[str], *, rate: float, seconds: float, seed: int) -> dict[str, Any]:
        """Single messages at Poisson arrivals: see loops.Observed.as_dict. Is asked of ours alone."""
        raise NotImplementedError

    def close(self) -> None:
        """Give back what it holds."""


def batches(texts: Sequence[str], size: int, *, start: int = 0, sort: bool = False) -> list[list[str]]:
    """Every text once, in batches.

    Args:
        texts: in the order of asking.
        size: of a batch; the last one may be smaller.
        start: position of the first text. Sorted, it seeds the order of the batches.
        sort: whether to make batches of texts of like length, shuffled, so that a turn that ends early has
            seen short and long ones.
    """
    ordered = sorted(texts, key=len) if sort else [*texts[start:], *texts[:start]]
    cut = [ordered[at : at + size] for at in range(0, len(ordered), size)]
    if sort:
        random.Random(start).shuffle(cut)  # noqa: S311  # not a secret  # nosec B311
    return cut


def timed(
    classify: Callable[[list[str]], Any], parts: Sequence[list[str]], *, seconds: float
) -> dict[str, Any]:
    """Answer some texts that are not timed, then the batches until the time is over; at least one.

    Returns:
        messages, seconds, rate (messages a second), percentiles of one call's time.
    """
    classify(parts[0][:BATCH])
    messages, calls = 0, []
    began = last = time.perf_counter()
    for part in parts:
        classify(part)
        now = time.perf_counter()
        calls.append(now - last)
        messages, last = messages + len(part), now
        if last - began >= seconds:
            break
    return {
        "messages": messages,
        "seconds": last - began,
        "rate": messages / (last - began),
        **percentiles(calls),
    }
