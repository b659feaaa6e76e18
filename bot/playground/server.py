"""The playground: a Slack workspace on this machine, over HTTP, with a Python API for tests and the demo."""

import inspect
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin

from aiohttp import web

from bot.playground import seed
from bot.playground.conversations import Conversations
from bot.playground.delivery import Delivery, Outcome, sign
from bot.playground.errors import NotLoopback, PlaygroundError, WaitTimeout
from bot.playground.faults import Faults
from bot.playground.interactions import Interactions
from bot.playground.journal import Journal
from bot.playground.people import People, UploadedFile
from bot.playground.requests import CommandResult, Requests
from bot.playground.routes import build_web_app
from bot.playground.shapes import JSON, Channel
from bot.playground.socket_mode import SocketMode
from bot.playground.state import Ids, State, is_loopback
from bot.playground.streams import Streams
from bot.playground.uploads import Uploads
from bot.playground.views import Views
from bot.playground.web_api.call import Services
from bot.playground.web_api.dispatch import WebApi

_RECHECK_SECONDS = 0.05


class Playground:
    """A local Slack; `async with Playground(...) as playground` starts and stops it.

    Args:
        clock: seconds since the epoch.
        retry_delays: seconds before each retry of an event that was not acknowledged.
        acceleration: factor for `retry_delays`; 0.001 makes the schedule testable.
        ack_timeout: seconds that the app has to acknowledge.
        channels: further channels of the default workspace, by name; the bot is in them.

    Attributes:
        app: our app's configuration: `request_url`, `token`, `signing_secret`, `app_token`, `commands`,
            `installations` by team.
        state: all workspaces; journal, faults, sockets, delivery: the parts of the same names.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        retry_delays: Sequence[float] = (0.0, 60.0, 300.0),
        acceleration: float = 1.0,
        ack_timeout: float = 3.0,
        channels: Iterable[str] = (),
    ) -> None:
        self.clock = clock
        self.app = seed.new_app()
        self.journal = Journal(clock)
        self.faults = Faults()
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
        )
        self._conversations = Conversations(self.state, self.delivery, self.streams, clock)
        self.views = Views(self.state, self.streams)
        self._interactions = Interactions(
            self.state, self._conversations, self.journal, clock=clock, base_url=lambda: self.url
        )
        self.uploads = Uploads(self.state, self._conversations, self.journal, lambda: self.url)
        self._people = People(self.state, self._conversations, self.views, self.uploads, self.delivery)
        self.requests = Requests(
            self.state, self._people, self.views, self._interactions, self.delivery, self.streams
        )
        self._runner: web.AppRunner | None = None
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
        api = WebApi(services, self.faults, self.journal)
        app = build_web_app(self, api, self._interactions)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        bound = self._runner.addresses[0][1]
        self._url = f"http://{'[::1]' if host == '::1' else host}:{bound}"

    async def stop(self) -> None:
        """Closes sockets, gives up deliveries, stops listening."""
        await self.sockets.drop("link_disabled")
        await self.delivery.close()
        await self.uploads.close()
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    def add_channel(
        self, name: str, members: Iterable[str] = (), *, private: bool = False, team: str = seed.ACME
    ) -> str:
        """Adds a channel (the bot is in it only when named); returns its id."""
        return seed.add_channel(self.state, team, name.removeprefix("#"), members, private=private).id

    async def join(self, user: str, channel: str) -> None:
        """Somebody, or the bot (U0FPOST), joins a channel."""
        self._conversations.join(self._people.place(user, channel), user)

    async def post_message(
        self,
        user: str,
        channel: str,
        text: str | None,
        thread_ts: str | None = None,
        files: Sequence[UploadedFile] = (),
        subtype: str | None = None,
        **overrides: Any,
    ) -> str:
        """Somebody writes; returns the message's ts. `overrides` are fields of the event."""
        message = self._people.post(
            user, channel, text, thread_ts=thread_ts, files=files, subtype=subtype, overrides=overrides
        )
        return message.ts

    async def edit_message(self, user: str, channel: str, ts: str, text: str) -> None:
        """Somebody edits a message of their own."""
        self._people.edit(user, channel, ts, text)

    async def delete_message(self, user: str, channel: str, ts: str) -> None:
        """Somebody deletes a message of their own; admins delete any."""
        self._people.delete(user, channel, ts)

    async def react(self, user: str, channel: str, ts: str, name: str) -> None:
        """Somebody adds a reaction; raises SlackError already_reacted."""
        self._people.react(user, channel, ts, name)

    async def unreact(self, user: str, channel: str, ts: str, name: str) -> None:
        """Somebody takes a reaction back; raises SlackError no_reaction."""
        self._people.unreact(user, channel, ts, name)

    async def run_command(self, user: str, channel: str, command: str, text: str = "") -> CommandResult:
        """Somebody runs a slash command; returns when the app has answered, or after the time-out."""
        return await self.requests.command(user, channel, command, text)

    async def click(
        self,
        user: str,
        channel: str,
        ts: str,
        action_id: str,
        value: str | None = None,
        selected_option: JSON | str | None = None,
        *,
        block_id: str | None = None,
    ) -> CommandResult:
        """Somebody presses a button or chooses an option (or its value) in a message."""
        chosen = {"value": value, "selected_option": selected_option}
        return await self.requests.click(user, channel, ts, action_id, block_id=block_id, chosen=chosen)

    async def click_view(
        self,
        user: str,
        view_id: str,
        action_id: str,
        *,
        block_id: str | None = None,
        **chosen: Any,
    ) -> CommandResult:
        """The same in a modal or a Home tab; `chosen`: value, selected_option, selected_options."""
        return await self.requests.click_view(user, view_id, action_id, block_id=block_id, chosen=chosen)

    async def submit_view(self, user: str, view_id: str, values: JSON | None = None) -> CommandResult:
        """Somebody submits a modal; `values` as in Slack's `state.values`."""
        return await self.requests.submit(user, view_id, values)

    async def close_view(self, user: str, view_id: str) -> CommandResult:
        """Somebody closes a modal."""
        return await self.requests.close(user, view_id)

    async def open_home(self, user: str, tab: str = "home") -> None:
        """Somebody opens the app's Home tab."""
        self._people.open_home(user, tab)

    async def send_event(
        self,
        event: JSON,
        event_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        team: str = seed.ACME,
        **envelope: Any,
    ) -> str:
        """Sends any event as it is; `envelope` replaces fields around it. Returns the event id."""
        return self.delivery.send_event(self.delivery.envelope(team, event, event_id) | envelope, headers)

    async def redeliver(self, event_id: str, with_retry_headers: bool = True) -> Outcome:
        """Sends an event once more; KeyError for one that was never sent."""
        return await self.delivery.redeliver(event_id, with_retry_headers=with_retry_headers)

    async def post_raw(self, path: str, body: str, headers: Mapping[str, str] | None = None) -> Outcome:
        """Posts a request to the app that Slack did not sign, for tests with forged ones."""
        url = urljoin(self.app.request_url or "", path)
        return await self.delivery.post(url, body, headers or {}, signed=False)

    def signed_headers(self, body: str, *, timestamp: float | None = None) -> dict[str, str]:
        """The headers with which Slack would sign this body."""
        stamp = str(int(self.clock() if timestamp is None else timestamp))
        signature = sign(self.app.signing_secret, stamp, body)
        return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature}

    async def drop_sockets(self, reason: str = "refresh_requested") -> None:
        """Disconnects the app's sockets, as Slack does every few hours."""
        await self.sockets.drop(reason)

    def messages(self, channel: str) -> list[JSON]:
        """All messages of a channel, replies too, oldest first; with `mentions` and `links`."""
        return [message.to_page() for message in self._channel(channel).messages.values()]

    def thread(self, channel: str, ts: str) -> list[JSON]:
        """The replies to a message, oldest first, without the message itself."""
        return [m for m in self.messages(channel) if m.get("thread_ts") == ts and m["ts"] != ts]

    def ephemerals(self, user: str) -> list[JSON]:
        """What only this person sees."""
        return [message.to_page() for message in self.state.ephemerals.get(user, [])]

    def home(self, user: str) -> JSON | None:
        """Somebody's Home tab."""
        view = self.views.home(user)
        return self.views.shown(view) if view else None

    def view(self, user: str) -> JSON | None:
        """The modal that somebody sees."""
        view = self.views.top(user)
        return self.views.shown(view) if view else None

    def set_banner(self, banner: JSON | None) -> None:
        """What all pages show on top: {"text", "fraction", "eta_seconds", "state"}; None clears it."""
        self.state.banner = banner
        self.streams.publish({"type": "banner", "banner": banner})

    async def wait_for(self, predicate: Callable[..., Any], timeout: float = 10.0) -> Any:  # noqa: ASYNC109 - reads best in tests
        """Waits until a condition is true, looking again at each change.

        Args:
            predicate: takes nothing, or the playground; may be async.
            timeout: seconds.

        Returns:
            What the predicate returned.

        Raises:
            WaitTimeout: with the end of the journal.
        """
        takes_playground = bool(inspect.signature(predicate).parameters)
        deadline = time.monotonic() + timeout
        while True:
            found = predicate(self) if takes_playground else predicate()
            if inspect.isawaitable(found):
                found = await found
            if found:
                return found
            if time.monotonic() >= deadline:
                raise WaitTimeout(f"not true after {timeout} s; the journal ends with\n{self.journal.tail()}")
            # Also look now and then: the condition may be about something that is not ours.
            await self.journal.changed(_RECHECK_SECONDS)

    def _channel(self, name: str) -> Channel:
        return self.state.channel(name)
