"""Take personal data and secrets out of a message before it is stored, classified or trained on."""

from __future__ import annotations

import re
from collections.abc import Callable

MAX_CHARACTERS = 12_000
"""Slack lets a person write more; the model reads far less, and a row should stay small."""

_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "[private key]",
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
        ),
    ),
    ("[token]", re.compile(r"\bxox[a-z]-[\w-]{8,}|\bxapp-[\w-]{8,}")),
    ("[token]", re.compile(r"\b(?:sk|pk|rk)_(?:live|test)_\w{8,}|\bsk-[\w-]{16,}")),
    ("[token]", re.compile(r"\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}")),
    ("[token]", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")),
    ("[token]", re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")),
    ("[token]", re.compile(r"(?i)(?<=bearer )[\w.~+/-]{12,}=*")),
    (
        "[password]",
        re.compile(
            r"(?i)(?<=\bpassword is )\S+|(?<=\bpassword: )\S+|(?<=\bpassword=)\S+"
            r"|(?<=\bpwd: )\S+|(?<=\bpwd=)\S+"
        ),
    ),
    (
        "[secret]",
        re.compile(r"(?i)(?<=\bapi[_-]key=)\S+|(?<=\bapi[_-]key: )\S+|(?<=\bsecret=)\S+|(?<=\bsecret: )\S+"),
    ),
    ("[email]", re.compile(r"<mailto:[^>\s]+>")),
    ("[email]", re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}\b")),
    ("[iban]", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")),
    ("[phone]", re.compile(r"<tel:[^>\s]+>")),
)
_CARD = re.compile(r"\b\d(?:[ -]?\d){12,18}\b")
_PHONE = re.compile(
    r"(?<![\w.:/-])(?:\+\d{1,3}[ .-]?)?(?:\(\d{1,4}\)[ .-]?)?\d{2,4}(?:[ .-]\d{2,4}){2,4}(?![\w:])"
)


def redact(text: str) -> str:
    """Return the text with secrets, mail addresses, card, account and phone numbers replaced in brackets."""
    text = text[:MAX_CHARACTERS]
    for word, pattern in _RULES:
        text = pattern.sub(word, text)
    text = _CARD.sub(_if(_is_card, "[card]"), text)
    return _PHONE.sub(_if(_is_phone, "[phone]"), text)


def _if(test: Callable[[str], bool], word: str) -> Callable[[re.Match[str]], str]:
    return lambda match: word if test(match.group()) else match.group()


def _is_card(digits: str) -> bool:
    """Say whether a digit run passes the Luhn check, so that order numbers mostly stay readable."""
    numbers = [int(character) for character in digits if character.isdigit()]
    doubled = [sum(divmod(2 * n, 10)) if i % 2 else n for i, n in enumerate(reversed(numbers))]
    return sum(doubled) % 10 == 0


def _is_phone(run: str) -> bool:
    """Say whether a run of grouped digits is long enough for a telephone and is not a date or an address."""
    digits = sum(character.isdigit() for character in run)
    is_date = re.fullmatch(r"\d{4}-\d{2}-\d{2}|\d{1,2}[.-]\d{1,2}[.-]\d{2,4}", run.strip())
    is_address = re.fullmatch(r"\d{1,3}(?:\.\d{1,3}){3}", run.strip())
    return 9 <= digits <= 15 and not is_date and not is_address  # noqa: PLR2004 - E.164 allows at most 15
