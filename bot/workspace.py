"""What every use case of one workspace works with. Made once by the composition root."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from bot.blocks.common import Card
from bot.clock import Clock
from bot.errors import UnknownMessage, UserError
from bot.policy import Thresholds
from bot.slack.directory import Directory
from bot.slack.messenger import Identity, Messenger
from bot.slack.people import People
from classifier.contract import Classifier
from storage.database import Database, UnitOfWork
from storage.models import AuditEvent, Ticket


class Versions(Protocol):
    """Model versions."""

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, oldest first."""

    @property
    def active(self) -> str | None:
        """The one that answers."""


class Models(Protocol):
    """Lets another model version answer, here or in the classifier service.

    Every method may raise ClassifierError. See classifier.serving.control, which the bot does not import.
    """

    async def activate(self, version: str) -> str:
        """Let a version answer; returns its name."""

    async def rollback(self) -> str:
        """Let the version answer that answered before; returns its name."""

    async def versions(self) -> Versions:
        """Say which versions there are."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The parts, and the person-facing error boundary that the use cases share."""

    identity: Identity
    database: Database
    classifier: Classifier
    messenger: Messenger
    people: People
    directory: Directory
    clock: Clock
    wake_outbox: Callable[[], None]
    thresholds: Thresholds = field(default_factory=Thresholds)
    retrain_min_labels: int = 5
    retrain_after_labels: int = 0
    models: Models | None = None
    next_retraining: Callable[[datetime], datetime | None] | None = None

    async def audit(
        self, work: UnitOfWork, actor: str, action: str, subject: str, details: dict[str, Any] | None = None
    ) -> AuditEvent:
        """Keep that `actor` did `action` to `subject`; the caller commits."""
        return await work.audit.add(
            team_id=self.identity.team_id,
            actor=actor,
            action=action,
            subject=subject,
            details=details,
            now=self.clock(),
        )

    async def ticket(self, team_id: str, ticket_id: UUID) -> Ticket:
        """Return a ticket.

        Raises:
            UnknownMessage: it was deleted, or never was one.
        """
        async with self.database.reader() as work:
            ticket = await work.tickets.get(team_id=team_id, ticket_id=ticket_id)
        if ticket is None:
            raise UnknownMessage
        return ticket

    @asynccontextmanager
    async def tell_person(self, response_url: str) -> AsyncIterator[None]:
        """Show a UserError to the person who asked; anything else goes on to the process's boundary."""
        try:
            yield
        except UserError as error:
            await self.tell(response_url, str(error))

    async def tell(self, response_url: str, text: str) -> None:
        """Answer with one line of text that only this person sees."""
        section = {"type": "section", "text": {"type": "plain_text", "text": text[:2900]}}
        await self.messenger.respond(response_url, Card(text, [section]))
