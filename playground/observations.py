"""What a test sees of the workspace, and how it waits."""

import inspect
import time
from collections.abc import Callable
from typing import Any

from playground.errors import WaitTimeout
from playground.workspace.journal import Journal
from playground.workspace.shapes import JSON
from playground.workspace.state import State
from playground.workspace.views import Views

_RECHECK_SECONDS = 0.05


class Observations:
    """The looking half of `Playground`; messages are dicts in Slack's shape."""

    journal: Journal
    state: State
    views: Views

    def messages(self, channel: str) -> list[JSON]:
        """All messages of a channel, replies too, oldest first; with `mentions` and `links`."""
        return [message.to_page() for message in self.state.channel(channel).messages.values()]

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
