"""Take personal data and secrets out of a message before it is stored, classified or trained on.

Every pattern is bounded or cannot start twice in the same run of characters, so the time grows with the
length of the text and not with its square.
"""

from __future__ import annotations

from bot.slack.redaction.addresses import hide_addresses
from bot.slack.redaction.numbers import hide_numbers
from bot.slack.redaction.passwords import hide_passwords
from bot.slack.redaction.phones import hide_phones
from bot.slack.redaction.placed import hide_placed
from bot.slack.redaction.tokens import hide_tokens

MAX_CHARACTERS = 12_000
"""Slack lets a person write more; the model reads far less, and a row should stay small."""
_END = 4_000
"""So many of them are the end of a long message: what is asked often stands below what it is about."""
_MARK = "\n[…]\n"
_READ = 100_000
"""Slack cuts a text at 40,000 characters. Of a longer one the middle is never looked at."""
_LONGEST_TAIL = 200
"""How far a cut moves to the next space, so that no half word stays."""

_PLAIN = dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f\u3000"), " ") | dict.fromkeys(
    map(ord, "\u2010\u2011"), "-"
)
_PLAIN |= dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"), "")
"""Spaces and hyphens that only look different, and what nobody sees: numbers are copied with them."""


def redact(text: str) -> str:
    """Return the text with secrets, addresses and numbers of people replaced by words in brackets.

    A long text keeps its beginning and its end. It is cut after it was redacted: half a secret escapes its
    pattern.
    """
    if len(text) <= _READ:
        return _shorten(_hide(text))
    half = _READ // 2
    return _join(_hide(text[:half]), _hide(_from_a_space(text[-half:], len(text))))


def _hide(text: str) -> str:
    plain = text.translate(_PLAIN)
    hidden = _apply(plain)
    return text if hidden == plain else hidden


def _apply(text: str) -> str:
    for hide in (hide_tokens, hide_placed, hide_passwords, hide_addresses, hide_numbers, hide_phones):
        text = hide(text)
    return text


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else _join(text, text)


def _join(begin: str, end: str) -> str:
    """The beginning of one, the end of the other, with whole words."""
    begin = begin[: MAX_CHARACTERS - _END - len(_MARK)]
    space = max(begin.rfind(" ", -_LONGEST_TAIL), begin.rfind("\n", -_LONGEST_TAIL))
    begin = begin[:space] if space > 0 else begin
    end = _from_a_space(end[-_END:], _LONGEST_TAIL) if len(end) > _END else end
    return f"{begin}{_MARK}{end}".rstrip()


def _from_a_space(text: str, within: int) -> str:
    """What begins in the middle of a word begins with the next one; without a space nothing is certain."""
    place = next((at for at, character in enumerate(text[:within]) if character.isspace()), None)
    if place is None:
        return text if within < len(text) else ""
    return text[place + 1 :]
