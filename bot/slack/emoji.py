"""Reaction names: one a picture, so that a skin tone or another name of it never hides a correction."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

ALIASES = {
    "heavy_check_mark": "white_check_mark",
    "ballot_box_with_check": "white_check_mark",
    "negative_squared_cross_mark": "x",
    "heavy_multiplication_x": "x",
    "laptop": "computer",
    "e-mail": "email",
    "satellite": "satellite_antenna",
    "ladybug": "beetle",
}
"""Pictures that people take for the same thing: the left is folded into the right."""

CONFIRM = frozenset({"white_check_mark", "+1"})
NONE_OF_THESE = frozenset({"x", "-1"})

# Of a character that was pasted: how it is drawn (text or picture, whose skin) is no other emoji.
_DRAWING = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")


def normalise(name: str) -> str:
    """Return the emoji's one name: no colons, no skin tone (`+1::skin-tone-3`), no other name of it.

    A character stands for its name; a name that Slack does not have by itself is a workspace's own and stays.
    """
    bare = _slacks_name(name)
    return ALIASES.get(bare, bare)


def emoji_name(text: str) -> str:
    """Return the name that a person means by `:Key:`, `key::skin-tone-2` or by the character itself.

    A character that Slack has no name for is returned as it is.
    """
    return _slacks_name(text.strip())


def _slacks_name(text: str) -> str:
    bare = text.strip(":").split("::", 1)[0].lower()
    return _names().get(_DRAWING.sub("", bare), bare)


@cache
def _names() -> dict[str, str]:
    """Read (character or name) -> Slack's first name for it."""
    lines = (files("bot.slack") / "emoji_names.txt").read_text(encoding="utf-8").splitlines()
    known = (line.split(" ") for line in lines if not line.startswith("#"))
    return {each: name for character, name, *others in known for each in (character, name, *others)}
