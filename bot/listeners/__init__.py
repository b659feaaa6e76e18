"""Bolt listeners: acknowledge, parse, call once. One registration table."""

from __future__ import annotations

import re

from slack_bolt.async_app import AsyncApp

from bot.blocks.action_ids import CATEGORY_VIEW, ActionId
from bot.categories.dialogs import CategoryDialogs
from bot.listeners import actions, commands, home, messages, reactions, views
from bot.listeners.types import Ack
from bot.queue.inbox import Inbox

ANYTHING = re.compile(".*")


def register(app: AsyncApp, inbox: Inbox, dialogs: CategoryDialogs) -> None:
    """Connect each event, command and action to its listener; the first match wins."""
    app.event("message")(messages.on_message(inbox))
    app.event("reaction_added")(reactions.on_reaction(inbox))
    app.event("reaction_removed")(reactions.on_reaction(inbox))
    app.event("app_home_opened")(home.on_opened(inbox))
    app.command("/why")(commands.on_why(inbox))
    app.command("/retrain")(commands.on_retrain(inbox))
    app.command("/categories")(views.on_command(inbox, dialogs))
    app.view(CATEGORY_VIEW)(views.on_submission(inbox, dialogs))
    for opens in (ActionId.CATEGORY_ADD, ActionId.CATEGORY_CHANGE, ActionId.PROPOSAL_ACCEPT):
        app.action(opens)(views.on_change(inbox, dialogs))
    for pressed in (ActionId.CATEGORY_RESTORE, ActionId.PROPOSAL_DISMISS):
        app.action(pressed)(views.on_button(inbox))
    app.action(ActionId.WHY)(actions.on_why(inbox))
    app.action(ActionId.PICTURE)(actions.on_picture(inbox))
    numbered = re.compile(f"^({ActionId.CHOOSE}|{ActionId.ANSWER})_")
    for action_id in (ActionId.CONFIRM, ActionId.CORRECT, numbered):
        app.action(action_id)(actions.on_label(inbox))
    app.action(re.compile(f"^{ActionId.SETTLE}_"))(actions.on_review(inbox))
    # Without a listener Bolt answers 404 and Slack sends the same event three times more.
    app.event(ANYTHING)(_nothing_to_do)
    app.action(ANYTHING)(_acknowledge)
    app.view(ANYTHING)(_acknowledge)
    app.view_closed(ANYTHING)(_acknowledge)


async def _nothing_to_do() -> None:
    """Accept an event that is none of our business (joins, edits, other subtypes)."""


async def _acknowledge(ack: Ack) -> None:
    """Accept an interaction with an element that only opens a link or is from an older version."""
    await ack()
