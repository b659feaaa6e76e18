"""What can go wrong in the playground.

PlaygroundError
├── NotLoopback     asked to listen on, or talk to, another machine
├── NoSuchThing     a person acts on a channel, message or button that is not there
├── WaitTimeout     a condition that a test waits for did not come true (also a TimeoutError)
└── SlackError      what Slack's Web API would answer: {"ok": false, "error": ...}
"""

from collections.abc import Sequence
from typing import Any


class PlaygroundError(Exception):
    """The playground cannot do that."""


class NotLoopback(PlaygroundError):
    """The playground is a toy without passwords: it only talks on this machine (127.0.0.1)."""


class NoSuchThing(PlaygroundError):
    """There is no such channel, message, button or view in the playground."""


class WaitTimeout(PlaygroundError, TimeoutError):
    """The condition did not come true in time; the message shows the last journal entries."""


class SlackError(PlaygroundError):
    """An error answer of the Web API.

    Attributes:
        error: Slack's error code, such as `channel_not_found`.
        messages: what Slack lists under `response_metadata.messages`.
        extra: further top-level fields of the answer.
    """

    def __init__(self, error: str, messages: Sequence[str] = (), **extra: Any) -> None:
        super().__init__(error if not messages else f"{error}: {'; '.join(messages)}")
        self.error = error
        self.messages = tuple(messages)
        self.extra = extra

    def to_slack(self) -> dict[str, Any]:
        """The answer's body."""
        body: dict[str, Any] = {"ok": False, "error": self.error, **self.extra}
        if self.messages:
            body["response_metadata"] = {"messages": list(self.messages)}
        return body
