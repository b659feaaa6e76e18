"""Delivery to the app over HTTP or Socket Mode: signatures, the 3 seconds, retries.

Slack's rules are those of docs.slack.dev/apis/events-api: an event that is not answered with 2xx within
3 seconds is sent again nearly at once, after a minute and after five; commands and interactions are not.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import aiohttp

from playground.delivery.outcome import Outcome, parsed, sign
from playground.delivery.socket_mode import SocketClosed, SocketMode
from playground.workspace.journal import Journal
from playground.workspace.shapes import JSON
from playground.workspace.state import Ids, SlackApp

_SUCCESS = range(200, 300)
_REDIRECT = range(300, 400)


class Delivery:
    """Sends events, commands and interactions to the app."""

    def __init__(
        self,
        app: SlackApp,
        sockets: SocketMode,
        journal: Journal,
        ids: Ids,
        *,
        clock: Callable[[], float],
        retry_delays: Sequence[float],
        ack_timeout: float,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._app = app
        self._sockets = sockets
        self._journal = journal
        self._ids = ids
        self._clock = clock
        self._retry_delays = tuple(retry_delays)
        self._ack_timeout = ack_timeout
        self._sleep = sleep
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._sent: dict[str, JSON] = {}

    async def open(self) -> None:
        """Makes the HTTP session."""
        # Each request on an own connection: a bot that restarts must not meet a dead one from the pool.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True, limit=0), cookie_jar=aiohttp.DummyCookieJar()
        )

    async def close(self) -> None:
        """Gives up what is under way and closes the session."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session:
            await self._session.close()

    @property
    def pending(self) -> int:
        """Events that are not acknowledged yet, and will be sent again."""
        return len(self._tasks)

    def envelope(self, team_id: str, event: JSON, event_id: str | None = None) -> JSON:
        """An event as Slack wraps it."""
        installation = self._app.installations[team_id]
        return {
            "token": self._app.verification_token,
            "team_id": team_id,
            "context_team_id": team_id,
            "context_enterprise_id": None,
            "api_app_id": self._app.id,
            "event": event,
            "type": "event_callback",
            "event_id": event_id or self._ids.new("Ev"),
            "event_time": int(self._clock()),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": team_id,
                    "user_id": installation.bot_user_id,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": False,
            "event_context": f"4-{self._ids.secret()}",
        }

    def send_event(self, envelope: JSON, headers: Mapping[str, str] | None = None) -> str:
        """Starts the delivery of an envelope, with retries; returns its event id at once."""
        event_id = str(envelope["event_id"])
        self._sent[event_id] = envelope
        self._start(self._with_retries(envelope, dict(headers or {})))
        return event_id

    async def redeliver(self, event_id: str, *, with_retry_headers: bool = True) -> Outcome:
        """Sends an event that was sent before once more, once.

        Raises:
            KeyError: no such event was sent.
        """
        retry = (1, "http_timeout") if with_retry_headers else None
        return await self._event(self._sent[event_id], {}, retry)

    async def push(self, kind: str, method: str, payload: JSON) -> Outcome:
        """Sends a command (a form) or an interaction (JSON in a form field); no retries.

        Args:
            kind: command or interaction.
            method: the journal's name for it.
            payload: its fields.
        """
        if await self._prefers_sockets():
            envelope_type = "slash_commands" if kind == "command" else "interactive"
            outcome = await self._by_socket(envelope_type, payload, None)
        else:
            form = payload if kind == "command" else {"payload": json.dumps(payload)}
            outcome = await self.post(
                self._app.request_url,
                urlencode(form),
                {"Content-Type": "application/x-www-form-urlencoded"},
            )
        self._journal.add(kind, method, _without_secrets(payload), outcome.to_json(), outcome.status)
        return outcome

    async def post(
        self, url: str | None, body: str, headers: Mapping[str, str], *, signed: bool = True
    ) -> Outcome:
        """One HTTP request to the app; `headers` win over the ones made here."""
        if url is None or self._session is None:
            return Outcome(None, None, "connection_failed", "none")
        timestamp = headers.get("X-Slack-Request-Timestamp", str(int(self._clock())))
        made = {"User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)"}
        if signed:
            made |= {
                "X-Slack-Request-Timestamp": timestamp,
                "X-Slack-Signature": sign(self._app.signing_secret, timestamp, body),
            }
        try:
            async with asyncio.timeout(self._ack_timeout):
                async with self._session.post(
                    url, data=body.encode(), headers=made | dict(headers), allow_redirects=False
                ) as response:
                    text = await response.text()
        except TimeoutError:
            return Outcome(None, None, "http_timeout", "http")
        except aiohttp.ClientSSLError:
            return Outcome(None, None, "ssl_error", "http")
        except aiohttp.ClientConnectionError:
            return Outcome(None, None, "connection_failed", "http")
        except aiohttp.ClientError as error:
            return Outcome(None, str(error), "unknown_error", "http")
        reason = None if response.status in _SUCCESS else "http_error"
        if response.status in _REDIRECT:
            reason = "too_many_redirects"
        no_retry = response.headers.get("X-Slack-No-Retry") == "1"
        return Outcome(response.status, parsed(text), reason, "http", no_retry)

    async def _with_retries(self, envelope: JSON, headers: dict[str, str]) -> None:
        outcome = await self._event(envelope, headers, None)
        for number, delay in enumerate(self._retry_delays, start=1):
            if outcome.reason is None or outcome.no_retry:
                return
            await self._sleep(delay)
            outcome = await self._event(envelope, headers, (number, outcome.reason))

    async def _event(self, envelope: JSON, headers: dict[str, str], retry: tuple[int, str] | None) -> Outcome:
        if await self._prefers_sockets():
            outcome = await self._by_socket("events_api", envelope, retry)
        else:
            made = {"Content-Type": "application/json"}
            if retry:
                made |= {"X-Slack-Retry-Num": str(retry[0]), "X-Slack-Retry-Reason": retry[1]}
            outcome = await self.post(self._app.request_url, json.dumps(envelope), made | headers)
        method = str(envelope["event"].get("type"))
        self._journal.add(
            "event",
            method,
            _without_secrets(envelope),
            outcome.to_json(retry[0] if retry else 0),
            outcome.status,
        )
        return outcome

    async def _prefers_sockets(self) -> bool:
        """Whether to use Socket Mode; an app whose sockets are just being refreshed gets a moment."""
        if self._sockets.used and self._app.request_url is None:
            await self._sockets.connected(self._ack_timeout)
        return self._sockets.connections > 0

    async def _by_socket(self, kind: str, payload: JSON, retry: tuple[int, str] | None) -> Outcome:
        try:
            body = await self._sockets.send(kind, payload, self._ack_timeout, retry)
        except TimeoutError:
            return Outcome(None, None, "timeout", "socket")
        except SocketClosed:
            return Outcome(None, None, "connection_failed", "socket")
        return Outcome(200, body, None, "socket")

    def _start(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._journal.add("error", "delivery", {}, {"error": repr(error)}, 500)
        self._journal.wake()


def _without_secrets(payload: JSON) -> JSON:
    return {key: value for key, value in payload.items() if key != "token"}
