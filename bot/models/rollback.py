"""`/retrain rollback [version]`: another model answers, while messages keep coming in."""

from __future__ import annotations

from datetime import datetime

import structlog

from bot.blocks.common import Card
from bot.blocks.retraining import rollback_card
from bot.errors import UserError
from bot.workspace import Workspace
from classifier.contract import (
    ClassifierError,
    ClassifierUnavailable,
    InvalidInput,
    ModelControl,
    UnknownVersion,
)

log = structlog.get_logger(__name__)
INTENT, DONE = "rollback_asked", "rollback"


class Rollback:
    """Lets an earlier version answer: in this process or in the classifier service."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def run(self, user_id: str, wanted: str, received_at: datetime) -> Card:
        """Activate the version before, or the one that is named; return what to answer.

        The caller has checked the role.

        Raises:
            UserError: there is no such version, it cannot be loaded, or the service cannot be reached.
        """
        space, team_id = self._workspace, self._workspace.identity.team_id
        if space.models is None:
            raise UserError("I cannot reach the model versions from here: use `fingerpost models rollback`.")
        try:
            active = (await space.models.versions()).active
            before = await self._intent(user_id, f"command/{received_at.isoformat()}", active, wanted)
            version = await self._change(space.models, active, before, wanted)
        except ClassifierUnavailable as error:
            raise UserError("The classifier does not answer at the moment. Try again in a minute.") from error
        except ClassifierError as error:
            raise UserError(_readable(error, wanted)) from error
        async with space.database.unit_of_work() as work:
            row = await work.models.activate(team_id=team_id, version=version, now=space.clock())
            busy = await work.runs.active(team_id=team_id)
            await space.audit(work, user_id, DONE, version, {"before": before, "noted": row is not None})
            await work.commit()
        log.info("rolled_back", version=version, before=before)
        return rollback_card(version, before, busy=busy is not None)

    async def _intent(self, user_id: str, command: str, active: str | None, wanted: str) -> str | None:
        """Write down which version answered when this command came; a second try reads it."""
        space, team_id = self._workspace, self._workspace.identity.team_id
        async with space.database.unit_of_work() as work:
            earlier = await work.audit.find(team_id=team_id, action=INTENT, subject=command)
            if earlier is not None:
                before: str | None = earlier.details.get("before")
                return before
            await space.audit(work, user_id, INTENT, command, {"before": active, "wanted": wanted or None})
            await work.commit()
        return active

    @staticmethod
    async def _change(models: ModelControl, active: str | None, before: str | None, wanted: str) -> str:
        if wanted:
            return await models.activate(wanted)
        if active is not None and active != before:
            return active  # the first try changed it and failed afterwards: not two versions back
        return await models.rollback()


def _readable(error: ClassifierError, wanted: str) -> str:
    if isinstance(error, UnknownVersion):
        return f"There is no version {wanted[:40]}. `/retrain history` names those of the last retrainings."
    if isinstance(error, InvalidInput):
        return "There is no earlier version to go back to. Name one: `/retrain rollback VERSION`."
    return f"The model stays as it was: {error}."
