"""A server that closes leaves no connection behind, however late it was accepted."""

import asyncio
import contextlib
import socket

import pytest
from aiohttp import web

from bot import web_server


@pytest.mark.parametrize("turns", range(8))
async def test_a_connection_accepted_while_the_server_closes_is_closed_too(turns: int):
    async with web_server.serving(web.Application(), "127.0.0.1", 0, shutdown_timeout=0.2) as address:
        client = socket.create_connection(address, timeout=5)
        for _ in range(turns):
            await asyncio.sleep(0)
    # End of file, or a reset where nobody had accepted it; a connection left behind would be silent.
    with client, contextlib.suppress(ConnectionResetError):
        assert await asyncio.to_thread(client.recv, 1) == b""
