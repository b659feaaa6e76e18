"""Drive `/categories` and its modals in the playground."""

from __future__ import annotations

from typing import Any

from tests.factories.world import ANNA, HELP, LENA, TEAM, World

COMMAND = "/categories"
EXAMPLES = (
    "my badge does not open the door\n- lost my badge\nthe gate is shut\nneed a visitor badge\nbadge printer"
)


def typed(**fields: str) -> dict[str, Any]:
    """Slack's `state.values` of text fields."""
    return {name: {name: {"type": "plain_text_input", "value": text}} for name, text in fields.items()}


def chosen(field: str, slug: str) -> dict[str, Any]:
    option = {"text": {"type": "plain_text", "text": "x"}, "value": slug}
    return {field: {field: {"type": "static_select", "selected_option": option}}}


def ticked(field: str, *values: str) -> dict[str, Any]:
    options = [{"text": {"type": "plain_text", "text": "x"}, "value": value} for value in values]
    return {field: {field: {"type": "checkboxes", "selected_options": options}}}


def place(channel: str | None) -> dict[str, Any]:
    state = {"type": "conversations_select", "selected_conversation": channel}
    return {"destination": {"destination": state}}


async def opened(world: World, text: str, user: str = ANNA) -> dict[str, Any]:
    """Run the command and return the modal that it opens."""
    result = await world.playground.run_command(user, HELP, COMMAND, text)
    assert result.ok, result
    view = world.playground.view(user)
    assert view is not None, world.playground.ephemerals(user)
    return view


async def submit(world: World, text: str, values: dict[str, Any]) -> None:
    """Open a modal, submit it, and wait until it was carried out."""
    view = await opened(world, text)
    result = await world.playground.submit_view(ANNA, view["id"], values)
    assert result.ok, result
    assert result.body is None, result.body
    assert world.playground.view(ANNA) is None
    await world.quiet()


async def errors(world: World, text: str, values: dict[str, Any]) -> dict[str, str]:
    """Submit a modal and return what it says is wrong; it stays open."""
    view = await opened(world, text)
    result = await world.playground.submit_view(ANNA, view["id"], values)
    assert result.body["response_action"] == "errors", result
    shown = world.playground.view(ANNA)
    assert shown is not None
    assert shown["id"] == view["id"]
    found: dict[str, str] = result.body["errors"]
    return found


async def rows(world: World) -> dict[str, Any]:
    async with world.database.reader() as work:
        return {row.slug: row for row in await work.categories.all(team_id=TEAM)}


async def audited(world: World) -> list[tuple[str, str, str]]:
    async with world.database.reader() as work:
        return [(e.actor, e.action, e.subject) for e in await work.audit.recent(team_id=TEAM)]


async def updates(world: World) -> list[Any]:
    async with world.database.reader() as work:
        run = await work.runs.active(team_id=TEAM)
        return [] if run is None else [run]


async def listed(world: World, user: str = ANNA, text: str = "") -> dict[str, Any]:
    await world.playground.run_command(user, HELP, COMMAND, text)
    await world.quiet()
    return world.playground.ephemerals(user)[-1]


async def labelled(world: World, text: str, emoji: str) -> str:
    ts = await world.say(text)
    await world.card(ts)
    await world.playground.react(LENA, HELP, ts, emoji)
    await world.card(ts, lambda shown: f"by <@{LENA}>" in shown)
    return ts


def menus(card: dict[str, Any]) -> list[dict[str, Any]]:
    return [b["accessory"] for b in card["blocks"] if b.get("accessory")]
