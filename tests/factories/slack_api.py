"""A Web API on loopback that answers as it is told, in Slack's shapes of success and of failure."""

from __future__ import annotations

import asyncio
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from bot import web_server

TOKEN = "xoxb-made-up-token"


@dataclass(slots=True)
class Answer:
    """What to answer: JSON or plain text, a status, headers; `hang` answers only when the server ends."""

    body: Mapping[str, Any] | str = field(default_factory=lambda: {"ok": True})
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False


def ok(**fields: Any) -> Answer:
    return Answer({"ok": True, **fields})


def error(code: str, **more: Any) -> Answer:
    return Answer({"ok": False, "error": code}, **more)


@dataclass(slots=True)
class SlackApi:
    """The answers to come, by method name (the last one is repeated), and the calls that came."""

    url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=lambda: defaultdict(list))
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    def client(self) -> AsyncWebClient:
        return AsyncWebClient(token=TOKEN, base_url=self.api_url)

    def script(self, method: str, *answers: Answer) -> None:
        self.answers[method] = list(answers)

    def named(self, method: str) -> list[dict[str, Any]]:
        return [body for name, body in self.calls if name == method]

    async def handle(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        body = (
            await request.json() if request.content_type == "application/json" else dict(await request.post())
        )
        self.calls.append((method, {**request.query, **body}))
        waiting = self.answers[method]
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0] if waiting else ok()
        if answer.hang:
            await self.closing.wait()
        if isinstance(answer.body, str):
            return web.Response(text=answer.body, status=answer.status, headers=answer.headers)
        return web.json_response(answer.body, status=answer.status, headers=answer.headers)


@asynccontextmanager
async def slack_api() -> AsyncIterator[SlackApi]:
    """Serve it on a free port."""
    api = SlackApi()
    app = web.Application()
    app.router.add_route("*", "/api/{method}", api.handle)
    app.router.add_route("*", "/hook/{method}", api.handle)
    async with web_server.serving(app, "127.0.0.1", 0, shutdown_timeout=1) as (host, port):
        api.url = f"http://{host}:{port}"
        try:
            yield api
        finally:
            api.closing.set()


def closed_port_url() -> str:
    """Return an address at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/api/"
