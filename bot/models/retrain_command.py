"""`/retrain` and its subcommands. Admins only; but for the progress message only they see the answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.blocks.retraining import help_card, history_card, status_card
from bot.errors import NotAllowed, RetrainingRefused
from bot.models.retrain_requests import RetrainRequests
from bot.models.rollback import Rollback
from bot.models.shadow import end_by, silent
from bot.slack.people import Role
from bot.workspace import Workspace
from classifier.contract import ClassifierUnavailable
from storage.models import RunState

HISTORY = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """One command."""

    user_id: str
    channel_id: str
    argument: str
    response_url: str
    received_at: datetime


class RetrainCommand:
    """Reads the subcommand and carries it out."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._requests = RetrainRequests(workspace)
        self._rollback = Rollback(workspace)
        self._subcommands: dict[str, Callable[[Asked], Awaitable[None]]] = {
            "": self._start,
            "start": self._start,
            "dry-run": self._dry_run,
            "status": self._status,
            "cancel": self._cancel,
            "history": self._history,
        }

    async def on_command(self, payload: Mapping[str, Any], received_at: datetime) -> None:
        """Answer `/retrain [subcommand]`; one that is unknown gets the help."""
        space, url = self._workspace, payload["response_url"]
        name, _, argument = str(payload.get("text") or "").strip().partition(" ")
        name, argument = name.lower(), argument.strip(" `")
        asked = Asked(payload["user_id"], payload["channel_id"], argument, url, received_at)
        async with space.tell_person(url):
            if await space.people.role(asked.user_id) is not Role.ADMIN:
                raise NotAllowed("Only admins may retrain me. Ask a workspace admin.")
            if name == "rollback":
                card = await self._rollback.run(asked.user_id, asked.argument, received_at)
                await space.messenger.respond(url, card)
            elif name in self._subcommands and not asked.argument:
                await self._subcommands[name](asked)
            else:
                await space.messenger.respond(url, help_card())

    async def _start(self, asked: Asked) -> None:
        await self._requests.start(asked.user_id, asked.channel_id, asked.received_at)

    async def _dry_run(self, asked: Asked) -> None:
        await self._requests.start(asked.user_id, asked.channel_id, asked.received_at, dry_run=True)

    async def _status(self, asked: Asked) -> None:
        space, team_id = self._workspace, self._workspace.identity.team_id
        try:
            version = (await space.classifier.model()).version
        except ClassifierUnavailable:
            version = "a model that is not reachable at the moment"
        async with space.database.reader() as work:
            active = await work.runs.active(team_id=team_id)
            last = next(iter(await work.runs.history(team_id=team_id, limit=1)), None)
            shadow = await silent(work, team_id)
            new_labels = await work.labels.count_since(
                team_id=team_id, when=await work.runs.last_success(team_id=team_id)
            )
        card = status_card(
            version=version,
            active=active,
            last=last,
            new_labels=new_labels,
            after_labels=space.retrain_after_labels,
            next_at=space.next_retraining(space.clock()) if space.next_retraining else None,
            shadow=shadow,
        )
        await space.messenger.respond(asked.response_url, card)

    async def _history(self, asked: Asked) -> None:
        space = self._workspace
        async with space.database.reader() as work:
            runs = await work.runs.history(team_id=space.identity.team_id, limit=HISTORY)
        await space.messenger.respond(asked.response_url, history_card(runs))

    async def _cancel(self, asked: Asked) -> None:
        """End a run that waits; ask the worker of one that is under way to end it."""
        space, team_id = self._workspace, self._workspace.identity.team_id
        async with space.database.unit_of_work() as work:
            run = await work.runs.request_cancel(team_id=team_id, by=asked.user_id, now=space.clock())
            if run is None:
                version = await end_by(space, work, asked.user_id)
                if version is None:
                    raise RetrainingRefused("There is no retraining to cancel.")
                await work.commit()
                text = f"`{version}` answers no more in silence. The model stays as it was."
                await space.tell(asked.response_url, text)
                return
            await work.audit.add(
                team_id=team_id,
                actor=asked.user_id,
                action="retrain_cancel",
                subject=run.slot,
                details={},
                now=space.clock(),
            )
            await work.commit()
        waited = run.state == RunState.CANCELLED
        text = "The retraining is cancelled." if waited else "The retraining ends within a second or two."
        await space.tell(asked.response_url, text)
