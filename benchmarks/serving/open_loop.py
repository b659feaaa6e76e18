"""Open loop: messages come when they come, whether earlier ones are answered or not.

A closed loop waits for its answers, so that a slow moment also keeps new messages away and hides itself
("coordinated omission"). Here arrivals are drawn beforehand, and each latency counts from the moment at which
the message should have come.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.timing import Floats, percentiles, spread

Outcome = Literal["answered", "refused", "failed"]

Ask = Callable[[int], Coroutine[Any, Any, Outcome]]
"""Asks about message number n, and says what became of it."""

_HEAD_START_SECONDS = 0.05


@dataclass(slots=True)
class Observed:
    """What came of the messages.

    Attributes:
        latencies: seconds from the scheduled arrival to the answer, of those that were answered.
        lags: seconds from the scheduled arrival until the message was sent: the generator's own lateness.
        refused: messages that were turned away because too many waited.
        failed: messages without a right answer for any other reason.
        seconds: from the first scheduled moment to the last answer.
    """

    latencies: array[float] = field(default_factory=lambda: array("d"))
    lags: array[float] = field(default_factory=lambda: array("d"))
    refused: int = 0
    failed: int = 0
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """For JSON: counts, percentiles of the latency, and the generator's lateness."""
        lag = percentiles(self.lags)
        return {
            "messages": len(self.lags),
            "answered": len(self.latencies),
            "refused": self.refused,
            "failed": self.failed,
            "seconds": self.seconds,
            **percentiles(self.latencies),
            "generator_p99_ms": lag.get("p99_ms"),
        }


def over_rounds(share: float, rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What open loops at the same share of saturation came to.

    Args:
        share: of saturation.
        rounds: one or more of Observed.as_dict, each with the saturation that was measured right before it.

    Returns:
        Counts of all rounds together, medians of the percentiles, the p99 of each round, and the spread of
        the saturation.
    """
    sums = {key: sum(one[key] for one in rounds) for key in ("messages", "answered", "refused", "failed")}
    timed = [one for one in rounds if "p99_ms" in one]
    medians = {
        key: spread([one[key] for one in timed])["median"] for key in ("p50_ms", "p95_ms", "p99_ms") if timed
    }
    return {
        "share": share,
        "saturation": spread([one["saturation"] for one in rounds]),
        "seconds": sum(one["seconds"] for one in rounds),
        **sums,
        **medians,
        "p99_ms_rounds": [one["p99_ms"] for one in timed],
        "generator_p99_ms": max((one["generator_p99_ms"] or 0.0 for one in rounds), default=0.0),
    }


async def run_open_loop(arrivals: Floats, ask: Ask, *, patience: float = 30.0) -> Observed:
    """Ask about a message at each arrival and wait for the answers.

    Args:
        arrivals: seconds from the start, ascending, see timing.poisson_arrivals.
        ask: gets the numbers of the arrivals, from 0; a message for which it raises has failed.
        patience: seconds after the last arrival until missing answers count as failed.
    """
    loop = asyncio.get_running_loop()
    observed, running = Observed(), set[asyncio.Task[None]]()
    begin = loop.time() + _HEAD_START_SECONDS

    async def one(number: int, due: float) -> None:
        outcome = await ask(number)
        if outcome == "answered":
            observed.latencies.append(loop.time() - due)
        elif outcome == "refused":
            observed.refused += 1
        else:
            observed.failed += 1

    def ended(task: asyncio.Task[None]) -> None:
        running.discard(task)
        observed.failed += task.cancelled() or task.exception() is not None

    for number, at in enumerate(arrivals.tolist()):
        due = begin + at
        # also when it is late: answers must be able to come in
        await asyncio.sleep(max(0.0, due - loop.time()))
        observed.lags.append(loop.time() - due)
        task = loop.create_task(one(number, due))
        running.add(task)
        task.add_done_callback(ended)
    if running:
        _, missing = await asyncio.wait(running, timeout=patience)
        for task in missing:
            task.cancel()
        await asyncio.gather(*missing, return_exceptions=True)
    observed.seconds = loop.time() - begin
    return observed
