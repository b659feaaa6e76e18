"""Serve an aiohttp application, and close it without leaving behind a connection that was just accepted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from aiohttp import web

# asyncio hands an accepted socket over in three turns of its loop: the listening socket is readable, a task
# makes the transport, the transport makes itself known to the server.
_TURNS_OF_AN_ACCEPT = 3
_BACKLOG = 128


@asynccontextmanager
async def serving(
    app: web.Application, host: str, port: int, *, shutdown_timeout: float
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

    Raises:
        OSError: when the address cannot be used.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=shutdown_timeout)
    await runner.setup()
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(cast(web.Server, runner.server), host, port, backlog=_BACKLOG)
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
