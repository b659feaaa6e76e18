"""Characters that a database or an encoder refuses, replaced on every way in.

Postgres takes no NUL; no UTF-8 holds half of a surrogate pair, which JSON can spell; other control characters
mean nothing in a message. U+FFFD stands for each, so that it is seen that something was there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_REFUSED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def replace_refused(text: str) -> str:
    """Return the text with each refused character replaced; tabs and line ends stay."""
    return _REFUSED.sub(REPLACEMENT, text)


def replaced_in(value: Any) -> Any:
    """Return a JSON value or the parameters of a statement with all its texts, keys as well, so replaced."""
    if isinstance(value, str):
        return replace_refused(value)
    if isinstance(value, Mapping):
        return {replaced_in(key): replaced_in(item) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced_in(item) for item in value]
    if isinstance(value, tuple):
        return tuple(replaced_in(item) for item in value)
    return value


def to_json(value: Any) -> str:
    """Write a value for a JSON column."""
    return json.dumps(replaced_in(value))
