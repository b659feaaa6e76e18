"""The shapes of listeners, as Bolt calls them: arguments by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Ack = Callable[..., Awaitable[Any]]
EventListener = Callable[[dict[str, Any]], Awaitable[None]]
AckListener = Callable[[Ack, dict[str, Any]], Awaitable[None]]
