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


def echo() -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=await web_server.read_body(request))

    app = web.Application()
    app.router.add_post("/", answer)
    return app


REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes = REQUEST) -> bytes:
    writer.write(request)
    return await asyncio.wait_for(reader.readline(), 5)


@pytest.mark.parametrize("sent", [b"", REQUEST[:10]], ids=["nothing", "half a head"])
async def test_hundreds_of_idle_connections_hold_up_no_request(sent: bytes):
    async with (
        web_server.serving(echo(), "127.0.0.1", 0, shutdown_timeout=0.2, connections=20) as address,
        contextlib.AsyncExitStack() as stack,
    ):
        used = await asyncio.open_connection(*address)
        stack.callback(used[1].close)
        for number in range(300):
            idle = socket.create_connection(address, timeout=5)
            stack.callback(idle.close)
            idle.sendall(sent)
            if number % 10 == 0:  # a connection that is used stays, and a new one gets its answer
                assert b"200" in await ask(*used)
                await asyncio.wait_for(used[0].readuntil(b"hi"), 5)
                new = await asyncio.open_connection(*address)
                assert b"200" in await ask(*new)
                new[1].close()


async def test_a_head_that_does_not_come_closes_the_connection():
    async with web_server.serving(echo(), "127.0.0.1", 0, shutdown_timeout=0.2, head_seconds=0.2) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(REQUEST[:10])
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(web_server, "BODY_SECONDS", 0.2)
    monkeypatch.setattr(web_server, "_LINGER_SECONDS", 0.1)
    async with web_server.serving(echo(), "127.0.0.1", 0, shutdown_timeout=0.2) as address:
        reader, writer = await asyncio.open_connection(*address)
        assert b"408" in await ask(reader, writer, REQUEST[:-1])
        await asyncio.wait_for(reader.read(), 5)  # and then it is closed
        writer.close()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 2_000_000, b"413"),
        (b"\x16\x03\x01\x02\x00", b"400"),
    ],
    ids=["chunks that are none", "too large", "TLS"],
)
async def test_what_is_no_request_is_refused(request_: bytes, status: bytes):
    async with web_server.serving(echo(), "127.0.0.1", 0, shutdown_timeout=0.2) as address:
        reader, writer = await asyncio.open_connection(*address)
        assert status in await ask(reader, writer, request_)
        writer.close()


def test_the_limit_of_open_files_is_raised():
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
        web_server.raise_file_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
