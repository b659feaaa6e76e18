"""A message was deleted in Slack, or is too old: what we keep of it goes, and our posts about it too."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.blocks.common import Card
from bot.errors import SlackUnavailable
from bot.queue.serial_tasks import poll
from bot.slack.incoming import IncomingDeletion
from bot.workspace import Workspace
from storage.errors import RowNotFound, StorageError
from storage.models import Reply, Ticket

log = structlog.get_logger(__name__)

LOOK_SECONDS = 5.0
POSTS_AT_ONCE = 4
"""chat.delete is a tier 3 method, some 50 calls a minute."""
TICKETS_AT_ONCE = 100
"""Forgotten in one transaction; messages that come in wait for it."""
LONGEST_WAIT = timedelta(minutes=10)

GONE = frozenset({
    "channel_not_found", "file_deleted", "file_not_found", "message_not_found", "not_in_channel",
    "thread_not_found",
})  # fmt: skip
"""With these there is nothing of ours left that we could reach."""
KEPT = frozenset({
    "cant_delete_file", "cant_delete_message", "compliance_exports_prevent_deletion", "is_archived",
})  # fmt: skip
"""Slack never deletes it, but may let us empty it."""

EMPTIED = Card(
    "The message was deleted.",
    [{"type": "context", "elements": [{"type": "plain_text", "text": "The message was deleted."}]}],
)


FILE = "file:"
"""Surface of a picture in a ticket's thread; the file's id follows, and stands in place of a `ts`."""


async def note_picture(space: Workspace, ticket: Ticket, file_id: str) -> None:
    """Remember a picture of a ticket's words, so that it goes with the message.

    Where the message was deleted while the picture was drawn it goes at once.

    Raises:
        SlackUnavailable: Slack did not delete it.
    """
    try:
        async with space.database.unit_of_work() as work:
            reply, _ = await work.replies.add_if_new(
                team_id=ticket.team_id,
                ticket_id=ticket.id,
                surface=f"{FILE}{file_id}",
                channel_id=ticket.channel_id,
                thread_ts=ticket.ts,
                text="",
                blocks=[],
                now=space.clock(),
            )
            await work.replies.sent(reply.id, ts=file_id, now=space.clock())
            await work.commit()
    except RowNotFound:
        await space.messenger.delete_file(file_id)


class Deletions:
    """Forgets a message that was deleted, whether we have seen it or not."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._forgetter = Forgetter(workspace)

    async def on_deleted(self, payload: Mapping[str, Any], _received_at: datetime) -> None:
        """Make the ticket a tombstone, then delete our posts; what Slack does not take now is tried again.

        A message that comes later than its own deletion finds the tombstone, and nothing comes of it.
        """
        message, space = IncomingDeletion(**payload), self._workspace
        if message.user_id == space.identity.bot_user_id:
            return
        place = {"team_id": message.team_id, "channel_id": message.channel_id, "ts": message.ts}
        async with space.database.reader() as work:
            ticket = await work.tickets.find(**place)
        if ticket is None and not await space.directory.is_support_channel(message.channel_id):
            return
        async with space.database.unit_of_work() as work:
            ticket = await work.forgetting.bury(**place, user_id=message.user_id, now=space.clock())
            await work.commit()
        await space.database.sweep()
        log.info("ticket_forgotten", ticket=str(ticket.id), why="deleted")
        await self._forgetter.remove_posts()


class Forgetter:
    """Deletes our posts about forgotten messages, and forgets what is older than the operator keeps.

    Any number of replicas may do it at once: a post that is gone already is gone.

    Args:
        workspace: the parts.
        retention_days: older tickets and events are forgotten; 0: never.
    """

    def __init__(self, workspace: Workspace, retention_days: int = 0) -> None:
        self._workspace = workspace
        self._keep = timedelta(days=retention_days)
        self._next_tidying: datetime | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        await poll("forgetting", self.look, LOOK_SECONDS, SlackUnavailable, StorageError)

    async def look(self) -> None:
        """Do what is due."""
        now = self._workspace.clock()
        if self._keep and (self._next_tidying is None or now >= self._next_tidying):
            await self.forget_old()
            self._next_tidying = now + timedelta(days=1)
        await self.remove_posts()

    async def remove_posts(self) -> int:
        """Delete posts in Slack that are due; return how many went. The first that has to wait ends it."""
        space = self._workspace
        async with space.database.reader() as work:
            posts = await work.forgetting.to_remove(
                team_id=space.identity.team_id, now=space.clock(), limit=POSTS_AT_ONCE
            )
        for number, post in enumerate(posts):
            try:
                refused = await self._remove(post)
            except SlackUnavailable as error:
                log.warning("post_not_removed_yet", reply=str(post.id), error=error.code)
                step = timedelta(seconds=error.retry_after or 2.0 ** min(post.attempts, 10))
                async with space.database.unit_of_work() as work:
                    await work.forgetting.remove_later(
                        post.id, next_attempt_at=space.clock() + min(step, LONGEST_WAIT)
                    )
                    await work.commit()
                return number
            if refused:
                log.error("post_not_removed", reply=str(post.id), error=refused)
            async with space.database.unit_of_work() as work:
                await work.forgetting.removed(post.id, error=refused)
                await work.commit()
        return len(posts)

    async def _remove(self, post: Reply) -> str | None:
        """Delete a post, or empty it where Slack keeps it; return why neither can ever be.

        Raises:
            SlackUnavailable: not now.
        """
        messenger, ts = self._workspace.messenger, str(post.ts)
        try:
            if post.surface.startswith(FILE):
                await messenger.delete_file(ts)
            else:
                await messenger.delete(post.channel_id, ts)
        except SlackUnavailable as error:
            if error.code in GONE:
                return None
            if not (error.permanent or error.code in KEPT):
                raise
            if post.surface.startswith(FILE):
                return error.code
        else:
            return None
        try:
            await messenger.update(post.channel_id, ts, EMPTIED)
        except SlackUnavailable as error:
            if not error.permanent:
                raise
            return None if error.code in GONE else error.code
        return None

    async def forget_old(self) -> int:
        """Forget what came in before the time that the operator keeps; return how many tickets.

        Our posts stay in Slack: how long those are kept is Slack's own setting.
        """
        space, done = self._workspace, 0
        team_id, before = space.identity.team_id, space.clock() - self._keep
        while True:
            async with space.database.unit_of_work() as work:
                old = await work.forgetting.older(team_id=team_id, before=before, limit=TICKETS_AT_ONCE)
                for ticket in old:
                    await work.forgetting.forget(ticket, now=space.clock(), posts=False)
                await work.commit()
            done += len(old)
            if len(old) < TICKETS_AT_ONCE:
                break
        async with space.database.unit_of_work() as work:
            rows = await work.forgetting.forget_queues(team_id=team_id, before=before)
            await work.commit()
        if done or rows:
            await space.database.sweep()
            log.info("old_tickets_forgotten", tickets=done, others=rows)
        return done
