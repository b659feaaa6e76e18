"""Telephone numbers: as countries write them, or beside a word that says that they are one."""

from __future__ import annotations

import re
from itertools import accumulate

import phonenumbers

_REGIONS = ("US", "GB", "DE", "FR", "ES", "AT", "CH", "IT", "NL")
"""Whose national forms are known. A number with + or 00 in front is taken from anywhere."""
_ASKED = 400
"""So many candidates of a text are looked up; in a text with more, all that follow go."""

_TEL = re.compile(r"<tel:[^<>]*>")
_S = r"[ ./–‑-]"
_ABROAD = re.compile(
    rf"(?<![\w:/+-])(?<!\d\.)(?:\+|00)[1-9]\d{{0,2}}(?:{_S}?\(\d{{1,4}}\))?"
    rf"(?:(?:{_S}|[ ]?/[ ]?)?\d{{1,12}}){{1,6}}(?![\w:]|[.-]\d)",
    re.ASCII,
)
_NATIONAL = re.compile(
    r"""(?<![\w:/+-])(?<!\d\.)
    (?>
        (?:1[ .-]?)?\(\d{2,5}\)[ ./–-]?\d{2,8}(?:[ .–-]?\d{2,8}){0,3}         # (030) 1234567, (415) 555-2671
      | 0\d{1,4}(?:[ ./–-]|[ ]?[/–-][ ]?)\d{2,8}(?:[ .–-]?\d{1,8}){0,4}       # 0151 23456789, 06 12 34 56 78
      | 0[1-9]\d{8,10}                                                       # 01512345678
      | (?:1[ .-])?\d{3}([.-])\d{3}\1\d{4}                                   # 415.555.2671
      | (?<!\d[ ])\d{2,4}(?:[ –-]\d{2,4}){2,4}                               # 415 555 2671
    )
    (?![\w:]|[.-]\d)""",
    re.VERBOSE | re.ASCII,
)
_BARE = re.compile(r"(?<![\w:/+-])(?<!\d\.)\d[\d ./()–-]{5,18}\d(?![\w:]|[.-]\d)", re.ASCII)
_WORD = re.compile(
    r"(?i)(?<![a-zà-ü])(?:tel|tél|phone|telephone|telefon|téléphone|tel[eé]fono|mobil|mobile|móvil|handy|cell|natel"
    r"|fax|portable|fijo|whatsapp|signal|durchwahl|rückruf|rufnummer|handynummer|mobilnummer|telefonnummer|sms|numéro"
    r"|call|ring|dial|text|ll[aá]ma(?:me)?|appele[rz]|anrufen|ruf)(?!\w)"
)
_SURE = re.compile(
    r"(?i)(?:(?:phone|telephone|mobile|cell) (?:number|no\.?)|telefonnummer|handynummer|rufnummer)"
    r"(?: (?:is|ist))?:? ?$"
)
_AROUND = 28
_DATE_FIRST = re.compile(
    r"\+?(?:(?:19|20)\d\d[ .-](?:0\d|1[0-2])[ .-][0-3]\d|[0-3]?\d[.-][01]?\d[.-](?:19|20)\d\d)(?!\d)"
)
_LOCAL, _FEWEST, _FEWEST_ABROAD, _MOST = 7, 9, 8, 15


def hide_phones(text: str) -> str:
    """Replace telephone numbers; dates and counts stay."""
    asked = _Asked()
    text = _TEL.sub("[phone]", text)
    text = _ABROAD.sub(_abroad, text)
    text = _NATIONAL.sub(lambda match: _national(match, asked), text)
    return _BARE.sub(lambda match: _beside_a_word(match, asked), text)


class _Asked:
    """Looks numbers up, but not without end."""

    def __init__(self) -> None:
        self._left = _ASKED

    def is_phone(self, number: str) -> bool:
        self._left -= 1
        if self._left < 0:
            return True
        return any(_valid(number, region) for region in _REGIONS)


def _valid(number: str, region: str) -> bool:
    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(number, region)))
    except phonenumbers.NumberParseException:
        return False


def _digits(run: str) -> int:
    return sum(character.isdigit() for character in run)


def _abroad(match: re.Match[str]) -> str:
    """Hide a run of digits that is long enough for a telephone; keep dates, and the rest of a longer run."""
    run = match.group()
    if _DATE_FIRST.match(run):
        return run
    groups = re.findall(r"\D*\d+\D*", run)
    lengths = list(accumulate(map(_digits, groups)))
    kept = sum(length <= _MOST for length in lengths)
    if not kept or lengths[kept - 1] < _FEWEST_ABROAD:
        return run
    rest = "".join(groups[kept:])
    return f"[phone] {rest}" if rest else "[phone]"


def _national(match: re.Match[str], asked: _Asked) -> str:
    run = match.group()
    if _DATE_FIRST.match(run) or not _FEWEST <= _digits(run) <= _MOST:
        return run
    groups = [len(group) for group in re.findall(r"\d+", run)]
    if not run.startswith("0") and "(" not in run and groups not in ([3, 3, 4], [1, 3, 3, 4]):
        return run  # counts, lines, ports: no country writes telephones so without a 0 in front
    return "[phone]" if asked.is_phone(run) else run


def _beside_a_word(match: re.Match[str], asked: _Asked) -> str:
    """Hide any number that a word close by calls a telephone's."""
    run, text = match.group(), match.string
    if _digits(run) == _LOCAL and _SURE.search(text, max(0, match.start() - _AROUND), match.start()):
        return "[phone]"
    if not _FEWEST_ABROAD <= _digits(run) <= _MOST or _DATE_FIRST.match(run):
        return run
    begin, end = max(0, match.start() - _AROUND), match.end() + _AROUND
    if not (_WORD.search(text, begin, match.start()) or _WORD.search(text, match.end(), end)):
        return run
    return "[phone]" if asked.is_phone(run) else run
