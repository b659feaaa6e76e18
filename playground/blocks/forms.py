"""Finding the element that somebody uses, and Slack's form of what they did with it."""

from collections.abc import Iterator
from typing import Any

from playground.errors import NoSuchThing
from playground.workspace.shapes import JSON


def find_element(blocks: list[JSON], action_id: str, block_id: str | None = None) -> tuple[JSON, JSON]:
    """The block and the element with an action id.

    Raises:
        NoSuchThing: there is none; the message lists those that are there.
    """
    seen = []
    for block in blocks:
        for element in _elements(block):
            seen.append(element.get("action_id"))
            if element.get("action_id") == action_id and block_id in (None, block.get("block_id")):
                return block, element
    raise NoSuchThing(f"no element {action_id!r}; there are {seen}")


def action_of(block: JSON, element: JSON, chosen: JSON, ts: str) -> JSON:
    """The entry of `actions` for what a person did.

    Args:
        block: the element's block.
        element: a button, a menu, checkboxes ...
        chosen: `value`, `selected_option` (an option, or only its value), `selected_options`.
        ts: when.

    Raises:
        NoSuchThing: the option is not one of the element's.
    """
    action: JSON = {
        "type": element["type"],
        "action_id": element["action_id"],
        "block_id": block.get("block_id", ""),
        "action_ts": ts,
    }
    if element["type"] == "button":
        action["text"] = element["text"]
        value = chosen.get("value") or element.get("value")
        if value is not None:
            action["value"] = value
        if element.get("style"):
            action["style"] = element["style"]
        return action
    if chosen.get("selected_option") is not None:
        action["selected_option"] = _option(element, chosen["selected_option"])
    if chosen.get("selected_options") is not None:
        action["selected_options"] = [_option(element, option) for option in chosen["selected_options"]]
    if chosen.get("value") is not None:
        if "options" in element or "option_groups" in element:
            action.setdefault("selected_option", _option(element, chosen["value"]))
        else:
            action["value"] = chosen["value"]
    if element.get("placeholder"):
        action["placeholder"] = element["placeholder"]
    return action


_INITIAL = {
    "value": "initial_value",
    "selected_option": "initial_option",
    "selected_options": "initial_options",
    "selected_conversation": "initial_conversation",
    "selected_channel": "initial_channel",
    "selected_user": "initial_user",
    "selected_date": "initial_date",
    "selected_time": "initial_time",
}
_FIELDS = {
    "static_select": "selected_option",
    "external_select": "selected_option",
    "radio_buttons": "selected_option",
    "checkboxes": "selected_options",
    "multi_static_select": "selected_options",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "users_select": "selected_user",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
}


def submitted_state(blocks: list[JSON], given: JSON) -> JSON:
    """Slack's `state.values` of a submitted modal: every input block, with what it began with if untouched.

    Args:
        blocks: the view's.
        given: what the person typed and chose; blocks that the view has no more are left out.
    """
    ids = {block.get("block_id") for block in blocks}
    state = {block_id: values for block_id, values in given.items() if block_id in ids}
    for block in blocks:
        if block.get("type") != "input" or "block_id" not in block or block["block_id"] in state:
            continue
        element = block["element"]
        name = _FIELDS.get(element["type"], "value")
        empty: Any = [] if name == "selected_options" else None
        value = element.get(_INITIAL[name], empty)
        state[block["block_id"]] = {element["action_id"]: {"type": element["type"], name: value}}
    return state


def _elements(block: JSON) -> Iterator[JSON]:
    for element in [block.get("accessory"), block.get("element"), *(block.get("elements") or [])]:
        if isinstance(element, dict) and "action_id" in element:
            yield element


def _option(element: JSON, chosen: Any) -> JSON:
    """The element's option with the chosen value: what a person sees is what they can choose."""
    value = chosen.get("value") if isinstance(chosen, dict) else chosen
    options: list[JSON] = list(element.get("options") or [])
    for group in element.get("option_groups") or []:
        options += group.get("options") or []
    for option in options:
        if option.get("value") == value:
            return option
    raise NoSuchThing(f"no option {value!r}; there are {[option.get('value') for option in options]}")
