"""Labels in and out of a workspace as CSV rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from bot.errors import ConfigurationError
from bot.slack.redaction import redact
from classifier.contract import OUT_OF_SCOPE_LABEL
from storage.database import Database, UnitOfWork
from storage.models import LabelKind, LabelRole, LabelSource, Ticket, TicketState
from storage.tickets.tickets import IMPORTED

__all__ = ["IMPORTED", "export_labels", "import_labels", "keep_text", "only_team"]


async def only_team(database: Database) -> str:
    """Return the one workspace that this database knows.

    Raises:
        ConfigurationError: there is none yet, or more than one.
    """
    async with database.reader() as work:
        teams = await work.categories.teams()
    if len(teams) != 1:
        known = f"it knows {', '.join(teams)}: name one with --team" if teams else "start the bot once first"
        raise ConfigurationError(f"The database does not say which workspace is meant; {known}.")
    return teams[0]


async def import_labels(
    database: Database, team_id: str, rows: Sequence[tuple[str, str]], now: datetime
) -> int:
    """Add (text, label) rows as labels of the role `import`, in one transaction; return how many were new.

    Raises:
        ConfigurationError: a label is no category of this workspace.
    """
    async with database.unit_of_work() as work:
        known = {row.slug for row in await work.categories.active(team_id=team_id)}
        unknown = sorted({label for _, label in rows} - known - {OUT_OF_SCOPE_LABEL})
        if unknown:
            raise ConfigurationError(
                f"No such categories: {', '.join(unknown[:5])}. The file may use {', '.join(sorted(known))} "
                f"and {OUT_OF_SCOPE_LABEL}; nothing was imported."
            )
        new = 0
        for text, label in rows:
            ticket, added = await keep_text(work, team_id, redact(text), now)
            new += added
            await work.labels.add(
                team_id=team_id,
                ticket_id=ticket.id,
                category=None if label == OUT_OF_SCOPE_LABEL else label,
                user_id="import",
                role=LabelRole.IMPORT,
                kind=LabelKind.IMPORTED,
                source=LabelSource.IMPORT,
                now=now,
            )
        await work.commit()
    return new


async def keep_text(work: UnitOfWork, team_id: str, text: str, now: datetime) -> tuple[Ticket, bool]:
    """Keep a redacted text as a ticket that was never in Slack; return it, and whether it is new."""
    digest = int(hashlib.sha256(text.encode()).hexdigest()[:13], 16)
    ticket, new = await work.tickets.add_if_new(
        team_id=team_id, channel_id=IMPORTED, ts=f"0.{digest}", user_id="import", text=text, now=now
    )
    if new:
        await work.tickets.decide(ticket, state=TicketState.ASKED, category=None)
    return ticket, new


async def export_labels(database: Database, team_id: str) -> list[tuple[str, str]]:
    """Return (text, label) of what a retraining would learn from.

    Disputed and doubted tickets are left out, and the gold set, which must never be trained on elsewhere.
    """
    async with database.reader() as work:
        examples = await work.labels.training_examples(team_id=team_id)
    return [(example.text, example.category or OUT_OF_SCOPE_LABEL) for example in examples]
