"""What Slack does to text: escaping what people type, finding what would notify or be clickable."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from playground.workspace.shapes import JSON

_MENTION = re.compile(
    r"<(@[UWB][A-Z0-9]+|!(?:here|channel|everyone|group)|!subteam\^S[A-Z0-9]+)(?:\|[^<>]*)?>"
)
_LINK = re.compile(r"<((?:https?://|mailto:|tel:)[^<>|]+)(?:\|[^<>]*)?>")
_BARE_BROADCAST = re.compile(r"(?<![\w@])@(here|channel|everyone)\b")
_TYPED = re.compile(
    r"(?P<url>https?://[^\s<>|]*[^\s<>|.,;:!?)\]}'\"])"
    r"|(?P<email>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?<![\w@])@(?P<name>[\w.-]*\w)"
    r"|(?<![\w#&])#(?P<channel>[a-z0-9][a-z0-9_-]*)"
)


def escape(text: str) -> str:
    """The three characters that Slack escapes."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def typed(text: str, users: Mapping[str, str], channels: Mapping[str, str]) -> str:
    """What a person typed, as apps get it.

    Args:
        text: as typed.
        users: user ids by name.
        channels: channel ids by name.

    Returns:
        The text with `& < >` escaped, addresses wrapped in `<...>`, known @names and #channels as ids.
    """

    def wrap(match: re.Match[str]) -> str:
        found = match.group(0)
        if match["url"]:
            return f"<{found}>"
        if match["email"]:
            return f"<mailto:{found}|{found}>"
        if match["name"]:
            name = match["name"]
            if name in {"here", "channel", "everyone"}:
                return f"<!{name}>"
            return f"<@{users[name]}>" if name in users else found
        name = match["channel"]
        return f"<#{channels[name]}|{name}>" if name in channels else found

    return _TYPED.sub(wrap, escape(text))


def mentions(message: JSON) -> tuple[str, ...]:
    """Everything in a posted message that would notify somebody: `@U1`, `!channel`, `!subteam^S1`."""
    found: list[str] = []
    for text in _marked_up(message):
        found += _MENTION.findall(text)
    if message.get("link_names") or message.get("parse") == "full":
        found += [f"!{name}" for name in _BARE_BROADCAST.findall(str(message.get("text") or ""))]
    for element in _rich_elements(message.get("blocks") or []):
        if element.get("type") == "user":
            found.append(f"@{element.get('user_id')}")
        elif element.get("type") == "broadcast":
            found.append(f"!{element.get('range')}")
        elif element.get("type") == "usergroup":
            found.append(f"!subteam^{element.get('usergroup_id')}")
    return tuple(found)


def links(message: JSON) -> tuple[str, ...]:
    """The targets of the explicit links in a posted message."""
    found = [target for text in _marked_up(message) for target in _LINK.findall(text)]
    found += [
        str(e.get("url")) for e in _rich_elements(message.get("blocks") or []) if e.get("type") == "link"
    ]
    return tuple(found)


def _marked_up(message: JSON) -> Iterator[str]:
    if message.get("mrkdwn") is not False:
        yield str(message.get("text") or "")
    yield from _mrkdwn_texts(message.get("blocks") or [])
    yield from _mrkdwn_texts(message.get("attachments") or [])


def _mrkdwn_texts(node: Any) -> Iterator[str]:
    """The text of all mrkdwn objects and markdown blocks below a node; plain_text never notifies."""
    if isinstance(node, list):
        for item in node:
            yield from _mrkdwn_texts(item)
    elif isinstance(node, dict):
        if node.get("type") in {"mrkdwn", "markdown"} and isinstance(node.get("text"), str):
            yield node["text"]
        for value in node.values():
            yield from _mrkdwn_texts(value)


def _rich_elements(node: Any) -> Iterator[JSON]:
    if isinstance(node, list):
        for item in node:
            yield from _rich_elements(item)
    elif isinstance(node, dict) and str(node.get("type", "")).startswith("rich_text"):
        for element in node.get("elements") or []:
            if isinstance(element, dict):
                yield element
                yield from _rich_elements(element)
