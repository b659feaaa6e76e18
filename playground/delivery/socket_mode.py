"""Socket Mode: addresses to connect to, envelopes out, acknowledgements in."""

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from playground.workspace.journal import Journal
from playground.workspace.shapes import JSON
from playground.workspace.state import Ids

# facts/slack.md, section 3: at most 10 connections per app.
MAX_CONNECTIONS = 10


@dataclass(eq=False, slots=True)
class _Connection:
    id: str
    socket: web.WebSocketResponse
    waiting: dict[str, asyncio.Future[Any]] = field(default_factory=dict)


class SocketClosed(Exception):
    """The connection went away before the envelope was acknowledged."""


class SocketMode:
    """The sockets of the app; an envelope goes to one of them, in turn."""

    def __init__(self, journal: Journal, ids: Ids, app_id: str) -> None:
        self._journal = journal
        self._ids = ids
        self._app_id = app_id
        self._tickets: set[str] = set()
        self._connections: list[_Connection] = []
        self._turn = 0
        self.used = False

    @property
    def connections(self) -> int:
        """How many sockets are connected now."""
        return len(self._connections)

    def new_ticket(self) -> str:
        """The secret of a socket address; it lets one connection in, once."""
        ticket = self._ids.secret()
        self._tickets.add(ticket)
        return ticket

    async def connected(self, seconds: float) -> None:
        """Returns when a socket is connected, or after some seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not self._connections and (left := deadline - loop.time()) > 0:
            await self._journal.changed(left)

    async def send(
        self, kind: str, payload: JSON, seconds: float, retry: tuple[int, str] | None = None
    ) -> Any:
        """Sends an envelope and waits for its acknowledgement.

        Args:
            kind: events_api, slash_commands or interactive.
            payload: what the app gets.
            seconds: how long to wait.
            retry: number and reason of a retry.

        Returns:
            The acknowledgement's payload; None when it is bare.

        Raises:
            TimeoutError: no acknowledgement in time.
            SocketClosed: no socket, or it closed first.
        """
        if not self._connections:
            raise SocketClosed("no socket is connected")
        self._turn += 1
        connection = self._connections[self._turn % len(self._connections)]
        envelope_id = self._ids.secret()
        envelope: JSON = {
            "envelope_id": envelope_id,
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
        }
        if kind == "events_api":
            number, reason = retry or (0, "")
            envelope |= {"retry_attempt": number, "retry_reason": reason}
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        connection.waiting[envelope_id] = answer
        try:
            async with asyncio.timeout(seconds):
                try:
                    await connection.socket.send_json(envelope)
                except ConnectionError as error:
                    raise SocketClosed(str(error)) from error
                return await answer
        finally:
            connection.waiting.pop(envelope_id, None)

    async def drop(self, reason: str = "refresh_requested") -> None:
        """Sends `disconnect` to all sockets and closes them; `warning` only announces it, as in Slack."""
        for connection in tuple(self._connections):
            self._journal.add(
                "socket", "disconnect", {"reason": reason, "connection": connection.id}, None, 200
            )
            with contextlib.suppress(ConnectionError):  # gone already, which is what we want
                await connection.socket.send_json(
                    {"type": "disconnect", "reason": reason, "debug_info": {"host": "playground"}}
                )
            if reason != "warning":
                self._forget(connection)
                await connection.socket.close()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The WebSocket endpoint."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.json_response({"ok": False, "error": "invalid_ticket"}, status=403)
        self._tickets.discard(ticket)
        # A dead app does not answer a close; do not wait for it.
        socket = web.WebSocketResponse(timeout=0.5)
        await socket.prepare(request)
        if self.connections >= MAX_CONNECTIONS:
            await socket.send_json({"type": "disconnect", "reason": "too_many_websockets"})
            await socket.close()
            return socket
        connection = _Connection(self._ids.new("S"), socket)
        self.used = True
        await socket.send_json(self._hello())
        self._connections.append(connection)
        self._journal.add("socket", "hello", {"connection": connection.id}, None, 200)
        try:
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    self._received(connection, frame.data)
        finally:
            self._forget(connection)
        return socket

    def _hello(self) -> JSON:
        return {
            "type": "hello",
            "num_connections": self.connections + 1,
            "debug_info": {"host": "playground", "build_number": 1, "approximate_connection_time": 18060},
            "connection_info": {"app_id": self._app_id},
        }

    def _received(self, connection: _Connection, text: str) -> None:
        try:
            frame = json.loads(text)
            envelope_id = frame["envelope_id"]
        except (ValueError, KeyError, TypeError):
            self._journal.add("socket", "unknown_frame", {"text": text}, None, None)
            return
        answer = connection.waiting.get(envelope_id)
        # Too late, or acknowledged twice: Slack ignores both.
        if answer is not None and not answer.done():
            answer.set_result(frame.get("payload"))

    def _forget(self, connection: _Connection) -> None:
        if connection in self._connections:
            self._connections.remove(connection)
        for answer in connection.waiting.values():
            if not answer.done():
                answer.set_exception(SocketClosed("the socket closed"))
        self._journal.wake()
