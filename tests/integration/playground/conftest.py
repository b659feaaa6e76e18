"""A playground, Slack's own clients, and apps that answer as a test wants."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot import web_server
from playground import Playground


class SettableClock:
    """A clock that stands still until it is moved; starts now, because Bolt checks signatures."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))

    def __call__(self) -> float:
        return self.now


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


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
async def playground(clock: SettableClock) -> AsyncIterator[Playground]:
    """Retries after 0, 0.06 and 0.3 s, a second to acknowledge, a clock that a test moves."""
    async with Playground(clock=clock, acceleration=0.001, ack_timeout=1.0, channels=["billing"]) as running:
        yield running


@pytest.fixture
def client(playground: Playground) -> AsyncWebClient:
    return client_of(playground)
