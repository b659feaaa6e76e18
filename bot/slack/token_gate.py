"""Whether Slack takes our token. Where it does not, it is left alone: the same call would fail again."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from bot.errors import SlackUnavailable
from bot.slack.answers import ABOUT_US

REFUSED = ABOUT_US - {"ekm_access_denied", "missing_scope", "not_allowed_token_type"}
"""Slack's errors that are about the token or the whole installation, never about one call."""

PAUSE_SECONDS = 300.0
"""Between two tries: Slack has refused good tokens for minutes, too."""

log = structlog.get_logger(__name__)


class TokenGate:
    """Closes when Slack refuses the token, for some minutes each time, or for good when we were removed.

    What waits meanwhile is not lost: a closed gate is temporary trouble.

    Args:
        monotonic: seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._closed_until = float("-inf")
        self.trouble: str | None = None

    def check(self) -> None:
        """Refuse to call Slack while the gate is closed.

        Raises:
            SlackUnavailable: it is; nothing was sent.
        """
        left = self._closed_until - self._monotonic()
        if self.trouble is not None and left > 0:
            raise SlackUnavailable(self.trouble, retry_after=min(left, PAUSE_SECONDS))

    def refused(self, code: str) -> SlackUnavailable:
        """Close the gate for a while, and return what a caller is told. It is logged once."""
        if self.trouble is None:
            log.error("slack_refuses_the_token", error=code)
        self.trouble = code
        self._closed_until = max(self._closed_until, self._monotonic() + PAUSE_SECONDS)
        return SlackUnavailable(code, retry_after=PAUSE_SECONDS)

    def taken(self) -> None:
        """Slack answered."""
        if self.trouble is not None and self._closed_until != float("inf"):
            log.info("slack_takes_the_token_again")
            self.trouble = None

    def stop(self, code: str) -> None:
        """Call Slack no more in this process: the workspace removed us."""
        log.error("slack_removed_the_bot", error=code)
        self.trouble, self._closed_until = code, float("inf")
