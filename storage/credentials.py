"""Credentials do not belong into what people read: one function hides them wherever an address is named."""

from __future__ import annotations

import re

HIDDEN = "[hidden]"

_NAMES = (
    r"[\w.-]*(?:password|passwd|passphrase|pwd|secret|token|credential|(?:api|access|secret|private|ssl)[_-]?key"
    r"|signature)"
)
_VALUE = r"""(?!\[hidden\])(?:'[^']*'|"[^"]*"|[^\s&;#'"<>)\]]+)"""
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # scheme://user:password@host; a password may hold ":" and, where nobody encoded it, "@" and "/"
        r"""(\b[a-z][\w+.-]*://[^\s:/?#@"'<>]*:)[^\s"'<>]*(?=@)""",
        # scheme://token@host
        r"""(\b[a-z][\w+.-]*://)[^\s:/?#@"'<>]{16,}(?=@)""",
        # ?password=..., &key=..., #access_token=..., and a driver's "host=... password=..."
        rf"([?&;#](?:{_NAMES}|pass|auth|key|sig)=){_VALUE}",
        rf"(\b{_NAMES}=){_VALUE}",
        # what Slack gives for an answer, or for a hook, is a secret as a whole
        r"""(//hooks\.slack\.com/)[^\s"'<>)]+""",
    )
)


def without_credentials(text: str) -> str:
    """Return a text in which no address shows a password, a token or a key."""
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\1{HIDDEN}", text)
    return text
