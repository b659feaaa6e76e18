"""What open pages see: frames for everybody in a workspace, or for one person."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from playground.workspace.journal import Journal
from playground.workspace.shapes import JSON


class Streams:
    """Hands frames to the pages that are open; each change also wakes `wait_for`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._open: dict[asyncio.Queue[JSON], tuple[str, str]] = {}

    @contextmanager
    def listen(self, team_id: str, user_id: str) -> Iterator[asyncio.Queue[JSON]]:
        """A queue of the frames that this person's page gets while it is open."""
        queue: asyncio.Queue[JSON] = asyncio.Queue()
        self._open[queue] = (team_id, user_id)
        try:
            yield queue
        finally:
            del self._open[queue]

    def publish(self, frame: JSON, *, team_id: str | None = None, users: list[str] | None = None) -> None:
        """Sends a frame.

        Args:
            frame: `{"type": ..., ...}` as the page expects it.
            team_id: only to pages of this workspace.
            users: only to these people.
        """
        for queue, (team, user) in self._open.items():
            if team_id in (None, team) and (users is None or user in users):
                queue.put_nowait(frame)
        self._journal.wake()
