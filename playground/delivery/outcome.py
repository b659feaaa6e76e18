"""What became of one attempt to reach the app, and Slack's signature."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from playground.workspace.shapes import JSON


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt.

    Attributes:
        status: HTTP status; 200 for a socket acknowledgement; None without an answer.
        body: parsed JSON, text, or None when empty.
        reason: why it failed, in the words of `x-slack-retry-reason`; None for success.
        no_retry: the app answered `X-Slack-No-Retry: 1`.
        transport: http, socket or none.
    """

    status: int | None
    body: Any
    reason: str | None
    transport: str
    no_retry: bool = False

    def to_json(self, retry_num: int = 0) -> JSON:
        """For the journal."""
        return {
            "body": self.body,
            "reason": self.reason,
            "retry_num": retry_num,
            "transport": self.transport,
        }


def sign(secret: str, timestamp: str, body: str) -> str:
    """Slack's v0 signature of a request body."""
    return "v0=" + hmac.new(secret.encode(), f"v0:{timestamp}:{body}".encode(), hashlib.sha256).hexdigest()


def parsed(text: str) -> Any:
    """An answer's body: JSON, else the text; None when empty."""
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
