"""Closed loops, in which callers wait for their answers, and open ones: messages come when they come.

A closed loop waits for its answers, so that a slow moment also keeps new messages away and hides itself
("coordinated omission"). In an open one arrivals are drawn beforehand, and each latency counts from the
moment at which the message should have come.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from benchmarks.timing import Floats, percentiles, spread
from benchmarks.workers import say

Part = TypeVar("Part")

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


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLoops:
    """Open loops at shares of saturation.

    Attributes:
        rounds: in each of which every share has a turn.
        open_seconds: of each share in a round.
        saturating_seconds: of the closed loop right before it that says what its rate is a share of.
        shares: of saturation, the rates.
    """

    rounds: int = 5
    open_seconds: float = 4.0
    saturating_seconds: float = 1.5
    shares: tuple[float, ...] = (0.3, 0.6, 0.8, 0.9)


def at_each_share(
    plan: OpenLoops, saturation: Callable[[], float], observe: Callable[[float, int], Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Run open loops at shares of saturation, which is measured right before each.

    Args:
        plan: how many.
        saturation: measures messages a second.
        observe: runs an open loop at a rate, in round number n; see Observed.as_dict.

    Returns:
        See `over_rounds`, for each share.
    """
    found: dict[float, list[dict[str, Any]]] = {share: [] for share in plan.shares}
    for number in range(plan.rounds):
        say(f"open loops, round {number + 1} of {plan.rounds}")
        for share, rounds in found.items():
            most = saturation()
            rounds.append({"saturation": most, **observe(share * most, number)})
    return [over_rounds(share, rounds) for share, rounds in found.items()]


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


async def run_closed_loop(
    ask: Callable[[Part], Awaitable[bool]], parts: Iterator[tuple[int, Part]], *, callers: int, seconds: float
) -> dict[str, Any]:
    """Let each caller ask again as soon as it has its answer, once at least, until the time is over.

    Args:
        ask: about one part; says whether it was answered.
        parts: (messages in it, part); their end is the end too.
        callers: that ask at once.
        seconds: nothing is asked after so many.

    Returns:
        messages, seconds, rate (messages a second that were answered), percentiles of the latencies.
    """
    messages, latencies = 0, array("d")
    began = time.perf_counter()

    async def caller() -> None:
        nonlocal messages
        for size, part in parts:
            asked = time.perf_counter()
            answered = await ask(part)
            now = time.perf_counter()
            if answered:
                messages += size
                latencies.append(now - asked)
            if now - began >= seconds:
                return

    await asyncio.gather(*(caller() for _ in range(callers)))
    took = time.perf_counter() - began
    return {"messages": messages, "seconds": took, "rate": messages / took, **percentiles(latencies)}


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
