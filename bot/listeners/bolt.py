"""The Bolt app: listeners, and the one error boundary for what Slack delivers."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncApp
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.request.async_internals import build_async_context
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.categories.dialogs import CategoryDialogs
from bot.errors import ConfigurationError
from bot.listeners import register
from bot.queue.backfill import Backfill
from bot.queue.inbox import Inbox
from bot.settings import Settings
from bot.slack.incoming import NO_APPS, Accepted

PATH = "/slack/events"
MAX_BODY_BYTES = 1024 * 1024
log = structlog.get_logger(__name__)


def create_client(settings: Settings) -> AsyncWebClient:
    """Return the Web API client, with the bot's token.

    Raises:
        ConfigurationError: a token is missing; the text names its variable.
    """
    missing = settings.missing()
    if missing or settings.slack_bot_token is None:
        raise ConfigurationError(
            f"{', '.join(missing)} not set. Put it into the environment or .env "
            "(your app's page at api.slack.com shows it), then run `fingerpost doctor`."
        )
    return AsyncWebClient(token=settings.slack_bot_token.get_secret_value(), base_url=settings.slack_api_url)


def create_app(
    settings: Settings,
    inbox: Inbox,
    client: AsyncWebClient,
    dialogs: CategoryDialogs,
    accepted: Accepted = NO_APPS,
    backfill: Backfill | None = None,
) -> AsyncApp:
    """Build the Bolt app; the same listeners serve HTTP and Socket Mode.

    `process_before_response` makes Bolt answer only after the inbox has committed: a failure becomes a 500
    (or no acknowledgement on the socket) and Slack delivers again, so nothing is lost.
    """
    secret = settings.slack_signing_secret
    app = AsyncApp(
        client=client,
        signing_secret=secret.get_secret_value() if secret else "unused-in-socket-mode",
        process_before_response=True,
    )
    register(app, inbox, dialogs, accepted, backfill)
    app.error(_on_error)
    return app


async def _on_error(error: Exception, body: dict[str, Any]) -> BoltResponse | None:
    """Log what failed under a reference; a person who waits for an answer is shown it."""
    reference = secrets.token_hex(4)
    log.error("listener_failed", reference=reference, error=type(error).__name__, exc_info=error)
    if "command" in body:
        text = f"That did not work, and nothing was changed. Try again in a minute. (Reference {reference})"
        return BoltResponse(status=200, body={"response_type": "ephemeral", "text": text})
    return None  # Bolt answers 500: Slack delivers the event again


def create_web_app(app: AsyncApp) -> web.Application:
    """Serve the Bolt app and a health check over aiohttp."""

    async def events(request: web.Request) -> web.StreamResponse:
        timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
        if not timestamp.isdigit():  # Bolt would fail on it with a 500, and a forger would learn something
            return web.json_response({"error": "invalid request"}, status=401)
        try:
            text = (await request.read()).decode("utf-8")
        except UnicodeDecodeError:
            return web.json_response({"error": "invalid request"}, status=401)
        response = await app.async_dispatch(bolt_request(text, request))
        return await to_aiohttp_response(response)

    async def healthy(_request: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    server = web.Application(client_max_size=MAX_BODY_BYTES)
    server.router.add_post(PATH, events)
    server.router.add_get("/healthz", healthy)
    return server


def bolt_request(text: str, request: web.Request) -> AsyncBoltRequest:
    """Build Bolt's request, and mend its form parsing.

    Bolt takes every form that contains the letters "payload" for an interaction, so that
    `/why payload too large` would arrive with an empty body.
    """
    headers: dict[str, str | Sequence[str]] = dict(request.headers)
    try:
        bolt = AsyncBoltRequest(body=text, query=request.query_string, headers=headers)
    except ValueError:  # a body that is neither JSON nor a form; the signature check refuses it
        bolt = AsyncBoltRequest(body="", query=request.query_string, headers=headers)
        bolt.raw_body = text
    if not bolt.body and text and not text.startswith("{"):
        form = dict(parse_qsl(text, keep_blank_values=True))
        if "payload" not in form:
            bolt.body = form
            bolt.context = build_async_context(AsyncBoltContext({}), form)
    return bolt
