"""Bolt listeners: acknowledge, parse, call once. One registration table."""

from __future__ import annotations

import re
from functools import partial

from slack_bolt.async_app import AsyncApp

from bot.blocks.action_ids import CATEGORY_VIEW, ActionId
from bot.categories.dialogs import CategoryDialogs
from bot.listeners import views
from bot.listeners.commands import on_action, on_command
from bot.listeners.events import on_event, on_home_opened
from bot.listeners.types import Ack
from bot.queue.backfill import Backfill
from bot.queue.inbox import Inbox, Kind
from bot.slack.incoming import (
    NO_APPS,
    Accepted,
    parse_deletion,
    parse_edit,
    parse_membership,
    parse_message,
    parse_reaction,
    parse_removal,
)

ANYTHING = re.compile(".*")


def register(
    app: AsyncApp,
    inbox: Inbox,
    dialogs: CategoryDialogs,
    accepted: Accepted = NO_APPS,
    backfill: Backfill | None = None,
) -> None:
    """Connect each event, command and action to its listener; the first match wins."""
    messages = (Kind.MESSAGE, partial(parse_message, accepted=accepted))
    edits = (Kind.EDIT, partial(parse_edit, accepted=accepted))
    deletions = (Kind.DELETED, parse_deletion)
    app.event("message")(on_event(inbox, messages, deletions, edits, backfill=backfill))
    app.event("reaction_added")(on_event(inbox, (Kind.REACTION, parse_reaction)))
    app.event("reaction_removed")(on_event(inbox, (Kind.REACTION, parse_reaction)))
    for removed in ("app_uninstalled", "tokens_revoked"):
        app.event(removed)(on_event(inbox, (Kind.REMOVED, parse_removal)))
    for moved in ("member_joined_channel", "member_left_channel"):
        app.event(moved)(on_event(inbox, (Kind.MEMBER, parse_membership)))
    app.event("app_home_opened")(on_home_opened(inbox))
    app.command("/why")(on_command(inbox, Kind.WHY))
    app.command("/retrain")(on_command(inbox, Kind.RETRAIN))
    app.command("/categories")(views.on_command(inbox, dialogs))
    app.view(CATEGORY_VIEW)(views.on_submission(inbox, dialogs))
    for opens in (ActionId.CATEGORY_ADD, ActionId.CATEGORY_CHANGE, ActionId.PROPOSAL_ACCEPT):
        app.action(opens)(views.on_change(inbox, dialogs))
    for pressed in (ActionId.CATEGORY_RESTORE, ActionId.PROPOSAL_DISMISS):
        app.action(pressed)(views.on_button(inbox))
    app.action(ActionId.WHY)(on_action(inbox, Kind.WHY_BUTTON))
    app.action(ActionId.PICTURE)(on_action(inbox, Kind.PICTURE))
    numbered = re.compile(f"^({ActionId.CHOOSE}|{ActionId.ANSWER})_")
    for action_id in (ActionId.CONFIRM, ActionId.CORRECT, numbered):
        app.action(action_id)(on_action(inbox, Kind.ACTION))
    app.action(re.compile(f"^{ActionId.SETTLE}_"))(on_action(inbox, Kind.REVIEW))
    # Without a listener Bolt answers 404 and Slack sends the same event three times more.
    app.event(ANYTHING)(_nothing_to_do)
    app.action(ANYTHING)(_acknowledge)
    app.view(ANYTHING)(_acknowledge)
    app.view_closed(ANYTHING)(_acknowledge)


async def _nothing_to_do() -> None:
    """Accept an event that is none of our business (other subtypes)."""


async def _acknowledge(ack: Ack) -> None:
    """Accept an interaction with an element that only opens a link or is from an older version."""
    await ack()
