"""Links to messages: a card is built with a stand-in, and Slack is asked for the address when it is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bot.blocks.common import Blocks

Message = tuple[str, str]
"""A message's channel and `ts`."""

# Only we write this: what people wrote is escaped, so no "<" of theirs is left. " · " goes with a lost link.
_STAND_IN = re.compile(r"(?P<dot> · )?<message:(?P<channel>\w+)/(?P<ts>[\d.]+)\|(?P<label>[^<>]*)>")


def message_link(channel_id: str, ts: str) -> str:
    """Return what stands for the address of a message in `<address|label>`."""
    return f"message:{channel_id}/{ts}"


def messages_linked(blocks: Blocks) -> set[Message]:
    """Return the messages whose addresses are still to be filled in."""
    found: set[Message] = set()

    def note(match: re.Match[str]) -> str:
        found.add((match["channel"], match["ts"]))
        return match[0]

    _rewrite(blocks, note)
    return found


def with_addresses(blocks: Blocks, addresses: Mapping[Message, str]) -> Blocks:
    """Fill addresses in; of a lost one ("") the label stays, or nothing where it stood behind a dot."""

    def address(match: re.Match[str]) -> str:
        link, dot = addresses[match["channel"], match["ts"]], match["dot"] or ""
        if link:
            return f"{dot}<{link}|{match['label']}>"
        return "" if dot else match["label"]

    return [_rewrite(block, address) for block in blocks]


def _rewrite(node: Any, change: Any) -> Any:
    """Return JSON with its stand-ins changed: they stand in mrkdwn alone."""
    if isinstance(node, list):
        return [_rewrite(each, change) for each in node]
    if not isinstance(node, dict):
        return node
    if node.get("type") == "mrkdwn":
        return node | {"text": _STAND_IN.sub(change, node["text"])}
    return {key: _rewrite(value, change) for key, value in node.items()}
