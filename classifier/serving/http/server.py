"""Runs the service: listens before the model is loaded, answers what is under way before it ends.

uvloop and httptools take the place of the plain event loop and parser: HTTP costs half as much with them.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, TypeVar

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from classifier.contract import Classifier, ClassifierError, ModelControl
from classifier.serving.http.asgi import ClassifierService

Opened = AbstractAsyncContextManager[tuple[Classifier, ModelControl | None]]
"""Loads a model and warms it; gives it back at the end."""

MAX_HEAD_BYTES = 64 * 1024
"""Of a request's line and headers."""
KEEP_ALIVE_SECONDS = 75
"""Longer than clients keep an idle connection, so that none is closed while a request is on its way."""

_Result = TypeVar("_Result")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How the service is served.

    Attributes:
        connections: more are answered with a 503.
        drain_seconds: what is under way when the service is stopped gets so many seconds to be answered.
    """

    connections: int = 1024
    drain_seconds: int = 20


def listen(host: str, port: int) -> socket.socket:
    """Take an address; port 0 takes a free one.

    Raises:
        ClassifierError: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ClassifierError(
            f"cannot listen on {host}, port {port} ({error.strerror}): is it in use? "
            "FINGERPOST_CLASSIFIER_PORT names another port"
        ) from error


@asynccontextmanager
async def serving(
    service: ClassifierService, options: ServerOptions | None = None
) -> AsyncIterator[tuple[str, int]]:
    """Serve on a free loopback port while the block runs: for tests and benchmarks, inside their own process.

    Args:
        service: what answers.
        options: limits.

    Yields:
        The host and the port.
    """
    listening = listen("127.0.0.1", 0)
    server = uvicorn.Server(_config(service, options))
    task = asyncio.create_task(server.serve([listening]))
    try:
        yield listening.getsockname()
    finally:
        server.should_exit = True
        await task


async def run_service(
    service: ClassifierService, opened: Opened, listening: socket.socket, options: ServerOptions | None = None
) -> None:
    """Serve until SIGTERM or SIGINT; to be called in the main thread.

    Until the model is loaded, /readyz and every question get a 503. On a signal the service accepts no
    connection any more, answers what is under way and returns.

    Args:
        service: what answers.
        opened: is entered once the service listens; what it yields answers from then on.
        listening: from `listen`; is closed at the end.
        options: limits.

    Raises:
        ClassifierError: the model cannot be loaded, or whatever `opened` raises.
    """
    server = _Server(_config(service, options), service)
    served = asyncio.Event()

    async def hold_model() -> None:
        async with opened as (classifier, control):
            service.provide(classifier, control)
            _log.info("the model is warm")
            await served.wait()

    host, port, *_ = listening.getsockname()
    _log.info("listening on %s, port %d", host, port)
    serving = asyncio.create_task(server.serve([listening]))
    holding = asyncio.create_task(hold_model())
    try:
        # the model's task ends first only where it cannot be loaded
        await asyncio.wait({serving, holding}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        server.should_exit = True
        await asyncio.wait({serving})
        served.set()
        if not service.warm:
            holding.cancel()
        await asyncio.wait({holding})
    for task in (serving, holding):
        if not task.cancelled():
            task.result()


def run_fast(main: Coroutine[Any, Any, _Result]) -> _Result:
    """Like `asyncio.run`, on uvloop where there is one."""
    factory = None
    if sys.platform != "win32":
        import uvloop  # noqa: PLC0415 - not made for Windows

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


def _config(service: ClassifierService, options: ServerOptions | None) -> uvicorn.Config:
    """How uvicorn serves the service, on a socket that is given to it."""
    options = options or ServerOptions()
    return uvicorn.Config(
        service,
        http=HttpWithLimits,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,  # metrics count requests
        server_header=False,
        proxy_headers=False,
        limit_concurrency=options.connections + 1,  # the first one that is refused
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=options.drain_seconds,
    )


class _Server(uvicorn.Server):
    """Tells the service that it ends, and counts a signal as an order, not as an accident."""

    def __init__(self, config: uvicorn.Config, service: ClassifierService) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; a second signal ends at once. uvicorn's own way ends with the signal."""
        del frame
        if not self._service.warm:
            # nothing is under way but loading, which takes a thread that cannot be stopped
            signal.signal(sig, signal.SIG_DFL)
            signal.raise_signal(sig)
        self._service.drain()
        self.force_exit = self.should_exit
        self.should_exit = True


class HttpWithLimits(HttpToolsProtocol):
    """uvicorn's fast parser with a limit on a request's head; its other one has such a limit."""

    _head = 0
    _in_head = False

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head, self._in_head = 0, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its head is whole."""
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Parse; refuse a head that is too large before it is whole."""
        super().data_received(data)
        if self._in_head:
            self._head += len(data)
            if self._head > MAX_HEAD_BYTES and not self.transport.is_closing():
                self._in_head = False
                self.send_400_response("The request's head is too large.")
