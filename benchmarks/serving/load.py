"""The service under load over HTTP: how much it answers, how long an answer takes, whether it lasts."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.markdown import table as as_markdown
from benchmarks.serving.http_load import Address, closed_loop, open_loop
from benchmarks.serving.loops import OpenLoops, at_each_share
from benchmarks.serving.service_process import ServiceProcess, second_version
from benchmarks.serving.soak import soak, soak_table
from benchmarks.serving.summary import latencies, open_loop_table
from benchmarks.turns import BATCH
from benchmarks.workers import say
from classifier.contract import InvalidInput

_BATCH_CONNECTIONS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan(OpenLoops):
    """What is asked of the service.

    Attributes:
        seconds: of each part.
        connections: that single messages come over.
        soak: seconds of a long open loop in place of several short ones; 0: none.
        soak_share: of saturation, its rate.
        swap_every: seconds from one activation of another version to the next while it lasts; 0: none.
        seed: of the arrivals.
    """

    seconds: float = 15.0
    connections: int = 64
    soak: float = 0.0
    soak_share: float = 0.8
    swap_every: float = 0.0
    seed: int = 0


def measure(
    address: Address, texts: Sequence[str], plan: LoadPlan, *, service: ServiceProcess | None = None
) -> dict[str, Any]:
    """Load a service.

    Args:
        address: where it listens.
        texts: messages to ask about.
        plan: how much.
        service: its process, where it is ours: for its memory, and to swap between its versions.

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

    def asked(connections: int, batch: int, seconds: float) -> dict[str, Any]:
        return asyncio.run(closed_loop(address, texts, connections=connections, batch=batch, seconds=seconds))

    def observe(rate: float, number: int) -> dict[str, Any]:
        return asyncio.run(
            open_loop(
                address,
                texts,
                connections=plan.connections,
                rate=rate,
                seconds=plan.open_seconds,
                seed=plan.seed + number,
            )
        )

    found: dict[str, Any] = {"machine": machine.describe(), "connections": plan.connections}
    say(f"single messages over {plan.connections} connections")
    found["single"] = asked(plan.connections, 1, plan.seconds)
    say(f"batches of {BATCH} over {_BATCH_CONNECTIONS} connections")
    found["batches"] = asked(_BATCH_CONNECTIONS, BATCH, plan.seconds)
    if plan.soak:
        most = found["single"]["rate"]
        say(f"{plan.soak:.0f} seconds at {plan.soak_share:.0%} of {most:.0f} messages a second")
        found["soak"] = asyncio.run(
            soak(
                address,
                texts,
                service,
                rate=plan.soak_share * most,
                seconds=plan.soak,
                connections=plan.connections,
                swap_every=plan.swap_every,
                seed=plan.seed,
            )
        )
    else:
        found["open_loop"] = at_each_share(
            plan, lambda: float(asked(plan.connections, 1, plan.saturating_seconds)["rate"]), observe
        )
    found["memory"] = service.memory() if service is not None else None
    return found


def measure_model(model: Path, other: Path | None, texts: Sequence[str], plan: LoadPlan) -> dict[str, Any]:
    """Start the real service with a model, load it, and stop it.

    Args:
        model: a model directory.
        other: another one to swap to and fro; None: the same weights under another version's name.
        texts: messages to ask about.
        plan: how much.

    Returns:
        See `measure`, with ready_seconds.

    Raises:
        BrokenModel: a directory is no whole model directory.
        ClassifierUnavailable: the service did not start.
        InvalidInput: there are no texts.
    """
    with tempfile.TemporaryDirectory(prefix="fingerpost-load-") as place:
        models = [model]
        if plan.soak and plan.swap_every:
            models.append(other or second_version(model, Path(place) / "other"))
        with ServiceProcess(models, Path(place)) as service:
            say("the service starts")
            ready = service.start()
            found = measure(service.address, texts, plan, service=service)
    return {**found, "ready_seconds": ready}


def table(measured: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    held = measured["memory"]
    rows = [
        f"{said} | {row['rate']:,.0f} | {latencies(row)} | {row['refused']}, {row['failed']}"
        for said, row in (
            (f"single messages, {measured['connections']} connections", measured["single"]),
            (f"batches of {BATCH}, {_BATCH_CONNECTIONS} connections", measured["batches"]),
        )
    ]
    head = "closed loop over HTTP | messages a second | a request, p50 / p95 / p99, ms | refused, failed"
    parts = [as_markdown(head, rows)]
    if "open_loop" in measured:
        parts.append(open_loop_table("open loop over HTTP", measured["open_loop"]))
    if "soak" in measured:
        parts.append(soak_table(measured["soak"]))
    place = measured["machine"]
    said = f"{place['processor']}, {place['cores']} cores, which the load generator shares with the service."
    if held is not None:
        said += (
            f" Memory of the service: {held['rss_mib']:.0f} MiB now, {held['peak_mib']:.0f} MiB at its peak."
        )
    return "\n\n".join([*parts, said])
