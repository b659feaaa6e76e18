"""Take personal data and secrets out of a message before it is stored, classified or trained on.

Every pattern is bounded or cannot start twice in the same run of characters, so the time grows with the
length of the text and not with its square.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import accumulate

MAX_CHARACTERS = 12_000
"""Slack lets a person write more; the model reads far less, and a row should stay small."""
_LONGEST_TAIL = 200
"""How far back a cut moves to the last space, so that half a token does not escape its pattern."""

_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "[private key]",
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----.*?"
            r"(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|\Z)",
            re.DOTALL,
        ),
    ),
    ("[token]", re.compile(r"\b(?:xoxe\.)?xox[a-z]-[\w-]{8,}|\bxapp-[\w-]{8,}")),
    ("[token]", re.compile(r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[\w/-]{8,}")),
    ("[token]", re.compile(r"\b(?:sk|pk|rk)_(?:live|test)_\w{8,}|\bsk-[\w-]{16,}|\bAIza[\w-]{30,}")),
    ("[token]", re.compile(r"\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bnpm_\w{30,}")),
    ("[token]", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")),
    ("[token]", re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")),
    ("[token]", re.compile(r"(?i)(?<=bearer )(?=[a-z.~+/_-]*\d)[\w.~+/-]{12,}=*")),
    ("[token]", re.compile(r"(?i)(?<=authorization: basic )[\w+/]{8,}=*")),
    ("[password]", re.compile(r"(?<=://)[^\s/:@<>|]{1,200}:[^\s/@<>|]{1,200}(?=@)")),
)
_ASSIGNED = re.compile(
    r"(?i)(?P<name>passw(?:or)?d|passphrase|pwd|secret|token|api[_ -]?key|access[_-]?key)"
    r"(?P<between>[\"']?(?: {0,3}[:=] {0,3}| is:? )[\"'`]?)(?P<value>(?!\[)[^\s\"'`<>|]{4,})"
)
_PERSONAL: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("[email]", re.compile(r"<mailto:[^<>]*>")),
    ("[email]", re.compile(r"\b[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,62}\b")),
    ("[phone]", re.compile(r"<tel:[^<>]*>")),
)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
# 13 to 19 digits in one piece, or grouped as cards are: 4-4-4-4, 4-6-5 and 4-6-4.
_CARD = re.compile(
    r"(?<![\w.])(?:\d{13,19}|\d{4}(?:[ -]\d{4}){3}|\d{4}[ -]\d{6}[ -]\d{4,5})(?![\w])", re.ASCII
)
_PHONE = re.compile(
    r"""(?<![\w.:/+-])
    (?>
        \+[1-9]\d{0,2}(?:[ ./-]?\(\d{1,4}\))?(?:[ ./-]?\d{1,12}){1,6}   # +49 (0) 30 1234567, +14155552671
      | \(\d{2,5}\)[ ./-]?\d{2,8}(?:[ .-]?\d{2,8}){0,3}                 # (030) 1234567, (415) 555-2671
      | 0\d{1,4}[ ./-]\d{2,8}(?:[ .-]\d{2,8}){0,4}                      # 0151 23456789, 06 12 34 56 78
      | 0[1-9]\d{8,10}                                                  # 01512345678
      | \d{3}\.\d{3}\.\d{4}                                             # 415.555.2671
      | (?<!\d[ ])\d{2,4}(?:[ -]\d{2,4}){2,4}                           # 415-555-2671
    )
    (?![\w:]|[.-]\d)""",
    re.VERBOSE | re.ASCII,
)
_DATE_FIRST = re.compile(
    r"\+?(?:(?:19|20)\d\d[ .-](?:0\d|1[0-2])[ .-][0-3]\d|[0-3]?\d[.-][01]?\d[.-](?:19|20)\d\d)(?!\d)"
)


def redact(text: str) -> str:
    """Return the text with secrets, mail addresses, card, account and phone numbers replaced in brackets."""
    text = _cut(text)
    for word, pattern in _RULES:
        text = pattern.sub(word, text)
    text = _ASSIGNED.sub(_assigned, text)
    for word, pattern in _PERSONAL:
        text = pattern.sub(word, text)
    text = _IBAN.sub(_iban, text)
    text = _CARD.sub(_if(_is_card, "[card]"), text)
    return _PHONE.sub(_phone, text)


def _cut(text: str) -> str:
    if len(text) <= MAX_CHARACTERS:
        return text
    text = text[:MAX_CHARACTERS]
    space = max(text.rfind(" ", -_LONGEST_TAIL), text.rfind("\n", -_LONGEST_TAIL))
    return text[:space] if space > 0 else text


def _assigned(match: re.Match[str]) -> str:
    """Hide the value of "password=...", but not the word "expired" of "my password is expired"."""
    between, value = match["between"], match["value"]
    ends_line = match.string[match.end() : match.end() + 1] in {"", "\n"}
    certain = "=" in between or (":" in between and ends_line)
    if not certain and not re.search(r"[\d!@#$%^&*+=~_]", value.rstrip(".,;:!?)*_~")):
        return match.group()
    word = "[password]" if match["name"].lower().startswith("p") else "[secret]"
    return f"{match['name']}{between}{word}"


def _if(test: Callable[[str], bool], word: str) -> Callable[[re.Match[str]], str]:
    return lambda match: word if test(match.group()) else match.group()


def _iban(match: re.Match[str]) -> str:
    """Hide an account number whose check digits are right (ISO 13616), and keep capitals that follow it."""
    groups = match.group().split(" ")
    for count in range(len(groups), 0, -1):
        account = "".join(groups[:count])
        if len(account) >= 15:  # noqa: PLR2004 - Norway's, the shortest
            turned = account[4:] + account[:4]
            if int("".join(str(int(character, 36)) for character in turned)) % 97 == 1:
                return " ".join(["[iban]", *groups[count:]])
    return match.group()


def _is_card(digits: str) -> bool:
    """Say whether first digits and Luhn check are a card's, so that other numbers mostly stay readable."""
    if not re.match(r"2[2-7]|[3-6]", digits):
        return False
    numbers = [int(character) for character in digits if character.isdigit()]
    doubled = [sum(divmod(2 * n, 10)) if i % 2 else n for i, n in enumerate(reversed(numbers))]
    return sum(doubled) % 10 == 0


def _phone(match: re.Match[str]) -> str:
    """Hide a run of digits that is long enough for a telephone; keep dates, and the rest of a longer run."""
    run = match.group()
    if _DATE_FIRST.match(run):
        return run
    groups = re.findall(r"\D*\d+\D*", run)
    lengths = list(accumulate(sum(character.isdigit() for character in group) for group in groups))
    if groups[0][0].isdigit() and {len(re.sub(r"\D", "", group)) for group in groups} == {4}:
        return run  # ports, years, order numbers: no country writes telephones in fours alone
    fewest = 8 if run.startswith("+") else 9
    kept = sum(length <= 15 for length in lengths)  # noqa: PLR2004 - E.164 allows at most 15
    if not kept or lengths[kept - 1] < fewest:
        return run
    rest = "".join(groups[kept:])
    return f"[phone] {rest}" if rest else "[phone]"
