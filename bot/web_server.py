"""Serve an aiohttp application: within limits, and closed without losing a connection just accepted."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from aiohttp import web
from aiohttp.typedefs import Handler

CONNECTIONS = 1000
"""One more closes the one that has been idle for longest. Half of the files that may be open, where fewer."""
HEAD_SECONDS = 20.0
"""So long a connection may be open without a whole request head: before the first, and between two."""
BODY_SECONDS = 5.0
"""So long a request's body may take; Slack itself gives up after three."""
_LINGER_SECONDS = 1.0

# asyncio hands an accepted socket over in three turns of its loop: the listening socket is readable, a task
# makes the transport, the transport makes itself known to the server.
_TURNS_OF_AN_ACCEPT = 3
_BACKLOG = 128


@asynccontextmanager
async def serving(
    app: web.Application,
    host: str,
    port: int,
    *,
    shutdown_timeout: float,
    connections: int | None = None,
    head_seconds: float = HEAD_SECONDS,
) -> AsyncIterator[tuple[str, int]]:
    """Serve at a host and a port (0: a free one) and give the address; at the end answer what is at work.

    A server that closes while a socket is on its way from the kernel loses it: asyncio refuses to attach the
    transport to a closed server (until Python 3.12), and aiohttp closes the connections that it knew before
    it waited. Both leave a client that waits for an answer. So first nothing more is accepted, then what was
    accepted arrives, then all is closed.

    Args:
        app: what answers.
        host: a name or an address.
        port: 0 takes a free one.
        shutdown_timeout: seconds that requests at work have at the end.
        connections: None means CONNECTIONS.
        head_seconds: see HEAD_SECONDS.

    Raises:
        OSError: when the address cannot be used.
    """
    uses = _Uses()
    app.middlewares.append(uses.mark)
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=shutdown_timeout,
        keepalive_timeout=head_seconds,
        lingering_time=_LINGER_SECONDS,
        auto_decompress=False,  # Slack does not compress, and a small body must stay small
    )
    await runner.setup()
    loop = asyncio.get_running_loop()
    http = cast(web.Server, runner.server)
    most = connections or min(CONNECTIONS, _open_files() // 2)

    def accept() -> asyncio.Protocol:
        uses.make_room(http, most)
        return http()

    try:
        server = await loop.create_server(accept, host, port, backlog=_BACKLOG)
        try:
            bound = server.sockets[0].getsockname()
            yield bound[0], bound[1]
        finally:
            for listening in server.sockets:
                loop.remove_reader(listening.fileno())
            for _ in range(_TURNS_OF_AN_ACCEPT):
                await asyncio.sleep(0)
            server.close()
    finally:
        await runner.cleanup()


async def read_body(request: web.Request) -> bytes:
    """Return the body.

    Raises:
        HTTPException: it is too slow, too large or broken; aiohttp answers with it.
    """
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError as error:
        slow = web.HTTPRequestTimeout()
        slow.force_close()
        raise slow from error
    except web.RequestPayloadError as error:
        raise web.HTTPBadRequest from error


def raise_file_limit() -> None:
    """Let this process open as many files as the system lets it: each connection is one."""
    with contextlib.suppress(
        ImportError, ValueError, OSError
    ):  # Windows has no such limit; a jail may refuse
        import resource  # noqa: PLC0415 - not made for Windows

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _open_files() -> int:
    """Return how many files this process may open."""
    try:
        import resource  # noqa: PLC0415 - not made for Windows
    except ImportError:
        return 2 * CONNECTIONS
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 2 * CONNECTIONS if soft == resource.RLIM_INFINITY else soft


class _Uses:
    """When each connection last began a request."""

    def __init__(self) -> None:
        self._turns = itertools.count(1)
        self._last: dict[object, int] = {}

    @web.middleware
    async def mark(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Note the use."""
        self._last[request.protocol] = next(self._turns)
        return await handler(request)

    def make_room(self, server: web.Server, limit: int) -> None:
        """Close those that were not used for longest, the never used and oldest first."""
        last = self._last
        opened = [each for each in server.connections if each.transport is not None]
        if len(last) > 2 * limit:
            self._last = {each: last[each] for each in opened if each in last}
        if (excess := len(opened) + 1 - limit) > 0:
            for each in sorted(opened, key=lambda each: last.get(each, 0))[:excess]:
                each.force_close()
