"""App Home: published when a person opens it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.blocks.category_update import update_card
from bot.blocks.common import Blocks, CategoryView
from bot.blocks.drift import drift_blocks
from bot.blocks.home import home_view
from bot.categories.proposals import proposals_for_home
from bot.errors import UserError
from bot.models.drift import drift_figures
from bot.slack.people import Role
from bot.tickets.review_queue import ReviewQueue
from bot.workspace import Workspace
from classifier.contract import ClassifierUnavailable
from storage.models import InboxState, RetrainRun

UPDATES_SHOWN = timedelta(days=7)
"""So long an admin sees what came of the last change of the categories, who may not have been told."""


class Home:
    """Builds and publishes a person's Home tab."""

    def __init__(self, workspace: Workspace, reviews: ReviewQueue) -> None:
        self._workspace = workspace
        self._reviews = reviews

    async def on_opened(self, payload: Mapping[str, Any], _received_at: datetime) -> None:
        """Publish the Home tab of the person who opened it."""
        await self.publish(str(payload["user_id"]))

    async def on_review(self, payload: Mapping[str, Any], received_at: datetime) -> None:
        """Settle what a person tapped on in the queue, and show them their tab as it is now."""
        notice = ""
        try:
            await self._reviews.settle(payload, received_at)
        except UserError as error:
            notice = str(error)
        await self.publish(str(payload["user_id"]), notice)

    async def publish(self, user_id: str, notice: str = "") -> None:
        """Show a person their Home tab; `notice` says why their last tap changed nothing."""
        space = self._workspace
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
            figures = await drift_figures(work, team_id, space.clock())
            update = await work.runs.latest_update(team_id=team_id, since=space.clock() - UPDATES_SHOWN)
        is_admin = await space.people.role(user_id) is Role.ADMIN
        view = home_view(
            categories,
            model,
            counts,
            is_admin,
            await self._reviews.queue(user_id, notice),
            figures=[*drift_blocks(figures), *(_update_blocks(update, categories) if is_admin else [])],
            proposals=await proposals_for_home(space) if is_admin else [],
        )
        await space.messenger.publish_home(user_id, view)


def _update_blocks(run: RetrainRun | None, categories: Sequence[CategoryView]) -> Blocks:
    """Say what came of the last change of the categories."""
    if run is None:
        return []
    names = {view.slug: view.name for view in categories}
    return list(update_card(run.state, run.reason or "", run.metrics or {}, names).blocks)
