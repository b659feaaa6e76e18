"""App Home: published when a person opens it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.blocks.home import home_view
from bot.people import Role
from bot.proposals import with_proposals
from bot.workspace import Workspace
from classifier.contract import ClassifierUnavailable
from storage.models import InboxState


class Home:
    """Builds and publishes a person's Home tab."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def on_opened(self, payload: Mapping[str, Any], _received_at: datetime) -> None:
        """Publish the Home tab of the person who opened it."""
        space, user_id = self._workspace, str(payload["user_id"])
        await space.directory.refresh()
        try:
            model = (await space.classifier.model()).version
        except ClassifierUnavailable:
            model = "not reachable at the moment"
        team_id = space.identity.team_id
        async with space.database.reader() as work:
            inbox = await work.inbox.counts(team_id=team_id)
            counts = {
                "tickets": await work.tickets.count(team_id=team_id),
                "labels": await work.labels.count_since(team_id=team_id, when=None),
                "waiting": inbox.get(InboxState.PENDING, 0) + inbox.get(InboxState.WORKING, 0),
                "dead": inbox.get(InboxState.DEAD, 0),
            }
            categories = await space.directory.categories(work)
        is_admin = await space.people.role(user_id) is Role.ADMIN
        view = home_view(categories, model, counts, is_admin)
        view = await with_proposals(space, view) if is_admin else view
        await space.messenger.publish_home(user_id, view)
