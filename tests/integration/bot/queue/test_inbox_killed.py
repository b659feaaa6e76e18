"""An event that ends its process, in real processes."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import pytest

from bot.clock import utc_now
from bot.queue.inbox import Inbox, Kind
from storage.database import Database

PROGRAM = """
import asyncio, os, sys
from datetime import timedelta
from bot.clock import utc_now
from bot.queue.inbox import Inbox, Kind
from storage.database import Database
from storage.states import InboxState

url, hours = sys.argv[1], int(sys.argv[2])

async def handle(payload, _received_at):
    if payload["name"] == "killer":
        os._exit(9)

async def main():
    database = Database(url)
    inbox = Inbox(database, "T1", {Kind.MESSAGE: handle}, lambda: utc_now() + timedelta(hours=hours))
    task = asyncio.create_task(inbox.run())
    while True:
        await asyncio.sleep(0.02)
        async with database.reader() as work:
            counts = await work.inbox.counts()
        if not counts[InboxState.PENDING] + counts[InboxState.WORKING]:
            break
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await database.dispose()

asyncio.run(main())
"""


async def start(url: str, hours: int) -> int:
    """Run a worker until it ends, or is ended; each starts later, when leases are over."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, url, str(hours), env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(60):
        return await process.wait()


@pytest.mark.long
async def test_an_event_that_ends_its_process_is_given_up_and_takes_no_other_with_it(
    database: Database, database_url: str
):
    inbox = Inbox(database, "T1", {}, utc_now)
    for name in ("killer", *(f"m{number}" for number in range(20))):
        payload: dict[str, Any] = {"name": name}
        await inbox.add(team_id="T1", event_id=name, kind=Kind.MESSAGE, payload=payload)
    ends = [await start(database_url, hours) for hours in range(6)]
    assert ends == [9, 9, 9, 9, 9, 0]
    async with database.reader() as work:
        counts = await work.inbox.counts(team_id="T1")
        letters = await work.inbox.dead_letters(team_id="T1")
    assert (counts["done"], [letter.event_id for letter in letters]) == (20, ["killer"])
    assert letters[0].last_error == "ended its worker 5 times"
