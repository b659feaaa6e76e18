"""Slack's own clients, and apps of a workspace that answer as a test wants."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot import web_server
from playground import Playground


@asynccontextmanager
async def serving(playground: Playground, app: web.Application) -> AsyncIterator[None]:
    """Serves an aiohttp app as the workspace's app over HTTP."""
    async with web_server.serving(app, "127.0.0.1", 0, shutdown_timeout=0.1) as (host, port):
        playground.app.request_url = f"http://{host}:{port}/slack/events"
        try:
            yield
        finally:
            playground.app.request_url = None


def scripted(answer: Callable[[web.Request, str], web.Response | float]) -> tuple[web.Application, list]:
    """An app that gives each request (and its body) to `answer`: a response, or seconds to keep silent."""
    seen: list[tuple[dict[str, str], str]] = []

    async def handle(request: web.Request) -> web.Response:
        body = await request.text()
        seen.append((dict(request.headers), body))
        answered = answer(request, body)
        if isinstance(answered, web.Response):
            return answered
        await asyncio.sleep(answered)
        return web.Response()

    app = web.Application()
    app.router.add_post("/{path:.*}", handle)
    return app, seen


def bolt_app(playground: Playground) -> AsyncApp:
    """A real Bolt app of the workspace."""
    return AsyncApp(
        client=client_of(playground),
        signing_secret=playground.app.signing_secret,
        process_before_response=True,
    )


def client_of(playground: Playground, token: str | None = None) -> AsyncWebClient:
    """Slack's own client, talking to the playground."""
    return AsyncWebClient(token=playground.app.token if token is None else token, base_url=playground.api_url)
