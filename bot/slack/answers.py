"""What Slack's answers mean: data, or an error that says whether to try again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.errors import SlackUnavailable

# With these the same call can never work; everything else is worth another try.
PERMANENT = frozenset({
    "account_inactive", "cant_update_message", "channel_not_found", "edit_window_closed", "ekm_access_denied",
    "invalid_arguments", "invalid_auth", "invalid_blocks", "invalid_blocks_format", "invalid_metadata_format",
    "is_archived", "message_not_found", "metadata_too_large", "missing_scope", "msg_blocks_too_long",
    "msg_too_long", "no_text", "not_allowed_token_type", "not_authed", "not_in_channel", "restricted_action",
    "thread_not_found", "token_revoked", "user_not_found", "view_too_large",
})  # fmt: skip
ABOUT_US = frozenset({
    "account_inactive", "ekm_access_denied", "invalid_auth", "missing_scope", "not_allowed_token_type",
    "not_authed", "team_access_not_granted", "token_expired", "token_revoked",
})  # fmt: skip
"""Not about the call but about the app: an admin mends it, and then the same call works."""
UNREACHABLE = frozenset({"channel_not_found", "is_archived", "not_in_channel"})
"""About the channel: somebody invites us, or brings it back, and then the same call works."""
OUT_OF_ORDER = frozenset({"fatal_error", "internal_error", "service_unavailable"})
"""Slack's own words for "it may have been done all the same"."""


async def called(method: Callable[..., Awaitable[Any]], arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Make a call of the SDK's and return what Slack answered.

    Raises:
        SlackUnavailable: Slack refused, or did not answer.
    """
    try:
        answer = await method(**arguments)
    except SlackApiError as error:
        raise _from_slack(error) from error
    except (aiohttp.ClientError, TimeoutError, SlackClientError) as error:
        raise no_answer(error) from error
    except AttributeError as error:  # the SDK reads fields of a 200 that is plain text: a proxy's page
        raise no_answer(error) from error
    data: Mapping[str, Any] = answer.data
    return data


def _from_slack(error: SlackApiError) -> SlackUnavailable:
    response = error.response
    # The SDK hands over aiohttp's own response where the body was no JSON: a proxy's error page, say.
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0))
    data = getattr(response, "data", None)
    named = str(data.get("error") or "") if isinstance(data, Mapping) else ""
    code = named or f"http_{status}"
    if status == HTTPStatus.TOO_MANY_REQUESTS or code == "ratelimited":
        return SlackUnavailable("ratelimited", retry_after=retry_after(response.headers))
    lost = status >= HTTPStatus.INTERNAL_SERVER_ERROR or not named or code in OUT_OF_ORDER
    return SlackUnavailable(code, permanent=code in PERMANENT, sent=lost, silent=lost)


def no_answer(error: Exception) -> SlackUnavailable:
    """Say whether Slack may have acted: not where no connection was made."""
    refused = isinstance(error, aiohttp.ClientConnectorError)
    return SlackUnavailable("no_answer", sent=not refused, silent=True)


def retry_after(headers: Mapping[str, str]) -> float:
    """Read `Retry-After`, in seconds; anything else in it means one second."""
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return float(value) if value.isdecimal() else 1.0
