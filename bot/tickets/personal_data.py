"""What is kept of one person: handed out, or erased."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.database import Database
from storage.tickets.personal_data import ERASED

_AT_ONCE = 100
"""Tickets in one transaction: a bot that runs meanwhile waits no longer than for these."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was done.

    Attributes:
        tickets: forgotten, with what was made from their texts.
        posts: ours about them, which a running bot deletes in Slack.
        rows: others in which the person's id stood.
    """

    tickets: int
    posts: int
    rows: int


async def export_person(database: Database, team_id: str, user_id: str, now: datetime) -> dict[str, Any]:
    """Return everything that is stored of a person, as plain data for JSON."""
    async with database.reader() as work:
        found = await work.personal_data.export(team_id=team_id, user_id=user_id)
    return {"team": team_id, "user": user_id, "exported_at": now.isoformat(), **found}


async def erase_person(database: Database, team_id: str, user_id: str, now: datetime) -> Erasure:
    """Forget a person's tickets, and take their id out of everything else; repeating it is harmless."""
    tickets = 0
    while True:
        async with database.unit_of_work() as work:
            found = await work.forgetting.of_person(team_id=team_id, user_id=user_id, limit=_AT_ONCE)
            for ticket in found:
                await work.forgetting.forget(ticket, now=now)
            await work.commit()
        tickets += len(found)
        if len(found) < _AT_ONCE:
            break
    async with database.unit_of_work() as work:
        rows = await work.forgetting.forget_events_of(team_id=team_id, user_id=user_id)
        rows += sum((await work.personal_data.erase(team_id=team_id, user_id=user_id)).values())
        posts = await work.forgetting.count_to_remove(team_id=team_id)
        erasure = Erasure(tickets, posts, rows)
        details = {"tickets": tickets, "posts": posts, "rows": rows}
        await work.audit.add(
            team_id=team_id, actor="operator", action="data.erase", subject=ERASED, details=details, now=now
        )
        await work.commit()
    await database.sweep()
    return erasure
