"""Faults that a test, or somebody at the page, switches on for the next calls of a Web API method."""

from collections import deque
from dataclasses import dataclass
from typing import Any

ANY = "*"


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one call.

    Attributes:
        kind: rate_limit, error, http_status, hang, or reset (the connection closes without an answer).
        value: seconds for rate_limit and hang, the error code, or the HTTP status.
        done: whether the call is done all the same, so that the caller cannot know.
    """

    kind: str
    value: Any = None
    done: bool = False


@dataclass(slots=True)
class _Waiting:
    fault: Fault
    left: float


class Faults:
    """Faults waiting for their calls, by method; `*` stands for all methods. `times` may be `math.inf`."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[_Waiting]] = {}

    def rate_limit(self, method: str, times: float = 1, retry_after: int = 1) -> None:
        """The next calls get 429 with `Retry-After` (seconds)."""
        self._add(method, Fault("rate_limit", retry_after), times)

    def fail(self, method: str, error: str, times: float = 1, *, done: bool = False) -> None:
        """The next calls get `{"ok": false, "error": error}`."""
        self._add(method, Fault("error", error, done), times)

    def http_status(self, method: str, status: int, times: float = 1, *, done: bool = False) -> None:
        """The next calls get this HTTP status, as a proxy or a broken server answers."""
        self._add(method, Fault("http_status", status, done), times)

    def hang(self, method: str, seconds: float, times: float = 1, *, done: bool = False) -> None:
        """The next calls get their normal answer, but only after some seconds."""
        self._add(method, Fault("hang", seconds, done), times)

    def reset(self, method: str, times: float = 1, *, done: bool = False) -> None:
        """The next calls get no answer: the connection closes."""
        self._add(method, Fault("reset", None, done), times)

    def lose_answer(self, method: str, times: float = 1) -> None:
        """The next calls are done, but the connection closes before the answer."""
        self.reset(method, times, done=True)

    def add(self, kind: str, method: str, times: int = 1, **options: Any) -> None:
        """The same by name, for the page's API.

        Raises:
            ValueError: for an unknown kind.
        """
        done = bool(options.get("done"))
        makers = {
            "rate_limit": lambda: self.rate_limit(method, times, int(options.get("retry_after", 1))),
            "fail": lambda: self.fail(method, str(options.get("error", "internal_error")), times, done=done),
            "http_status": lambda: self.http_status(
                method, int(options.get("status", 500)), times, done=done
            ),
            "hang": lambda: self.hang(method, float(options.get("seconds", 1)), times, done=done),
            "reset": lambda: self.reset(method, times, done=done),
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
                waiting[0].left -= 1
                return waiting.popleft().fault if waiting[0].left <= 0 else waiting[0].fault
        return None

    def _add(self, method: str, fault: Fault, times: float) -> None:
        if times > 0:
            self._waiting.setdefault(method, deque()).append(_Waiting(fault, times))
