"""The playground: a Slack workspace on this machine, over HTTP, with a Python API for tests and the demo."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from aiohttp import web

from playground import seed
from playground.control import Control
from playground.delivery.delivery import Delivery
from playground.delivery.interactions import Interactions
from playground.delivery.requests import Requests
from playground.delivery.socket_mode import SocketMode
from playground.errors import NotLoopback, PlaygroundError
from playground.faults import Faults
from playground.limits import Limits
from playground.page.routes import build_web_app
from playground.web_api.call import Services
from playground.web_api.dispatch import WebApi
from playground.workspace.conversations import Conversations
from playground.workspace.journal import Journal
from playground.workspace.people import People
from playground.workspace.state import Ids, State, is_loopback
from playground.workspace.streams import Streams
from playground.workspace.uploads import Uploads
from playground.workspace.views import Views


class Playground(Control):
    """A local Slack; `async with Playground(...) as playground` starts and stops it.

    Args:
        clock: seconds since the epoch.
        retry_delays: seconds before each retry of an event that was not acknowledged.
        acceleration: factor for `retry_delays`; 0.001 makes the schedule testable.
        ack_timeout: seconds that the app has to acknowledge.
        channels: further channels of the default workspace, by name; the bot is in them.
        sleep: waits for the next retry, and until Slack looks at an upload.

    Attributes:
        app: our app's configuration: `request_url`, `token`, `signing_secret`, `app_token`, `commands`,
            `installations` by team.
        state: all workspaces; journal, faults, limits, sockets, delivery: the parts of the same names.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        retry_delays: Sequence[float] = (0.0, 60.0, 300.0),
        acceleration: float = 1.0,
        ack_timeout: float = 3.0,
        channels: Iterable[str] = (),
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.clock = clock
        self.app = seed.new_app()
        self.journal = Journal(clock)
        self.faults = Faults()
        self.limits = Limits(clock)
        ids = Ids(clock)
        self.state = State(ids, self.app)
        self.streams = Streams(self.journal)
        self.sockets = SocketMode(self.journal, ids, self.app.id)
        self.delivery = Delivery(
            self.app,
            self.sockets,
            self.journal,
            ids,
            clock=clock,
            retry_delays=[delay * acceleration for delay in retry_delays],
            ack_timeout=ack_timeout,
            sleep=sleep,
        )
        self._conversations = Conversations(self.state, self.delivery, self.streams, clock)
        self.views = Views(self.state, self.streams)
        self._interactions = Interactions(
            self.state, self._conversations, self.journal, clock=clock, base_url=lambda: self.url
        )
        self.uploads = Uploads(self.state, self._conversations, self.journal, lambda: self.url, sleep)
        self._people = People(self.state, self._conversations, self.views, self.uploads, self.delivery)
        self.requests = Requests(
            self.state, self._people, self.views, self._interactions, self.delivery, self.streams
        )
        self._listening = AsyncExitStack()
        self._url: str | None = None
        seed.seed(self.state, channels)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """Where the page is, without a slash at the end.

        Raises:
            PlaygroundError: it is not started.
        """
        if self._url is None:
            raise PlaygroundError("the playground is not started")
        return self._url

    @property
    def api_url(self) -> str:
        """`base_url` for slack_sdk's clients."""
        return f"{self.url}/api/"

    @property
    def socket_count(self) -> int:
        """How many sockets of the app are connected."""
        return self.sockets.connections

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listens; port 0 takes a free one.

        Raises:
            NotLoopback: `host` is not this machine.
        """
        if not is_loopback(host):
            raise NotLoopback
        await self.delivery.open()
        services = Services(
            self.state,
            self._conversations,
            self.views,
            self._interactions,
            self.uploads,
            self.sockets,
            self.streams,
            lambda: self.url,
        )
        api = WebApi(services, self.faults, self.limits, self.journal)
        app = build_web_app(self, api, self._interactions)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        self._listening.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, host, port).start()
        bound = runner.addresses[0][1]
        self._url = f"http://{'[::1]' if host == '::1' else host}:{bound}"

    async def stop(self) -> None:
        """Closes sockets, gives up deliveries, stops listening."""
        await self.sockets.drop("link_disabled")
        await self.delivery.close()
        await self.uploads.close()
        await self._listening.aclose()
