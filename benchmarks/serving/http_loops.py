"""Closed and open loops against a classifier service."""

from __future__ import annotations

import asyncio
import json
import time
from array import array
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from benchmarks.serving.http_load import Address, HttpLoad
from benchmarks.serving.open_loop import Done, Send, run_open_loop
from benchmarks.timing import percentiles, poisson_arrivals
from classifier.contract import ClassifierError, ClassifierUnavailable


class WrongAnswer(ClassifierError):
    """The service answered with something else than predictions. Check its address."""


async def closed_loop(
    address: Address, texts: Sequence[str], *, connections: int, batch: int, seconds: float, start: int = 0
) -> dict[str, Any]:
    """Each connection asks for the next batch as soon as it has its answer, after one that is not timed.

    Args:
        address: of the service.
        texts: asked for in this order, again from the first where time is left.
        connections: that ask at once.
        batch: texts in a request.
        seconds: no request is begun after so many.
        start: position of the first text.

    Returns:
        messages, seconds, rate (messages a second that were answered), percentiles of a request's latency,
        failed requests and refused ones.

    Raises:
        ClassifierUnavailable: nobody listens there.
        WrongAnswer: an answer does not hold what it should.
    """
    turned = [*texts[start:], *texts[:start]]
    requests = [address.request(turned[at : at + batch]) for at in range(0, len(turned), batch)]
    sizes = [len(turned[at : at + batch]) for at in range(0, len(turned), batch)]
    async with _opened(address, connections) as load:
        warm = _Closed(load, requests, sizes, until=0.0)
        await warm.run(connections)
        began = time.perf_counter()
        timed = _Closed(load, requests, sizes, until=began + seconds, first=connections)
        load.statuses.clear()
        await timed.run(connections)
        ended = time.perf_counter()
        check_samples(load.samples)
        return {
            "messages": timed.answered,
            "seconds": ended - began,
            "rate": timed.answered / (ended - began),
            **percentiles(timed.latencies),
            **counts(load.statuses),
        }


async def open_loop(
    address: Address, texts: Sequence[str], *, connections: int, rate: float, seconds: float, seed: int
) -> dict[str, Any]:
    """Single messages at Poisson arrivals; what finds no free connection waits, and that counts.

    Returns:
        See open_loop.Observed.as_dict, with the rate that was asked for and the failed statuses.

    Raises:
        ClassifierUnavailable: nobody listens there.
        WrongAnswer: an answer does not hold what it should.
    """
    async with _opened(address, connections) as load:
        observed = await run_open_loop(poisson_arrivals(rate, seconds, seed), sender(load, address, texts))
        check_samples(load.samples)
        # the observed counts last: they also know of what was never answered
        return {"rate": rate, **counts(load.statuses), **observed.as_dict()}


def sender(load: HttpLoad, address: Address, texts: Sequence[str]) -> Send:
    """What an open loop sends with: message n is text n, again from the first behind the last."""
    requests = [address.request([text]) for text in texts]

    def send(number: int, done: Done) -> None:
        def answered(status: int, _: bytes) -> None:
            if status == HTTPStatus.OK:
                done("answered")
            else:
                done("refused" if status == HTTPStatus.SERVICE_UNAVAILABLE else "failed")

        load.send(requests[number % len(requests)], answered)

    return send


def counts(statuses: Counter[int]) -> dict[str, Any]:
    """{"refused", "failed", "statuses"}: 503, everything else that is not 200; 0 is a broken connection."""
    refused = statuses[HTTPStatus.SERVICE_UNAVAILABLE]
    return {
        "refused": refused,
        "failed": statuses.total() - statuses[HTTPStatus.OK] - refused,
        "statuses": {str(status): number for status, number in sorted(statuses.items())},
    }


def check_samples(bodies: Sequence[bytes]) -> None:
    """Check that a few of the answers hold predictions.

    Raises:
        WrongAnswer: one does not.
    """
    for body in bodies:
        try:
            for prediction in json.loads(body)["predictions"]:
                if not prediction["category"] or not isinstance(prediction["words"], list):
                    raise WrongAnswer
        except (ValueError, LookupError, TypeError) as error:
            raise WrongAnswer from error


@asynccontextmanager
async def _opened(address: Address, connections: int) -> AsyncIterator[HttpLoad]:
    load = HttpLoad(address, connections)
    await load.open()
    try:
        yield load
    finally:
        await load.close()


class _Closed:
    """One closed loop."""

    def __init__(
        self,
        load: HttpLoad,
        requests: Sequence[bytes],
        sizes: Sequence[int],
        *,
        until: float,
        first: int = 0,
    ) -> None:
        self._load, self._requests, self._sizes = load, requests, sizes
        self._until, self._next = until, first
        self._running = 0
        self._ended = asyncio.Event()
        self.answered = 0
        self.latencies = array("d")

    async def run(self, connections: int, patience: float = 600.0) -> None:
        """Ask until the time is over and all is answered."""
        for _ in range(connections):
            self._ask()
        try:
            await asyncio.wait_for(self._ended.wait(), patience)
        except TimeoutError:
            raise ClassifierUnavailable(f"the service gave no answer for {patience:.0f} seconds") from None

    def _ask(self) -> None:
        number = self._next % len(self._requests)
        self._next += 1
        self._running += 1
        began = time.perf_counter()

        def answered(status: int, _: bytes) -> None:
            now = time.perf_counter()
            self._running -= 1
            if status == HTTPStatus.OK:
                self.answered += self._sizes[number]
                self.latencies.append(now - began)
            if now < self._until:
                self._ask()
            elif not self._running:
                self._ended.set()

        self._load.send(self._requests[number], answered)
