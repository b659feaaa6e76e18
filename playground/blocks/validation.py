"""Slack's limits on blocks and views (facts/slack.md, section 7); SlackError tells which one, and where."""

from collections.abc import Mapping
from typing import Any

from playground.blocks.elements import Checker
from playground.errors import SlackError
from playground.workspace.shapes import JSON, File

MAX_MESSAGE_BLOCKS = 50
MAX_VIEW_BLOCKS = 100
# Seen at about 13,200 characters (bolt-js issue 2509).
MAX_MESSAGE_JSON = 13_200
MAX_VIEW_BYTES = 250_000
_VIEW_TEXTS = {"title": 24, "submit": 24, "close": 24}


def check_message_blocks(blocks: Any, files: Mapping[str, File]) -> None:
    """Checks the blocks of a message.

    Raises:
        SlackError: invalid_blocks, msg_blocks_too_long.
    """
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    checker = Checker(files)
    checker.blocks(blocks, "/blocks", surface="message", limit=MAX_MESSAGE_BLOCKS)
    if checker.errors:
        raise SlackError("invalid_blocks", checker.errors)
    if sum(map(_characters, blocks)) > MAX_MESSAGE_JSON:
        raise SlackError("msg_blocks_too_long")


def check_view(view: JSON, kind: str, files: Mapping[str, File]) -> None:
    """Checks a modal or a Home tab.

    Raises:
        SlackError: invalid_arguments, view_too_large.
    """
    checker = Checker(files)
    if view.get("type") != kind:
        checker.error("/view/type", f"must be {kind}")
    blocks = view.get("blocks")
    if isinstance(blocks, list):
        checker.blocks(blocks, "/view/blocks", surface=kind, limit=MAX_VIEW_BLOCKS)
    else:
        checker.error("/view/blocks", "must be an array")
    if kind == "modal":
        for name, limit in _VIEW_TEXTS.items():
            if name == "title" or name in view:
                checker.text(view.get(name), f"/view/{name}", limit, plain=True)
        if "submit" not in view and any(
            b.get("type") == "input" for b in blocks or [] if isinstance(b, dict)
        ):
            checker.error("/view/submit", "must be provided when there is an input block")
    checker.length(view.get("private_metadata"), "/view/private_metadata", 3000)
    checker.length(view.get("callback_id"), "/view/callback_id", 255)
    checker.length(view.get("external_id"), "/view/external_id", 255)
    if checker.errors:
        raise SlackError("invalid_arguments", checker.errors)
    if len(repr(view).encode()) > MAX_VIEW_BYTES:
        raise SlackError("view_too_large")


def _characters(node: Any) -> int:
    """The visible characters below a node: what `msg_blocks_too_long` seems to count."""
    if isinstance(node, list):
        return sum(map(_characters, node))
    if isinstance(node, dict):
        own = len(node["text"]) if isinstance(node.get("text"), str) else 0
        return own + sum(_characters(value) for value in node.values())
    return 0
