"""App Home: published when a person opens it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.blocks.category_update import update_card
from bot.blocks.common import Blocks, CategoryView
from bot.blocks.drift import drift_blocks
from bot.blocks.home import GIVEN_UP_SHOWN, home_view
from bot.categories.proposals import proposals_for_home
from bot.errors import SlackUnavailable, UserError
from bot.models.drift import drift_figures
from bot.rights import Deed, Reach, reach
from bot.slack.people import UNKNOWN
from bot.tickets.review_queue import ReviewQueue
from bot.workspace import Workspace
from classifier.contract import ClassifierUnavailable
from storage.models import InboxState, RetrainRun

UPDATES_SHOWN = timedelta(days=7)
"""So long an admin sees what came of the last change of the categories, who may not have been told."""

log = structlog.get_logger(__name__)


class Home:
    """Builds and publishes a person's Home tab."""

    def __init__(self, workspace: Workspace, reviews: ReviewQueue) -> None:
        self._workspace = workspace
        self._reviews = reviews

    async def on_opened(self, payload: Mapping[str, Any], _received_at: datetime) -> None:
        """Publish the Home tab of the person who opened it."""
        self._workspace.access.require_ours(payload)
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
            given_up = await work.inbox.dead_letters(team_id=team_id, limit=GIVEN_UP_SHOWN)
            categories = await space.directory.categories(work)
            figures = await drift_figures(work, team_id, space.clock())
            update = await work.runs.latest_update(team_id=team_id, since=space.clock() - UPDATES_SHOWN)
        role = await space.people.role(user_id)
        is_admin = reach(Deed.CHANGE, role) is not Reach.NO
        member = reach(Deed.FIGURES, role) is not Reach.NO
        figures_shown = drift_blocks(figures) if member else []
        view = home_view(
            categories,
            model,
            counts if member else None,
            is_admin,
            await self._reviews.queue(user_id, notice),
            figures=[*figures_shown, *(_update_blocks(update, categories) if is_admin else [])],
            given_up=[(e.kind, e.received_at, e.last_error or "") for e in given_up],
            proposals=await proposals_for_home(space, user_id) if is_admin else [],
        )
        try:
            await space.messenger.publish_home(user_id, view)
        except SlackUnavailable as error:
            if error.code not in UNKNOWN:
                raise
            log.info("home_not_shown", error=error.code)  # a person of another workspace has no tab here


def _update_blocks(run: RetrainRun | None, categories: Sequence[CategoryView]) -> Blocks:
    """Say what came of the last change of the categories."""
    if run is None:
        return []
    names = {view.slug: view.name for view in categories}
    return list(update_card(run.state, run.reason or "", run.metrics or {}, names).blocks)
