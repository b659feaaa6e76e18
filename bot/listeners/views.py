"""`/categories`: modals are opened and checked while Slack waits; what is to be done goes to the inbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from bot.blocks.action_ids import ActionId, CategoryOp, CategoryValue, ModalValue
from bot.blocks.common import escape
from bot.categories.dialogs import WITH_MODAL, CategoryDialogs
from bot.categories.rules import CategoryForm
from bot.listeners.commands import trigger
from bot.listeners.types import Ack, AckListener
from bot.queue.inbox import Inbox, Kind
from bot.slack.incoming import team_of
from bot.slack.redaction import redact

FORGED = (ValueError, KeyError, TypeError, AttributeError)
"""What reading a value raises that no element of ours carries: it is acknowledged, and nothing happens."""


def on_command(inbox: Inbox, dialogs: CategoryDialogs) -> AckListener:
    """Return the listener for `/categories`: a change opens its modal at once, the list waits its turn."""

    async def listener(ack: Ack, body: dict[str, Any]) -> None:
        word, _, wanted = str(body.get("text") or "").strip().partition(" ")
        if word.lower() in WITH_MODAL:
            value = ModalValue(CategoryOp(word.lower()), response_url=body.get("response_url") or "")
            told = await dialogs.open(
                team_of(body) or "", body["user_id"], body["trigger_id"], value, wanted.strip()
            )
            await ack(escape(told or ""))
            return
        text = redact(str(body.get("text") or ""))
        await _add(inbox, body, f"command-{trigger(body)}", body["user_id"], text=text)
        await ack()

    return listener


def on_change(inbox: Inbox, dialogs: CategoryDialogs) -> AckListener:
    """Return the listener for the card's buttons and menus that open a modal."""

    async def listener(ack: Ack, body: dict[str, Any]) -> None:
        url = body.get("response_url") or ""
        try:
            value = _wanted(body["actions"][0], url)
        except FORGED:
            await ack()
            return
        told = await dialogs.open(team_of(body) or "", body["user"]["id"], body["trigger_id"], value)
        if told is not None:
            key = f"action-{trigger(body)}"
            await _add(inbox, body, key, body["user"]["id"], url=url, told=told)
        await ack()

    return listener


def on_button(inbox: Inbox) -> AckListener:
    """Return the listener for the buttons that need no modal: restore, and dismiss a proposal."""

    async def listener(ack: Ack, body: dict[str, Any]) -> None:
        action = body["actions"][0]
        try:
            if action["action_id"] == ActionId.CATEGORY_RESTORE:
                form = CategoryForm(CategoryOp.RESTORE, str(action["value"]))
            else:
                form = CategoryForm(CategoryOp.DISMISS, proposal_id=UUID(action["value"]))
        except FORGED:
            await ack()
            return
        home = (body.get("view") or {}).get("type") == "home"
        key = f"action-{trigger(body)}"
        await _add(inbox, body, key, body["user"]["id"], form=form.to_json(), home=home)
        await ack()

    return listener


def on_submission(inbox: Inbox, dialogs: CategoryDialogs) -> AckListener:
    """Return the listener for a submitted modal: errors keep it open; else it is committed, then closed."""

    async def listener(ack: Ack, body: dict[str, Any]) -> None:
        view, user_id = body["view"], body["user"]["id"]
        try:
            checked = await dialogs.check(
                team_of(body) or "", user_id, view["private_metadata"], view["state"]["values"]
            )
        except ValueError:  # none of ours
            await ack()
            return
        if checked.errors:
            await ack(response_action="errors", errors=dict(checked.errors))
        elif checked.form is None:
            await ack(response_action="update", view=checked.view)
        else:
            value = ModalValue.decode(view["private_metadata"])
            form, url = checked.form.to_json(), value.response_url
            home = value.proposal_id is not None and not url
            # One modal is carried out once, however often its button was pressed.
            await _add(inbox, body, f"view-{view['id']}", user_id, url=url, form=form, home=home)
            await ack()

    return listener


def _wanted(action: Mapping[str, Any], url: str) -> ModalValue:
    """Return what a button or menu opens a modal for.

    Raises:
        ValueError, KeyError, TypeError: it is none of ours.
    """
    if action["action_id"] == ActionId.PROPOSAL_ACCEPT:
        return ModalValue(CategoryOp.ADD, None, UUID(action["value"]), url)
    if action["action_id"] == ActionId.CATEGORY_CHANGE:
        chosen = CategoryValue.decode(action["selected_option"]["value"])
        return ModalValue(chosen.op, chosen.slug, None, url)
    return ModalValue(CategoryOp.ADD, response_url=url)


async def _add(
    inbox: Inbox, body: dict[str, Any], event_id: str, user_id: str, *, url: str | None = None, **fields: Any
) -> None:
    """Commit a request; all of a workspace's share one lane, so that they happen one after the other."""
    payload = {
        "team_id": team_of(body) or "",
        "user_id": user_id,
        "channel_id": "categories",
        "ts": "categories" if fields.get("form") else event_id,
        "response_url": (body.get("response_url") or "") if url is None else url,
        "request": event_id,
    } | fields
    await inbox.add(team_id=payload["team_id"], event_id=event_id, kind=Kind.CATEGORY, payload=payload)
