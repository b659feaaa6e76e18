"""Answers to one person, through the address that Slack gives with a command or a button."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.errors import SlackUnavailable
from bot.slack.answers import no_answer, retry_after


async def respond(response_url: str, body: Mapping[str, Any], *, api_url: str, seconds: int) -> None:
    """Send a message to a `response_url`.

    Args:
        response_url: as it came with a command or a button.
        body: the message.
        api_url: of Slack's Web API; an address there is Slack's too.
        seconds: how long to wait for the answer.

    Raises:
        SlackUnavailable: it is not Slack's address, used up, too old, or not answered.
    """
    _check(response_url, api_url)
    webhook = AsyncWebhookClient(response_url, timeout=seconds, retry_handlers=[])
    try:
        answer = await webhook.send_dict(dict(body))
    except (aiohttp.ClientError, TimeoutError) as error:
        raise no_answer(error) from error
    status = answer.status_code
    if status != HTTPStatus.OK:  # the SDK does not raise here; 404 means used up or too old
        wait = retry_after(answer.headers) if status == HTTPStatus.TOO_MANY_REQUESTS else None
        gone = status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
        raise SlackUnavailable(f"response_url_{status}", permanent=gone, retry_after=wait)


def _check(response_url: str, api_url: str) -> None:
    """Refuse to send anything anywhere but to Slack (a forged payload must not aim our requests)."""
    try:
        url, api = urlsplit(response_url), urlsplit(api_url)
    except ValueError as error:
        raise SlackUnavailable("foreign_response_url", permanent=True) from error
    at_slack = url.scheme == "https" and (url.hostname or "").endswith(".slack.com")
    at_our_api = (url.scheme, url.netloc) == (api.scheme, api.netloc)
    if not (at_slack or at_our_api):
        raise SlackUnavailable("foreign_response_url", permanent=True)
