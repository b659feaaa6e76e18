"""The service for a long while: does it answer everything, while models are swapped, and does it grow?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.markdown import table
from benchmarks.serving.http_load import Address, HttpLoad
from benchmarks.serving.service_process import ServiceProcess
from benchmarks.serving.summary import latencies
from benchmarks.timing import slope

_SAMPLE_SECONDS = 1.0


async def soak(
    address: Address,
    texts: Sequence[str],
    service: ServiceProcess | None,
    *,
    rate: float,
    seconds: float,
    connections: int,
    swap_every: float,
    seed: int,
) -> dict[str, Any]:
    """One long open loop, with the service's memory each second and swaps meanwhile.

    Args:
        address: of the service.
        texts: messages to ask about.
        service: its process, where it is ours.
        rate: messages a second, at Poisson arrivals.
        seconds: how long.
        connections: that they come over.
        swap_every: seconds from one activation of another version to the next; 0: none.
        seed: of the arrivals.

    Returns:
        See http_load.open_loop, with swaps, swaps_followed, and what the memory did.

    Raises:
        ClassifierUnavailable: nobody listens there.
        WrongAnswer: an answer does not hold what it should.
    """
    memory, swaps = _Memory(), _Swaps()
    beside = []
    async with HttpLoad(address, connections) as load:
        if service is not None:
            beside.append(asyncio.create_task(memory.watch(service)))
            if swap_every:
                beside.append(asyncio.create_task(swaps.go_on(service, swap_every)))
        try:
            observed = await load.open_loop(texts, rate, seconds, seed)
        finally:
            for task in beside:
                task.cancel()
            ended = await asyncio.gather(*beside, return_exceptions=True)
    for error in ended:  # a swap that failed is no swap that was survived
        if isinstance(error, Exception):
            raise error
    return {**observed, "swaps": swaps.made, "swaps_followed": swaps.followed, **memory.as_dict()}


class _Memory:
    """The service's memory, each second."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._mib: list[float] = []

    async def watch(self, service: ServiceProcess) -> None:
        while True:
            held = service.memory()
            if held is not None:
                self._times.append(time.monotonic())
                self._mib.append(held["rss_mib"])
            await asyncio.sleep(_SAMPLE_SECONDS)

    def as_dict(self) -> dict[str, Any]:
        """{"rss_mib": [first, last, most], slopes in MiB a minute over all and over the second half}."""
        if not self._mib:
            return {}
        half = len(self._mib) // 2
        slopes = (slope(self._times, self._mib), slope(self._times[half:], self._mib[half:]))
        whole, later = (None if each is None else each * 60 for each in slopes)
        return {
            "rss_mib": [self._mib[0], self._mib[-1], max(self._mib)],
            "rss_slope": whole,
            "rss_slope_second_half": later,
        }


class _Swaps:
    """Activates the versions of a registry in turn; the service follows by itself."""

    def __init__(self) -> None:
        self.made = self.followed = 0

    async def go_on(self, service: ServiceProcess, every: float) -> None:
        number = 0
        while True:
            await asyncio.sleep(every)
            if self.made:
                seen = await asyncio.to_thread(service.version)
                self.followed += seen == service.versions[number]
            number = (number + 1) % len(service.versions)
            await asyncio.to_thread(service.registry.activate, service.versions[number])
            self.made += 1


def soak_table(figures: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    rows = [
        f"messages | {figures['messages']:,}",
        f"refused, failed | {figures['refused']}, {figures['failed']}",
        f"latency p50 / p95 / p99, ms | {latencies(figures)}",
        f"models swapped | {figures['swaps']}",
        f"of these seen to answer before the next | {figures['swaps_followed']}",
    ]
    if figures.get("rss_slope") is not None:
        first, last, most = figures["rss_mib"]
        later = figures["rss_slope_second_half"]
        growth = f"{figures['rss_slope']:+.2f}, {'unknown' if later is None else f'{later:+.2f}'}"
        rows += [
            f"memory: first, last, most, MiB | {first:.0f}, {last:.0f}, {most:.0f}",
            f"its growth a minute: in all, in the second half, MiB | {growth}",
        ]
    head = f"{figures['seconds']:.0f} s at {figures['rate']:,.0f} messages a second | measured"
    return table(head, rows)
