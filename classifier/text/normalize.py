"""Message text to model text: what Slack sends, as the model should read it; in training as in serving.

Every character of the model text remembers where it comes from in the given text, so that a word that the
model attended to can be shown in the message as it was written.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from dataclasses import dataclass

from classifier.text.log_condensing import LONGEST_LINE, code_lines, condensed

MAX_CHARACTERS = 16_000
"""Longer texts keep their first three quarters of this and the last quarter: far more than a model reads."""

_FIRST_EMOJI = 0x1F000
"""Where Unicode's pictures begin; the symbols before it (arrows, stars) are left to the tokenizer."""

_MAX_COMBINING = 4
"""Marks on one letter that are kept: stacked marks ("zalgo") carry no meaning and cost quadratic time."""

_WIDEST_LETTER = 8
"""Given characters that one letter of the model text may stand for; a stand-in stands for more."""

_FENCE = re.compile(r"```(?P<code>.*?)(?:```|\Z)", re.DOTALL)

# Repetitions that could begin anywhere in a run are bounded: they would cost quadratic time.
_MARKUP = r"""
      <@(?P<user>[UW][A-Z0-9]+)(?:\|[^<>\n]*)?>
    | <\#[CGD][A-Z0-9]+(?:\|(?P<channel>[^<>\n]*))?>
    | <!(?P<group>[a-z]+)(?:\^[^<>|\n]*)?(?:\|@?(?P<group_name>[^<>\n]*))?>
    | <(?P<scheme>[a-z][a-z0-9+.-]*):(?://)?(?P<target>[^<>|\s]*)(?:\|(?P<label>[^<>\n]+))?>
    | (?P<bare>https?://)(?P<bare_target>[^\s<>|]+)
    | (?P<entity>&(?:amp|lt|gt);)
    | (?<!\w):(?P<emoji>(?=[^:\s]{0,99}[a-z+])[a-z0-9_+'-]{1,100}):(?::skin-tone-\d:)?
    | (?P<marks>(?<!\w)[*_~`]{1,4}(?=\w)|(?<=[\w.!?,)])[*_~`]{1,4}(?!\w))
"""
# What only a program reads: each costs dozens of tokens and says as much as one word. Hexadecimal numbers of
# up to eight digits stay: 0x80070643 is an error code that people search for.
_MACHINE = r"""
      (?P<id>\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b)
    | (?P<address>\b0[xX][0-9a-fA-F]{9,64}\b)
    | (?P<run>(?<![\w+/.=-])[A-Za-z0-9+/_.-]{32,}+={0,2})
"""
_IN_CODE = re.compile(rf"{_MACHINE} | (?P<entity>&(?:amp|lt|gt);)", re.VERBOSE)
_WITHOUT_MACHINE = re.compile(_MARKUP, re.VERBOSE)
_TOKENS = re.compile(f"{_MACHINE} | {_MARKUP}", re.VERBOSE)
_HEX = re.compile(r"(?=[0-9]*+[a-fA-F])(?=[a-fA-F]*+[0-9])[0-9a-fA-F]+", re.ASCII)
_MIXED = 0.35
"""Share of changes between small letters, capitals and digits from which a long run is data."""
_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*")
"""What stays as it is: most of most messages, and so the way to read them fast."""
_ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">"}
_DOMAIN = re.compile(r"(?:www\.)?([^/?#:\s]+)")
_WORD = re.compile(r"\w+(?:['’\-.@]\w+)*")


@dataclass(frozen=True, slots=True)
class ModelText:
    """Model text and where each of its characters comes from.

    Attributes:
        text: what the tokenizer gets.
        starts: for each character of `text`, offset in the given text at which its origin begins.
        ends: for each character of `text`, offset behind its origin.
        given: the given text.
        truncated: whether the middle of the given text was left out.
    """

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    given: str
    truncated: bool = False

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where the characters start..end-1 of the model text come from in the given text."""
        return self.starts[start], self.ends[end - 1]

    def words(self) -> list[tuple[int, int]]:
        """(start, end) of each word in the model text, without the stand-ins for mentions and data."""
        found = [match.span() for match in _WORD.finditer(self.text)]
        return [
            (start, end)
            for start, end in found
            if self.given[self.starts[start]] != "<"
            and self.ends[start] - self.starts[start] <= _WIDEST_LETTER
        ]


def model_text(text: str) -> ModelText:
    """Turn a Slack message into what the model reads.

    Mentions become "@user" and "#name", links their label or domain, emoji their name; identifiers,
    addresses and runs of data become one word each; code blocks keep their first and last line and those
    that name an exception; stack traces and logs keep their errors and one frame (see `condensing`), which
    is no truncation; entities are unescaped; NFKC; control and direction characters go; white space
    collapses. Takes well under a second for any input.
    """
    builder = _Builder()
    if len(text) <= MAX_CHARACTERS:
        builder.message(text, 0, len(text))
        return builder.finish(text, truncated=False)
    head = MAX_CHARACTERS * 3 // 4
    builder.message(text, 0, head)
    builder.put(" ", head, head)
    builder.message(text, len(text) - (MAX_CHARACTERS - head), len(text))
    return builder.finish(text, truncated=True)


class _Builder:
    """Collects characters with their origins."""

    def __init__(self) -> None:
        self.characters: list[str] = []
        self.starts: list[int] = []
        self.ends: list[int] = []

    def put(self, characters: str, start: int, end: int) -> None:
        """Add characters that all stand for text[start:end]."""
        for character in characters:
            space = character.isspace()
            if space and (not self.characters or self.characters[-1] == " "):
                continue
            self.characters.append(" " if space else character)
            self.starts.append(start)
            self.ends.append(end)

    def literal(self, text: str, start: int, end: int) -> None:
        """Add text[start:end], normalised letter by letter."""
        position = start
        while position < end:
            if (plain := _PLAIN.match(text, position, end)) is not None:
                behind = plain.end()
                # a letter's marks may follow it
                behind -= behind < end and not text[behind].isascii()
                if behind > position:
                    self.characters += text[position:behind]
                    self.starts += range(position, behind)
                    self.ends += range(position + 1, behind + 1)
                    position = behind
                    continue
            behind = position + 1
            character = text[position]
            if character.isascii() and (behind == end or text[behind].isascii()):
                if character.isprintable() or character.isspace():
                    self.put(character, position, behind)
                position = behind
                continue
            while behind < end and unicodedata.combining(text[behind]):
                behind += 1
            cluster = text[position : min(behind, position + 1 + _MAX_COMBINING)]
            self.put(_normalised(cluster), position, behind)
            position = behind

    def message(self, text: str, start: int, end: int) -> None:
        """Add text[start:end] with Slack's markup read, traces and logs condensed."""
        position = start
        for fence in _FENCE.finditer(text, start, end):
            self._outside_code(text, position, fence.start())
            self._code(text, *fence.span("code"))
            position = fence.end()
        self._outside_code(text, position, end)

    def _outside_code(self, text: str, start: int, end: int) -> None:
        for begin, stop in condensed(text, start, end):
            if begin > start:
                self.put(" ", begin, begin)
            self._markup(text, begin, stop, _TOKENS)

    def _markup(self, text: str, start: int, end: int, tokens: re.Pattern[str]) -> None:
        position = start
        for match in tokens.finditer(text, start, end):
            self.literal(text, position, match.start())
            if tokens is _TOKENS and (match["id"] or match["address"] or match["run"]):
                self._machine(text, match)
            else:
                self._token(text, match)
            position = match.end()
        self.literal(text, position, end)

    def finish(self, given: str, *, truncated: bool) -> ModelText:
        """The text without white space around it."""
        if self.characters and self.characters[-1] == " ":
            del self.characters[-1], self.starts[-1], self.ends[-1]
        return ModelText("".join(self.characters), tuple(self.starts), tuple(self.ends), given, truncated)

    def _token(self, text: str, match: re.Match[str]) -> None:
        start, end = match.span()
        if match["user"]:
            self.put("@user", start, end)
        elif match["channel"]:
            self.put("#", start, end)
            self.literal(text, *match.span("channel"))
        elif match["group"]:
            self.put("@" + (match["group_name"] or match["group"]), start, end)
        elif match["label"]:
            self._unescape(text, *match.span("label"))
        elif match["scheme"] or match["bare"]:
            begin, stop = match.span("target" if match["scheme"] else "bare_target")
            domain = _DOMAIN.match(text, begin, stop)
            self.literal(text, *(domain.span(1) if domain else (begin, stop)))
        elif match["entity"]:
            self.put(_ENTITIES[match["entity"]], start, end)
        elif match["emoji"]:
            self._emoji(text, *match.span("emoji"))
        elif not match["marks"]:
            self.put("#channel", start, end)

    def _machine(self, text: str, match: re.Match[str]) -> None:
        """An identifier, address or run of data as one word; a long word that is none as it stands."""
        start, end = match.span()
        if match["run"] and not _is_data(match["run"]):
            self._markup(text, start, end, _WITHOUT_MACHINE)
            return
        name = "id" if match["id"] else "address" if match["address"] else "data"
        self.put(" ", start, start)
        self.put(name, start, end)
        self.put(" ", end, end)

    def _code(self, text: str, start: int, end: int) -> None:
        for begin, stop in code_lines(text, start, end):
            self.put(" ", begin, begin)
            self._unescape(text, begin, min(stop, begin + LONGEST_LINE))
        self.put(" ", end, end)

    def _unescape(self, text: str, start: int, end: int) -> None:
        """Add text[start:end] whose only markup are entities: a label, a line of code."""
        position = start
        for match in _IN_CODE.finditer(text, start, end):
            self.literal(text, position, match.start())
            if match["entity"]:
                self.put(_ENTITIES[match["entity"]], *match.span())
            elif match["run"] and not _is_data(match["run"]):
                self.literal(text, *match.span())
            else:
                self._machine(text, match)
            position = match.end()
        self.literal(text, position, end)

    def _emoji(self, text: str, start: int, end: int) -> None:
        self.put(" ", start, start)
        for position in range(start, end):
            self.put(" " if text[position] in "_-" else text[position], position, position + 1)
        self.put(" ", end, end)


def _is_data(run: str) -> bool:
    """Whether a long run of ASCII is a hash, a key or base64, and neither a path nor a long name."""
    if _HEX.fullmatch(run):
        return True
    kinds = ["a" if c.islower() else "A" if c.isupper() else "0" if c.isdigit() else "" for c in run]
    kinds = [kind for kind in kinds if kind]
    changes = sum(one != other for one, other in itertools.pairwise(kinds))
    return {"a", "A", "0"} <= set(kinds) and changes > _MIXED * len(kinds)


def _normalised(cluster: str) -> str:
    """NFKC of a letter with its marks, without what cannot be seen; an emoji becomes its name."""
    if len(cluster) == 1 and ord(cluster) >= _FIRST_EMOJI and unicodedata.category(cluster) == "So":
        return f" {unicodedata.name(cluster, '').lower()} "
    if "\ud800" <= cluster[0] <= "\udfff":
        return " "  # half of a character: it must not come to lie within a word, which could not be encoded
    kept = []
    for character in unicodedata.normalize("NFKC", cluster):
        category = unicodedata.category(character)
        if character.isspace():
            kept.append(" ")
        elif (category[0] != "C" and category != "Sk" and not "\ufe00" <= character <= "\ufe0f") or (
            category == "Sk" and character.isascii()
        ):
            kept.append(character)
    return "".join(kept)
