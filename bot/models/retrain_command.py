"""`/retrain` and its subcommands. Admins only; but for the progress message only they see the answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.blocks.common import Card
from bot.blocks.retraining import help_card, history_card, status_card
from bot.errors import RetrainingRefused
from bot.models.retrain_requests import RetrainRequests
from bot.models.rollback import Rollback
from bot.models.shadow import end_by, silent
from bot.rights import Deed
from bot.workspace import Workspace
from classifier.contract import ClassifierUnavailable
from storage.models import RunState

HISTORY = 10


class RetrainCommand:
    """Reads the subcommand and carries it out."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._requests = RetrainRequests(workspace)
        self._rollback = Rollback(workspace)

    async def on_command(self, payload: Mapping[str, Any], received_at: datetime) -> None:
        """Answer `/retrain [subcommand]`; one that is unknown gets the help."""
        space, url, user_id = self._workspace, payload["response_url"], payload["user_id"]
        name, _, argument = str(payload.get("text") or "").strip().partition(" ")
        async with space.tell_person(url):
            space.access.require_ours(payload)
            await space.access.require(Deed.RETRAIN, user_id)
            match name.lower(), argument.strip(" `"):
                case ("" | "start" | "dry-run") as word, "":
                    await self._requests.start(
                        user_id, payload["channel_id"], received_at, dry_run=word == "dry-run"
                    )
                case "cancel", "":
                    await space.tell(url, await self._cancel(user_id))
                case "status", "":
                    await space.messenger.respond(url, await self._status())
                case "history", "":
                    await space.messenger.respond(url, await self._history())
                case "rollback", version:
                    card = await self._rollback.run(user_id, version, received_at)
                    await space.messenger.respond(url, card)
                case _:
                    await space.messenger.respond(url, help_card())

    async def _status(self) -> Card:
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
        return status_card(
            version=version,
            active=active,
            last=last,
            new_labels=new_labels,
            after_labels=space.retrain_after_labels,
            next_at=space.next_retraining(space.clock()) if space.next_retraining else None,
            shadow=shadow,
        )

    async def _history(self) -> Card:
        space = self._workspace
        async with space.database.reader() as work:
            runs = await work.runs.history(team_id=space.identity.team_id, limit=HISTORY)
        return history_card(runs)

    async def _cancel(self, user_id: str) -> str:
        """End a run that waits; ask the worker of one that is under way to end it; return what to say."""
        space, team_id = self._workspace, self._workspace.identity.team_id
        async with space.database.unit_of_work() as work:
            run = await work.runs.request_cancel(team_id=team_id, by=user_id, now=space.clock())
            if run is not None:
                await space.audit(work, user_id, "retrain_cancel", run.slot)
                waited = run.state == RunState.CANCELLED
                said = f"The retraining {'is cancelled' if waited else 'ends within a second or two'}."
            elif version := await end_by(space, work, user_id):
                said = f"`{version}` answers no more in silence. The model stays as it was."
            else:
                raise RetrainingRefused("There is no retraining to cancel.")
            await work.commit()
        return said
