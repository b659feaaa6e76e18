"""`fingerpost data`: what is stored of a person, handed out or erased."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from bot.clock import utc_now
from bot.errors import ConfigurationError
from bot.settings import Settings

commands = typer.Typer(help="What is stored of a person: hand it out, or erase it.", no_args_is_help=True)

_USER = re.compile("[UW][A-Z0-9]{2,}")

User = Annotated[str, typer.Option(help="The person's id in Slack: profile, Copy member ID.")]
Team = Annotated[str | None, typer.Option(help="Workspace id; needed where there are several.")]


@commands.command("export")
def export(
    user: User,
    output: Annotated[Path | None, typer.Option(help="Where to write; without it to the terminal.")] = None,
    team: Team = None,
) -> None:
    """Write all that is stored of a person as JSON: tickets, labels, audit rows, trust, memberships."""
    from bot.app.compose import open_database
    from bot.tickets.label_files import only_team
    from bot.tickets.personal_data import export_person
    from classifier.files import write_text

    _check(user)

    async def work() -> dict[str, object]:
        async with open_database(Settings()) as database:
            return await export_person(database, team or await only_team(database), user, utc_now())

    text = json.dumps(asyncio.run(work()), indent=2, ensure_ascii=False) + "\n"
    if output is None:
        sys.stdout.write(text)
    else:
        write_text(output, text)
        typer.echo(f"Written to {output}.")


@commands.command("erase")
def erase(
    user: User,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    team: Team = None,
) -> None:
    """Erase a person: the texts of their tickets, our posts about them, and their id everywhere else."""
    from bot.app.compose import open_database
    from bot.tickets.label_files import only_team
    from bot.tickets.personal_data import Erasure, erase_person

    _check(user)
    if not yes:
        typer.confirm(f"Erase what is stored of {user}? It cannot be brought back.", abort=True)

    async def work() -> Erasure:
        async with open_database(Settings()) as database:
            return await erase_person(database, team or await only_team(database), user, utc_now())

    done = asyncio.run(work())
    typer.echo(f"Erased: {done.tickets} tickets, and the id in {done.rows} other rows.")
    if done.posts:
        typer.echo(f"{done.posts} posts are still in Slack: the bot deletes them while it runs.")
    typer.echo(
        "Models that were trained before keep what they learned until the next training. "
        "Backups, exports and logs are not touched. What the person writes from now on is kept again."
    )


def _check(user: str) -> None:
    """Refuse what is no id: a short word would be found in everything.

    Raises:
        ConfigurationError: it is none.
    """
    if not _USER.fullmatch(user):
        raise ConfigurationError(
            f"{user} is no person's id in Slack. It begins with U or W: open the profile, Copy member ID."
        )
