"""A client that costs next to nothing: it shares the cores with the service that it measures.

HTTP/1.1 over kept connections. Requests are bytes made beforehand; of a response the status and the
Content-Length are read and its body skipped, but for a small sample that is checked afterwards.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from classifier.contract import ClassifierUnavailable, InvalidInput

Answered = Callable[[int, bytes], None]
"""Gets the status and the body of a response; status 0 where the connection broke."""

_BROKEN = 0
_SAMPLES = 20
_PAUSE_SECONDS = 0.1
"""Between two tries to connect again."""
_HEADER_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a classifier service listens.

    Attributes:
        url: such as http://127.0.0.1:8600.
        token: that it asks for, if any.
    """

    url: str
    token: str | None = None

    def parts(self) -> tuple[str, int, bool, str]:
        """(host, port, whether over TLS, path before /v1).

        Raises:
            InvalidInput: that is no address.
        """
        try:
            found = urlsplit(self.url)
            port = found.port
        except ValueError as error:
            raise InvalidInput(f"{self.url!r} is no address: write http://host:port") from error
        if found.scheme not in ("http", "https") or not found.hostname:
            raise InvalidInput(f"{self.url!r} is no address: write http://host:port")
        secure = found.scheme == "https"
        return found.hostname, port or (443 if secure else 80), secure, found.path.rstrip("/")

    def request(self, texts: Sequence[str]) -> bytes:
        """POST /v1/classify, ready to send."""
        host, port, _, path = self.parts()
        body = json.dumps({"texts": list(texts)}).encode()
        lines = [
            f"POST {path}/v1/classify HTTP/1.1",
            f"Host: {host}:{port}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *([f"Authorization: Bearer {self.token}"] if self.token else []),
        ]
        return "\r\n".join(lines).encode("ascii") + _HEADER_END + body


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, lost: Callable[[_Connection], None]) -> None:
        self._lost = lost
        self._received = bytearray()
        self._body_at, self._end = 0, 0
        self._status = 0
        self._answered: Answered | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # TCP has no other  # nosec B101
        self._transport = transport

    def send(self, request: bytes, answered: Answered) -> None:
        self._answered = answered
        assert self._transport is not None  # noqa: S101  # connected before it is used  # nosec B101
        self._transport.write(request)

    def close(self) -> None:
        self._answered = None
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._end and not self._read_head():
            return
        if len(self._received) < self._end or self._answered is None:
            return
        body = bytes(self._received[self._body_at : self._end])
        answered, status = self._answered, self._status
        self._answered, self._end = None, 0
        self._received.clear()
        answered(status, body)

    def connection_lost(self, error: Exception | None) -> None:
        del error
        self._lost(self)
        if self._answered is not None:
            answered, self._answered = self._answered, None
            answered(_BROKEN, b"")

    def _read_head(self) -> bool:
        end = self._received.find(_HEADER_END)
        if end < 0:
            return False
        head = bytes(self._received[:end]).lower()
        at = head.find(_LENGTH)
        if at < 0:
            if self._transport is not None:  # a body of unknown length cannot be followed by another
                self._transport.abort()
            return False
        self._status = int(head[9:12])
        self._body_at = end + len(_HEADER_END)
        self._end = self._body_at + int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
        return True


class HttpLoad:
    """Some connections to one service. Requests that find none free wait for the first that is."""

    def __init__(self, address: Address, connections: int) -> None:
        self._address, self._wanted = address, connections
        self._all: set[_Connection] = set()
        self._free: deque[_Connection] = deque()
        self._waiting: deque[tuple[bytes, Answered]] = deque()
        self._reconnecting: set[asyncio.Task[None]] = set()
        self._closed = False
        self.statuses: Counter[int] = Counter()
        self.samples: list[bytes] = []

    async def open(self) -> None:
        """Connect.

        Raises:
            ClassifierUnavailable: nobody listens there.
        """
        try:
            await asyncio.gather(*(self._connect() for _ in range(self._wanted)))
        except OSError as error:
            await self.close()
            raise ClassifierUnavailable(f"no service answers at {self._address.url}: start one") from error

    def send(self, request: bytes, answered: Answered) -> None:
        """Send as soon as a connection is free; `answered` is called from the event loop."""
        if self._free:
            self._on(self._free.popleft(), request, answered)
        else:
            self._waiting.append((request, answered))

    async def close(self) -> None:
        """Drop all connections."""
        self._closed = True
        for task in self._reconnecting:
            task.cancel()
        for connection in list(self._all):
            connection.close()
        await asyncio.sleep(0)  # the transports tell the event loop that they are gone

    def _on(self, connection: _Connection, request: bytes, answered: Answered) -> None:
        def done(status: int, body: bytes) -> None:
            self.statuses[status] += 1
            if status == HTTPStatus.OK and len(self.samples) < _SAMPLES:
                self.samples.append(body)
            if connection in self._all:
                if self._waiting:
                    self._on(connection, *self._waiting.popleft())
                else:
                    self._free.append(connection)
            answered(status, body)

        connection.send(request, done)

    async def _connect(self) -> None:
        host, port, secure, _ = self._address.parts()
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: _Connection(self._lost), host, port, ssl=True if secure else None
        )
        self._all.add(connection)
        if self._waiting:
            self._on(connection, *self._waiting.popleft())
        else:
            self._free.append(connection)

    def _lost(self, connection: _Connection) -> None:
        self._all.discard(connection)
        if connection in self._free:
            self._free.remove(connection)
        if not self._closed:
            task = asyncio.get_running_loop().create_task(self._again())
            self._reconnecting.add(task)
            task.add_done_callback(self._reconnecting.discard)

    async def _again(self) -> None:
        while not self._closed:
            try:
                await self._connect()
            except OSError:
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return
