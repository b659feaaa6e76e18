"""The service under load over HTTP: how much it answers, how long an answer takes, whether it lasts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from classifier.benchmark import machine
from classifier.benchmark.http_load import Address, HttpLoad
from classifier.benchmark.http_loops import check_samples, closed_loop, counts, open_loop, sender
from classifier.benchmark.open_loop import run_open_loop
from classifier.benchmark.service_process import ServiceProcess
from classifier.benchmark.serving_summary import open_loop_table
from classifier.benchmark.timing import poisson_arrivals, slope
from classifier.contract import InvalidInput

BATCH = 32
_BATCH_CONNECTIONS = 4
_SAMPLE_SECONDS = 1.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What is asked of the service.

    Attributes:
        seconds: of each part.
        connections: that single messages come over.
        shares: of saturation, the rates of the open loop.
        soak: seconds of a long open loop in place of several short ones; 0: none.
        soak_share: of saturation, its rate.
        swap_every: seconds from one activation of another version to the next while it lasts; 0: none.
        seed: of the arrivals.
    """

    seconds: float = 15.0
    connections: int = 64
    shares: tuple[float, ...] = (0.3, 0.6, 0.8, 0.9)
    soak: float = 0.0
    soak_share: float = 0.8
    swap_every: float = 0.0
    seed: int = 0


def measure(
    address: Address,
    texts: Sequence[str],
    plan: LoadPlan,
    *,
    service: ServiceProcess | None = None,
    say: Say = lambda _: None,
) -> dict[str, Any]:
    """Load a service.

    Args:
        address: where it listens.
        texts: messages to ask about.
        plan: how much.
        service: its process, where it is ours: for its memory, and to swap between its versions.
        say: gets a line now and then.

    Returns:
        Plain data: machine, connections, single, batches, open_loop or soak, memory (None without `service`).

    Raises:
        ClassifierUnavailable: nobody listens there.
        InvalidInput: there are no texts, or swaps are asked of a service that is not ours.
    """
    if not texts:
        raise InvalidInput("no messages to ask about: give a CSV file with the column text")
    if plan.swap_every and service is None:
        raise InvalidInput("models are swapped in a service that this command starts: leave --url out")
    return asyncio.run(_measure(address, texts, plan, service, say))


async def _measure(
    address: Address, texts: Sequence[str], plan: LoadPlan, service: ServiceProcess | None, say: Say
) -> dict[str, Any]:
    found: dict[str, Any] = {"machine": machine.describe(), "connections": plan.connections}
    say(f"single messages over {plan.connections} connections")
    single = await closed_loop(address, texts, connections=plan.connections, batch=1, seconds=plan.seconds)
    say(f"batches of {BATCH} over {_BATCH_CONNECTIONS} connections")
    batches = await closed_loop(
        address, texts, connections=_BATCH_CONNECTIONS, batch=BATCH, seconds=plan.seconds
    )
    found |= {"single": single, "batches": batches}
    if plan.soak:
        say(f"{plan.soak:.0f} seconds at {plan.soak_share:.0%} of {single['rate']:.0f} messages a second")
        found["soak"] = await _soak(address, texts, plan, plan.soak_share * single["rate"], service)
    else:
        found["open_loop"] = []
        for number, share in enumerate(plan.shares):
            say(f"open loop at {share:.0%} of {single['rate']:.0f} messages a second")
            observed = await open_loop(
                address,
                texts,
                connections=plan.connections,
                rate=share * single["rate"],
                seconds=plan.seconds,
                seed=plan.seed + number,
            )
            found["open_loop"].append({"share": share, **observed})
    found["memory"] = service.memory() if service is not None else None
    return found


async def _soak(
    address: Address, texts: Sequence[str], plan: LoadPlan, rate: float, service: ServiceProcess | None
) -> dict[str, Any]:
    """One long open loop, with the service's memory each second and swaps meanwhile."""
    load = HttpLoad(address, plan.connections)
    await load.open()
    memory, swaps = _Memory(), _Swaps()
    beside = []
    if service is not None:
        beside.append(asyncio.create_task(memory.watch(service)))
        if plan.swap_every:
            beside.append(asyncio.create_task(swaps.go_on(service, plan.swap_every)))
    try:
        arrivals = poisson_arrivals(rate, plan.soak, plan.seed)
        observed = await run_open_loop(arrivals, sender(load, address, texts))
        check_samples(load.samples)
    finally:
        for task in beside:
            task.cancel()
        ended = await asyncio.gather(*beside, return_exceptions=True)
        await load.close()
    for error in ended:  # a swap that failed is no swap that was survived
        if isinstance(error, Exception):
            raise error
    return {
        "rate": rate,
        "share": plan.soak_share,
        **observed.as_dict(),
        **counts(load.statuses),
        "swaps": swaps.made,
        "swaps_followed": swaps.followed,
        **memory.as_dict(),
    }


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
                await self._look(service, service.versions[number])
            number = (number + 1) % len(service.versions)
            await asyncio.to_thread(service.registry.activate, service.versions[number])
            self.made += 1

    async def _look(self, service: ServiceProcess, version: str) -> None:
        self.followed += await asyncio.to_thread(service.version) == version


def table(measured: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    single, batches, held = measured["single"], measured["batches"], measured["memory"]
    lines = [
        "| closed loop over HTTP | messages a second | a request, p50 / p95 / p99, ms | refused, failed |",
        "| --- | --- | --- | --- |",
        _closed(f"single messages, {measured['connections']} connections", single),
        _closed(f"batches of {BATCH}, {_BATCH_CONNECTIONS} connections", batches),
    ]
    parts = ["\n".join(lines)]
    if "open_loop" in measured:
        title = f"open loop over HTTP, share of {single['rate']:,.0f} messages a second"
        parts.append(open_loop_table(title, measured["open_loop"]))
    if "soak" in measured:
        parts.append(_soaked(measured["soak"]))
    place = measured["machine"]
    said = f"{place['processor']}, {place['cores']} cores, which the load generator shares with the service."
    if held is not None:
        said += (
            f" Memory of the service: {held['rss_mib']:.0f} MiB now, {held['peak_mib']:.0f} MiB at its peak."
        )
    return "\n\n".join([*parts, said])


def _closed(said: str, row: Mapping[str, Any]) -> str:
    return f"| {said} | {row['rate']:,.0f} | {_latencies(row)} | {row['refused']}, {row['failed']} |"


def _soaked(soak: Mapping[str, Any]) -> str:
    lines = [
        f"| {soak['seconds']:.0f} s at {soak['share']:.0%}, {soak['rate']:,.0f} messages a second | |",
        "| --- | --- |",
        f"| messages; refused; failed | {soak['messages']:,}; {soak['refused']}; {soak['failed']} |",
        f"| latency p50 / p95 / p99, ms | {_latencies(soak)} |",
        f"| models swapped; seen to answer before the next | {soak['swaps']}; {soak['swaps_followed']} |",
    ]
    if soak.get("rss_slope") is not None:
        first, last, most = soak["rss_mib"]
        lines.append(
            f"| memory first, last, most; growth a minute, in the second half "
            f"| {first:.0f}, {last:.0f}, {most:.0f} MiB; {soak['rss_slope']:+.2f}, {_growth(soak)} MiB |"
        )
    return "\n".join(lines)


def _latencies(row: Mapping[str, Any]) -> str:
    return " / ".join(f"{row[key]:.1f}" for key in ("p50_ms", "p95_ms", "p99_ms") if key in row)


def _growth(soak: Mapping[str, Any]) -> str:
    later = soak["rss_slope_second_half"]
    return "unknown" if later is None else f"{later:+.2f}"
