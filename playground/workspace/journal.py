"""The journal: everything that went between the workspace and the app, and who waits for it."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from playground.workspace.shapes import JSON

# Enough for a long test run; an old demo must not eat the machine.
_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One Web API call, one attempt to deliver something to the app, or one socket event.

    Attributes:
        seq: counts up from 1.
        kind: api, event, command, interaction, response_url, socket, page or error.
        method: `chat.postMessage`, the event's type, the command, the interaction's type ...
        request: what was sent, without tokens.
        response: what came back; for deliveries {"body", "reason", "retry_num", "transport"}.
        status: the HTTP status, None where no answer came.
        at: seconds since the epoch by the playground's clock.
        mentions: what a posted message would notify.
    """

    seq: int
    kind: str
    method: str
    request: JSON
    response: Any
    status: int | None
    at: float
    mentions: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether Slack, or the app, said yes."""
        refused = isinstance(self.response, dict) and (
            self.response.get("ok") is False or self.response.get("reason") is not None
        )
        return self.status == 200 and not refused  # noqa: PLR2004 - HTTP's own number

    def to_json(self) -> JSON:
        """For the page's long poll."""
        return {
            "seq": self.seq,
            "kind": self.kind,
            "method": self.method,
            "request": self.request,
            "response": self.response,
            "status": self.status,
            "at": self.at,
            "mentions": list(self.mentions),
        }

    def __str__(self) -> str:
        return (
            f"#{self.seq} {self.kind} {self.method} -> {self.status} "
            f"request={_short(self.request)} response={_short(self.response)}"
        )


class Journal:
    """Keeps entries in order and wakes those who wait."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: deque[JournalEntry] = deque(maxlen=_KEPT)
        self._seq = 0
        self._waiting: set[asyncio.Event] = set()

    def __iter__(self) -> Iterator[JournalEntry]:
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def last(self) -> int:
        """The number of the newest entry; 0 when there is none."""
        return self._seq

    def add(
        self,
        kind: str,
        method: str,
        request: JSON,
        response: Any,
        status: int | None,
        *,
        mentions: tuple[str, ...] = (),
    ) -> JournalEntry:
        """Writes an entry and wakes everybody."""
        self._seq += 1
        entry = JournalEntry(self._seq, kind, method, request, response, status, self._clock(), mentions)
        self._entries.append(entry)
        self.wake()
        return entry

    def find(
        self, kind: str | None = None, method: str | None = None, *, after: int = 0
    ) -> list[JournalEntry]:
        """The entries of a kind and a method, oldest first."""
        return [
            entry
            for entry in self._entries
            if entry.seq > after and kind in (None, entry.kind) and method in (None, entry.method)
        ]

    def tail(self, count: int = 15) -> str:
        """The last entries, one a line, for error messages."""
        return "\n".join(str(entry) for entry in list(self._entries)[-count:]) or "(the journal is empty)"

    def wake(self) -> None:
        """Tells those who wait that something changed."""
        for event in self._waiting:
            event.set()

    async def changed(self, seconds: float) -> None:
        """Returns at the next change, or after some seconds."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting.discard(event)


def _short(value: Any, limit: int = 300) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}..."
