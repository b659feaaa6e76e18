"""The Bolt app: listeners, and the one error boundary for what Slack delivers."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.categories.dialogs import CategoryDialogs
from bot.errors import ConfigurationError
from bot.listeners import register
from bot.queue.backfill import Backfill
from bot.queue.inbox import Inbox
from bot.settings import Settings
from bot.slack.incoming import NO_APPS, Accepted, team_of
from bot.slack.messenger import Identity
from storage.characters import replaced_in

CHECKED_BEFORE = "bot/listeners/http.py checks signatures"
MALFORMED = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What reading a payload of another shape than Slack's ends with."""
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
    inbox: Inbox,
    identity: Identity,
    dialogs: CategoryDialogs,
    accepted: Accepted = NO_APPS,
    backfill: Backfill | None = None,
) -> AsyncApp:
    """Build the Bolt app; the same listeners serve HTTP and Socket Mode.

    `process_before_response` makes Bolt answer only after the inbox has committed: a failure becomes a 500
    (or no acknowledgement on the socket) and Slack delivers again, so nothing is lost.

    Bolt asks Slack nothing: with a token of its own it would call `auth.test` for what comes in, and answer
    200 to an event that it then drops, whenever that call fails.
    """
    granted = AuthorizeResult(
        enterprise_id=None,
        team_id=identity.team_id,
        url=identity.url,
        bot_user_id=identity.bot_user_id,
        bot_id=identity.bot_id,
    )

    async def authorize() -> AuthorizeResult:
        return granted

    async def only_ours(body: dict[str, Any], next_: Callable[[], Awaitable[None]]) -> BoltResponse | None:
        body.update(replaced_in(body))
        team_id = team_of(body)
        if team_id == identity.team_id or body.get("type") == "url_verification":
            await next_()
            return None
        log.warning("foreign_team_dropped", team=team_id, type=str(body.get("type"))[:40])
        return BoltResponse(status=400 if team_id is None else 200)

    app = AsyncApp(
        signing_secret=CHECKED_BEFORE,
        request_verification_enabled=False,
        authorize=authorize,
        before_authorize=only_ours,
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
    # Slack delivers the event again after either
    return BoltResponse(status=400) if isinstance(error, MALFORMED) else None
