"""Payloads that no person could send: any element of any ticket, in anybody's name."""

from __future__ import annotations

from typing import Any

from bot.blocks.action_ids import CATEGORY_VIEW, CategoryOp, ModalValue
from tests.factories.world import HELP, World


async def press(
    world: World,
    user: str,
    action_id: str,
    value: str,
    *,
    channel: str = HELP,
    ts: str = "",
    ephemeral: bool = False,
    menu: bool = False,
    **fields: Any,
) -> None:
    """Press a button, or choose in a menu, of the message `ts`; without one: of a Home tab."""
    container = {"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": ephemeral}
    chosen = {"selected_option": {"value": value}} if menu else {"value": value}
    await world.playground.forge(
        user,
        "block_actions",
        channel=channel,
        container=container if ts else {"type": "view"},
        actions=[{"type": "static_select" if menu else "button", "action_id": action_id, **chosen}],
        **fields,
    )


async def submit(
    world: World, user: str, op: CategoryOp, state: dict[str, Any], slug: str | None = None, **fields: Any
) -> Any:
    """Submit a modal of `/categories` that was never opened; return what the bot answered."""
    view = {
        "id": f"V-{user}-{op}-{fields.get('team', '')}",
        "type": "modal",
        "callback_id": CATEGORY_VIEW,
        "private_metadata": ModalValue(op, slug).encode(),
        "state": {"values": state},
    }
    return (await world.playground.forge(user, "view_submission", view=view, **fields)).body


async def emoji(world: World, user: str, channel: str, ts: str, name: str, team: str) -> None:
    """Let a workspace say that somebody put an emoji on a message, wherever they are."""
    event = {
        "type": "reaction_added",
        "user": user,
        "reaction": name,
        "item": {"type": "message", "channel": channel, "ts": ts},
        "event_ts": world.playground.state.ids.ts(),
    }
    await world.playground.send_event(event, team=team)
