"""Reaction names: one table, so that a skin tone or an alias never hides a correction."""

from __future__ import annotations

# Slack delivers whichever name the person's client used; the left is folded into the right.
ALIASES = {
    "thumbsup": "+1",
    "thumbsdown": "-1",
    "heavy_check_mark": "white_check_mark",
    "ballot_box_with_check": "white_check_mark",
    "negative_squared_cross_mark": "x",
    "heavy_multiplication_x": "x",
    "laptop": "computer",
    "e-mail": "email",
    "envelope": "email",
    "hocho": "knife",
    "satellite": "satellite_antenna",
    "lady_beetle": "beetle",
    "ladybug": "beetle",
}

CONFIRM = frozenset({"white_check_mark", "+1"})
NONE_OF_THESE = frozenset({"x", "-1"})


def normalise(name: str) -> str:
    """Return the emoji's one name: no colons, no skin tone (`+1::skin-tone-3`), no alias."""
    bare = name.strip(":").split("::", 1)[0].lower()
    return ALIASES.get(bare, bare)
