"""Closed and open loops against a classifier service, over kept connections.

The client shares the cores with the service that it measures: bodies are made beforehand, and of an answer
the status alone counts, but for a small sample whose JSON is checked afterwards.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp

from benchmarks.serving.loops import Outcome, run_closed_loop, run_open_loop
from benchmarks.timing import poisson_arrivals
from benchmarks.turns import batches
from classifier.contract import ClassifierError, ClassifierUnavailable, InvalidInput

BROKEN = 0
"""Status of a request whose connection broke, or could not be made."""

_SAMPLES = 20
_PATIENCE_SECONDS = 600.0
_PAUSE_SECONDS = 0.1
"""Behind a connection that could not be made."""

_IDLE_SECONDS = 2.0
"""For which a connection is kept: less than a server does, so that no request meets one just closed."""


class WrongAnswer(ClassifierError):
    """The service answered with something else than predictions. Check its address."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a classifier service listens.

    Attributes:
        url: such as http://127.0.0.1:8600.
        token: that it asks for, if any.
    """

    url: str
    token: str | None = None

    def root(self) -> str:
        """What stands before /v1.

        Raises:
            InvalidInput: that is no address.
        """
        try:
            found = urlsplit(self.url)
            known = found.scheme in ("http", "https") and found.hostname and found.port != 0
        except ValueError:  # of the port
            known = False
        if not known:
            raise InvalidInput(f"{self.url!r} is no address: write http://host:port")
        return self.url.rstrip("/")


class HttpLoad:
    """Some connections to one service; a request that finds none free waits. Use it in an async with block.

    Attributes:
        statuses: how often each came.
        samples: bodies of the first few right answers.
    """

    def __init__(self, address: Address, connections: int) -> None:
        self._address, self._connections = address, connections
        self.statuses: Counter[int] = Counter()
        self.samples: list[bytes] = []

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            ClassifierUnavailable: nobody listens there.
            InvalidInput: that is no address.
        """
        root, token = self._address.root(), self._address.token
        self._url = f"{root}/v1/classify"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=_IDLE_SECONDS),
            headers={
                "Content-Type": "application/json",
                **({"Authorization": f"Bearer {token}"} if token else {}),
            },
            skip_auto_headers=("Accept-Encoding",),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=_PATIENCE_SECONDS),
        )
        try:  # all at once, so that each makes a connection of its own
            await asyncio.gather(*(self._connect(f"{root}/readyz") for _ in range(self._connections)))
        except aiohttp.ClientConnectionError as error:
            await self._session.close()
            raise ClassifierUnavailable(f"no service answers at {self._address.url}: start one") from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def classify(self, body: bytes) -> int:
        """Send one request, see `body_of`.

        Returns:
            The status, or BROKEN.

        Raises:
            ClassifierUnavailable: the service says nothing.
        """
        status, content = BROKEN, b""
        try:
            async with self._session.post(self._url, data=body) as response:
                content = await response.read()
                status = response.status
        except TimeoutError as error:
            raise ClassifierUnavailable(
                f"the service gave no answer for {_PATIENCE_SECONDS:.0f} seconds"
            ) from error
        except aiohttp.ClientConnectorError:
            await asyncio.sleep(_PAUSE_SECONDS)
        except aiohttp.ClientError:
            pass
        self.statuses[status] += 1
        if status == HTTPStatus.OK and len(self.samples) < _SAMPLES:
            self.samples.append(content)
        return status

    def counts(self) -> dict[str, Any]:
        """{"refused", "failed", "statuses"}: 503, everything else that is not 200, all of them."""
        refused = self.statuses[HTTPStatus.SERVICE_UNAVAILABLE]
        return {
            "refused": refused,
            "failed": self.statuses.total() - self.statuses[HTTPStatus.OK] - refused,
            "statuses": {str(status): number for status, number in sorted(self.statuses.items())},
        }

    async def open_loop(self, texts: Sequence[str], rate: float, seconds: float, seed: int) -> dict[str, Any]:
        """See `open_loop`."""
        bodies = [body_of([text]) for text in texts]

        async def ask(number: int) -> Outcome:
            status = await self.classify(bodies[number % len(bodies)])
            if status == HTTPStatus.OK:
                return "answered"
            return "refused" if status == HTTPStatus.SERVICE_UNAVAILABLE else "failed"

        observed = await run_open_loop(poisson_arrivals(rate, seconds, seed), ask)
        self.check_samples()
        # the observed counts last: they also know of what was never answered
        return {"rate": rate, **self.counts(), **observed.as_dict()}

    def check_samples(self) -> None:
        """Check that a few of the answers hold predictions.

        Raises:
            WrongAnswer: one does not.
        """
        for body in self.samples:
            try:
                for prediction in json.loads(body)["predictions"]:
                    if not prediction["category"] or not isinstance(prediction["words"], list):
                        raise WrongAnswer
            except (ValueError, LookupError, TypeError) as error:
                raise WrongAnswer from error

    async def _connect(self, url: str) -> None:
        async with self._session.get(url) as response:
            await response.read()


def body_of(texts: Sequence[str]) -> bytes:
    """What POST /v1/classify gets."""
    return json.dumps({"texts": list(texts)}).encode()


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
    requests = itertools.cycle([(len(part), body_of(part)) for part in batches(texts, batch, start=start)])

    async def ask(body: bytes) -> bool:
        return await load.classify(body) == HTTPStatus.OK

    async with HttpLoad(address, connections) as load:
        await asyncio.gather(*(load.classify(next(requests)[1]) for _ in range(connections)))
        load.statuses.clear()
        found = await run_closed_loop(ask, requests, callers=connections, seconds=seconds)
        load.check_samples()
    return {**found, **load.counts()}


async def open_loop(
    address: Address, texts: Sequence[str], *, connections: int, rate: float, seconds: float, seed: int
) -> dict[str, Any]:
    """Single messages at Poisson arrivals; what finds no free connection waits, and that counts.

    Message n is text n, again from the first behind the last.

    Returns:
        See loops.Observed.as_dict, with the rate that was asked for and the failed statuses.

    Raises:
        ClassifierUnavailable: nobody listens there.
        WrongAnswer: an answer does not hold what it should.
    """
    async with HttpLoad(address, connections) as load:
        return await load.open_loop(texts, rate, seconds, seed)
