"""Faults that a test, or somebody at the page, switches on for the next calls of a Web API method."""

from collections import deque
from dataclasses import dataclass
from typing import Any

ANY = "*"


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one call.

    Attributes:
        kind: rate_limit, error, http_status, hang (nothing is done) or lose_answer (done, but the
            connection closes before the answer: the caller cannot know).
        value: seconds for rate_limit and hang, the error code, or the HTTP status.
    """

    kind: str
    value: Any = None


class Faults:
    """Faults waiting for their calls, by method; `*` stands for all methods."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Fault]] = {}

    def rate_limit(self, method: str, times: int = 1, retry_after: int = 1) -> None:
        """The next calls get 429 with `Retry-After` (seconds)."""
        self._add(method, Fault("rate_limit", retry_after), times)

    def fail(self, method: str, error: str, times: int = 1) -> None:
        """The next calls get `{"ok": false, "error": error}`."""
        self._add(method, Fault("error", error), times)

    def http_status(self, method: str, status: int, times: int = 1) -> None:
        """The next calls get this HTTP status and no JSON."""
        self._add(method, Fault("http_status", status), times)

    def hang(self, method: str, seconds: float, times: int = 1) -> None:
        """The next calls get their normal answer, but only after some seconds."""
        self._add(method, Fault("hang", seconds), times)

    def lose_answer(self, method: str, times: int = 1) -> None:
        """The next calls are done, but the connection closes before the answer."""
        self._add(method, Fault("lose_answer"), times)

    def add(self, kind: str, method: str, times: int = 1, **options: Any) -> None:
        """The same by name, for the page's API.

        Raises:
            ValueError: for an unknown kind.
        """
        makers = {
            "rate_limit": lambda: self.rate_limit(method, times, int(options.get("retry_after", 1))),
            "fail": lambda: self.fail(method, str(options.get("error", "internal_error")), times),
            "http_status": lambda: self.http_status(method, int(options.get("status", 500)), times),
            "hang": lambda: self.hang(method, float(options.get("seconds", 1)), times),
            "lose_answer": lambda: self.lose_answer(method, times),
        }
        if kind not in makers:
            raise ValueError(f"unknown fault {kind!r}; there are {sorted(makers)}")
        makers[kind]()

    def clear(self) -> None:
        """Everything works again."""
        self._waiting.clear()

    def next_for(self, method: str) -> Fault | None:
        """Takes the fault that is next in line for a call, if any."""
        for name in (method, ANY):
            waiting = self._waiting.get(name)
            if waiting:
                return waiting.popleft()
        return None

    def _add(self, method: str, fault: Fault, times: int) -> None:
        self._waiting.setdefault(method, deque()).extend([fault] * times)
