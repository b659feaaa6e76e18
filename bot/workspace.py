"""What every use case of one workspace works with. Made once by the composition root."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.access import Access
from bot.blocks.common import Card
from bot.clock import Clock
from bot.errors import UserError
from bot.policy import Thresholds
from bot.slack.directory import Directory
from bot.slack.messenger import Identity, Messenger
from bot.slack.people import People
from classifier.contract import Classifier, ModelControl
from storage.database import Database, UnitOfWork
from storage.models import AuditEvent


@dataclass(frozen=True, slots=True)
class Workspace:
    """The parts, and the person-facing error boundary that the use cases share."""

    identity: Identity
    database: Database
    classifier: Classifier
    messenger: Messenger
    people: People
    directory: Directory
    access: Access
    clock: Clock
    wake_outbox: Callable[[], None]
    thresholds: Thresholds = field(default_factory=Thresholds)
    retrain_min_labels: int = 5
    retrain_after_labels: int = 0
    models: ModelControl | None = None
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
