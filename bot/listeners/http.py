"""What Slack sends over HTTP: nothing is read before its signature is checked. And the health check."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn
from urllib.parse import parse_qsl

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier

from bot.listeners.bolt import MALFORMED
from bot.web_server import read_body

PATH = "/slack/events"
MAX_BODY_BYTES = 1024 * 1024
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")
log = structlog.get_logger(__name__)


def create_web_app(
    app: AsyncApp, signing_secret: str, trouble: Callable[[], Awaitable[str | None]]
) -> web.Application:
    """Serve the Bolt app and a health check over aiohttp.

    Args:
        app: from `create_app`; it trusts what it is given.
        signing_secret: Slack signs with it.
        trouble: says why the bot cannot work, or None where it can.
    """
    verifier = SignatureVerifier(signing_secret)

    async def events(request: web.Request) -> web.StreamResponse:
        body = await read_body(request)
        if not _is_signed(verifier, request.headers, body):
            return web.json_response({"error": "invalid request"}, status=401)
        try:
            # Bolt's own parsing takes a command that contains the word "payload" for an interaction, and its
            # mode "http" parses before it checks: so it is given what is checked and parsed here
            parsed = AsyncBoltRequest(mode="socket_mode", body=parse_body(body.decode()))
            return await to_aiohttp_response(await app.async_dispatch(parsed))
        except (
            MALFORMED
        ) as error:  # Bolt itself stumbles over it; what our listeners raise ends at its boundary
            log.warning("request_malformed", error=type(error).__name__)
            return web.json_response({"error": "malformed request"}, status=400)

    async def healthy(_request: web.Request) -> web.Response:
        reason = await trouble()
        if reason is None:
            return web.json_response({"ok": True})
        return web.json_response({"ok": False, "reason": reason}, status=503)

    server = web.Application(client_max_size=MAX_BODY_BYTES)
    server.router.add_post(PATH, events)
    server.router.add_get("/healthz", healthy)
    return server


def _is_signed(verifier: SignatureVerifier, headers: Mapping[str, str], body: bytes) -> bool:
    """Say whether Slack signed it within five minutes. What is no number or no ASCII ends the SDK's check."""
    timestamp = headers.get("X-Slack-Request-Timestamp", "")
    signature = headers.get("X-Slack-Signature", "")
    if _TIMESTAMP.fullmatch(timestamp) is None or _SIGNATURE.fullmatch(signature) is None:
        return False
    try:
        return verifier.is_valid(body, timestamp, signature)
    except UnicodeDecodeError:
        return False


def parse_body(text: str) -> dict[str, Any]:
    """Return the JSON object that is the body, or is in its field `payload`, or the form that a command is.

    Raises:
        ValueError: it is none of them.
        RecursionError: it is nested too deeply.
    """
    if text.lstrip()[:1] in {"{", "["}:
        parsed = _json(text)
    else:
        form = dict(parse_qsl(text, keep_blank_values=True))
        parsed = _json(form["payload"]) if "payload" in form else form
    if not isinstance(parsed, dict) or not parsed:
        raise ValueError("no JSON object and no form")
    return parsed


def _json(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
