"""What a message says, whatever its form: text, blocks, a shared message, a mail, an app's post. Pure.

The result is text as Slack delivers it: mrkdwn, with `& < >` escaped. Any field may be missing or odd.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bot.blocks.common import escape

_QUOTED_BY = re.compile(r"\A\[[^\]\n]{1,60}\] [^:\n]{1,80}: ")
"""What Slack puts before a shared message in its fallback: when it was written, and by whom."""
_NOTHING_TO_SEE = "[no preview available]"
_UNFURLED = ("is_msg_unfurl", "is_app_unfurl", "original_url", "from_url", "service_name")
_WRITTEN_FILES = ("snippet", "post", "space")
"""Files that hold what a person typed or pasted; Slack makes a snippet of a long paste by itself."""
_TAG = re.compile(r"<[^<>]{0,2000}>")
_DEEPEST = 12
"""Slack nests lists to nine levels; a forged payload may nest further."""

Fields = Mapping[str, Any]


def text_of(message: Fields, *, by_app: bool = False) -> str:
    """Return all that a message says; "" where there is nothing to read.

    A person's text is whole; an app's is what a notification shows, and its blocks are the message. The
    preview of a link, which Slack adds by itself, is nobody's words and left out.
    """
    text, blocks = _string(message, "text"), _blocks(message.get("blocks"))
    own = (blocks or text) if by_app else (text if text.strip() else blocks)
    attachments = [
        item for item in _items(message.get("attachments")) if not (own.strip() and _is_preview(item))
    ]
    files = list(_files(message))
    parts = [own, *map(_attachment, attachments), *(_mail(file) for file in files if _is_mail(file))]
    if not any(parts):
        parts = [_written(file) for file in files]
    return "\n".join(dict.fromkeys(part for part in parts if part.strip()))


def has_files(message: Fields) -> bool:
    """Say whether a message carries files, its own or those of a message that it shares."""
    return any(True for _ in _files(message))


def is_mail(message: Fields) -> bool:
    """Say whether a message is a mail that was sent to the channel."""
    return any(_is_mail(file) for file in _items(message.get("files")))


def _is_preview(attachment: Fields) -> bool:
    """Say whether Slack or an app unfurled a link; what a person shared is marked as an unfurl as well."""
    return not attachment.get("is_share") and any(attachment.get(mark) for mark in _UNFURLED)


def _attachment(item: Fields) -> str:
    """Return what a shared message, or an attachment of an app, says."""
    body = _string(item, "text").strip() or _blocks(item.get("blocks")) or _shared_blocks(item)
    fields = (f"{_string(field, 'title')}: {_string(field, 'value')}" for field in _items(item.get("fields")))
    parts = (_string(item, "pretext"), _string(item, "title"), body, *fields)
    said = "\n".join(part for part in parts if part.strip())
    if said or any(True for _ in _items(item.get("files"))):
        return said
    fallback = _QUOTED_BY.sub("", _string(item, "fallback")).strip()
    return "" if fallback == _NOTHING_TO_SEE else fallback


def _shared_blocks(item: Fields) -> str:
    messages = (_mapping(each.get("message")) for each in _items(item.get("message_blocks")))
    return "\n".join(filter(None, (_blocks(message.get("blocks")) for message in messages)))


def _files(message: Fields) -> Iterator[Fields]:
    yield from _items(message.get("files"))
    for attachment in _items(message.get("attachments")):
        yield from _items(attachment.get("files"))


def _is_mail(file: Fields) -> bool:
    return "email" in (file.get("filetype"), file.get("mode"))


def _mail(file: Fields) -> str:
    """Return subject and text of a mail; neither is Slack's markup."""
    body = _string(file, "plain_text") or _string(file, "preview_plain_text")
    body = body or _TAG.sub(" ", _string(file, "preview"))
    subject = _string(file, "subject") or _string(file, "title")
    return escape("\n".join(part.strip() for part in (subject, body) if part.strip()))


def _written(file: Fields) -> str:
    """Return the beginning of a text that a person pasted as a file; Slack sends no more of it."""
    return escape(_string(file, "preview").strip()) if file.get("mode") in _WRITTEN_FILES else ""


def _blocks(blocks: object) -> str:
    """Return what blocks show, a line a part."""
    lines = [line for block in _items(blocks) for line in _block(block, 0)]
    return "\n".join(line for line in lines if line.strip())


def _block(block: Fields, depth: int) -> Iterator[str]:
    """Return the lines of a block, or of a text object inside one; buttons are no words of a message."""
    kind = block.get("type")
    if depth > _DEEPEST or kind == "actions":
        return
    if kind == "rich_text":
        yield _rich(block)
    elif kind in ("mrkdwn", "markdown"):
        yield _string(block, "text")
    elif kind in ("plain_text", "raw_text"):
        yield escape(_string(block, "text"))
    else:
        inner = (_mapping(block.get("text")), *_items(block.get("fields")), *_items(block.get("elements")))
        for item in inner:
            yield from _block(item, depth + 1)
        for row in _list(block.get("rows")):
            yield " | ".join(line for cell in _items(row) for line in _block(cell, depth + 1))


def _rich(element: Fields, depth: int = 0) -> str:
    """Return a rich text element as the mrkdwn that Slack would make of it."""
    if depth > _DEEPEST:
        return ""
    kind, shape = element.get("type"), None
    if isinstance(kind, str):
        leaf, shape = _LEAVES.get(kind), _SHAPES.get(kind)
        if leaf:
            return leaf(element)
    if shape is None:
        return escape(_string(element, "text"))
    return shape([_rich(item, depth + 1) for item in _items(element.get("elements"))])


def _link(element: Fields) -> str:
    label = escape(_string(element, "text"))
    return f"<{_string(element, 'url')}|{label}>" if label else f"<{_string(element, 'url')}>"


_LEAVES: Mapping[str, Callable[[Fields], str]] = {
    "link": _link,
    "user": lambda element: f"<@{_string(element, 'user_id')}>",
    "channel": lambda element: f"<#{_string(element, 'channel_id')}>",
    "usergroup": lambda element: f"<!subteam^{_string(element, 'usergroup_id')}>",
    "broadcast": lambda element: f"<!{_string(element, 'range')}>",
    "emoji": lambda element: f":{_string(element, 'name')}:",
    "date": lambda element: escape(_string(element, "fallback")),
}
_SHAPES: Mapping[str, Callable[[list[str]], str]] = {
    "rich_text": "\n".join,
    "rich_text_section": "".join,
    "rich_text_list": lambda items: "\n".join(f"• {item}" for item in items),
    "rich_text_preformatted": lambda items: f"```{''.join(items)}```",
    "rich_text_quote": lambda items: "\n".join(f"&gt; {line}" for line in "".join(items).splitlines()),
}


def _string(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _mapping(value: object) -> Fields:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _items(value: object) -> Iterator[Fields]:
    return (item for item in _list(value) if isinstance(item, Mapping))
