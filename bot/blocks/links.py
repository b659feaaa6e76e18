"""Links to messages: a card is built with a stand-in, and the address is filled in when it is sent."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from bot.blocks.common import Blocks

# Only we write this: what people wrote is escaped, so no "<" of theirs is left.
_STAND_IN = re.compile(r"<message:(?P<channel>\w+)/(?P<ts>[\d.]+)\|")


def message_link(channel_id: str, ts: str) -> str:
    """Return what stands for the address of a message in `<address|label>`."""
    return f"message:{channel_id}/{ts}"


def permalink(workspace_url: str, channel_id: str, ts: str) -> str:
    """Return the address of a root message, in the form of `chat.getPermalink`.

    Args:
        workspace_url: as `auth.test` gives it, such as https://acme.slack.com/.
        channel_id: the channel.
        ts: the message.
    """
    return f"{workspace_url.rstrip('/') or 'https://slack.com'}/archives/{channel_id}/p{ts.replace('.', '')}"


def with_addresses(blocks: Blocks, address: Callable[[str, str], str]) -> Blocks:
    """Fill in the addresses of the messages that blocks link to.

    Args:
        blocks: of a card.
        address: returns a message's, of its channel and `ts`.
    """

    def fill(match: re.Match[str]) -> str:
        return f"<{address(match['channel'], match['ts'])}|"

    return [_rewrite(block, fill) for block in blocks]


def _rewrite(node: Any, fill: Callable[[re.Match[str]], str]) -> Any:
    """Return JSON with its stand-ins replaced: they stand in mrkdwn alone."""
    if isinstance(node, list):
        return [_rewrite(each, fill) for each in node]
    if not isinstance(node, dict):
        return node
    if node.get("type") == "mrkdwn":
        return node | {"text": _STAND_IN.sub(fill, node["text"])}
    return {key: _rewrite(value, fill) for key, value in node.items()}
