"""`fingerpost inbox`: what was given up, and what to do with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from bot.clock import utc_now
from bot.errors import ConfigurationError
from bot.settings import Settings

if TYPE_CHECKING:  # the database takes its time to import, and every command imports this module
    from storage.database import UnitOfWork
    from storage.models import InboxEvent

commands = typer.Typer(help="What came from Slack and was given up.", no_args_is_help=True)
out = Console()
Team = Annotated[str | None, typer.Option(help="Workspace id; needed where there are several.")]
Reference = Annotated[str, typer.Argument(help="As `list` shows it; its beginning is enough.")]


@commands.command("list")
def list_events(team: Team = None) -> None:
    """List what was given up, newest first, with its reason; no text of a message."""

    async def work() -> Sequence[InboxEvent]:
        async with _opened(team) as (units, team_id):
            return await units.inbox.dead_letters(team_id=team_id, limit=None)

    events = asyncio.run(work())
    for event in events:
        when = f"{event.received_at:%Y-%m-%d %H:%M} UTC"
        _say(f"{str(event.id)[:8]}  {when}  {event.kind}  {event.last_error or 'no reason is known'}")
    if not events:
        _say("Nothing was given up.")


@commands.command("show")
def show(reference: Reference, team: Team = None) -> None:
    """Show one event as it was kept, with the text of its message."""

    async def work() -> InboxEvent:
        async with _opened(team) as (units, team_id):
            return await _find(units, team_id, reference)

    event = asyncio.run(work())
    facts = {
        "id": str(event.id),
        "event": event.event_id,
        "kind": event.kind,
        "received": event.received_at.isoformat(),
        "attempts": event.attempts,
        "reason": event.last_error,
        "payload": event.payload,
    }
    _say(json.dumps(facts, indent=2, ensure_ascii=False))


@commands.command("replay")
def replay(
    reference: Annotated[str | None, typer.Argument(help="As `list` shows it.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All that were given up.")] = False,
    team: Team = None,
) -> None:
    """Work on it again, with all its attempts; a running bot takes it up within a second."""
    if (reference is None) is not all_:
        raise ConfigurationError("Name one event, or say --all.")

    async def work() -> int:
        async with _opened(team) as (units, team_id):
            if reference is None:
                events = await units.inbox.dead_letters(team_id=team_id, limit=None)
            else:
                events = [await _find(units, team_id, reference)]
            revived = [await units.inbox.revive(e.id, team_id=team_id, now=utc_now()) for e in events]
            await units.commit()
            return sum(revived)

    _say(f"{asyncio.run(work())} to be worked on again.")


@commands.command("drop")
def drop(reference: Reference, team: Team = None) -> None:
    """Be done with an event for good; its payload goes."""

    async def work() -> bool:
        async with _opened(team) as (units, team_id):
            event = await _find(units, team_id, reference)
            dropped = await units.inbox.drop(event.id, team_id=team_id, now=utc_now())
            await units.commit()
            return dropped

    _say("Dropped." if asyncio.run(work()) else "Somebody else was faster.")


@asynccontextmanager
async def _opened(team: str | None) -> AsyncIterator[tuple[UnitOfWork, str]]:
    from bot.app.compose import open_database
    from bot.tickets.label_files import only_team

    async with open_database(Settings()) as database:
        team_id = team or await only_team(database)
        async with database.unit_of_work() as units:
            yield units, team_id


async def _find(units: UnitOfWork, team_id: str, reference: str) -> InboxEvent:
    events = await units.inbox.dead_letters(team_id=team_id, limit=None)
    found = [event for event in events if str(event.id).startswith(reference.lower())]
    if len(found) != 1:
        many = "Several events begin so" if found else "No event that was given up begins so"
        raise ConfigurationError(f"{many}: {reference}. `fingerpost inbox list` shows them.")
    return found[0]


def _say(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)
