"""Message text to model text: what Slack sends, as the model should read it; in training as in serving.

Every character of the model text remembers where it comes from in the given text, so that a word that the
model attended to can be shown in the message as it was written.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

MAX_CHARACTERS = 16_000
"""Longer texts keep their first three quarters of this and the last quarter: far more than a model reads."""

_FIRST_EMOJI = 0x1F000
"""Where Unicode's pictures begin; the symbols before it (arrows, stars) are left to the tokenizer."""

_MAX_COMBINING = 4
"""Marks on one letter that are kept: stacked marks ("zalgo") carry no meaning and cost quadratic time."""

# Repetitions that could begin anywhere in a run are bounded: they would cost quadratic time.
_TOKENS = re.compile(
    r"""
      (?P<fence>```(?P<code>.*?)(?:```|\Z))
    | <@(?P<user>[UW][A-Z0-9]+)(?:\|[^<>\n]*)?>
    | <\#[CGD][A-Z0-9]+(?:\|(?P<channel>[^<>\n]*))?>
    | <!(?P<group>[a-z]+)(?:\^[^<>|\n]*)?(?:\|@?(?P<group_name>[^<>\n]*))?>
    | <(?P<scheme>[a-z][a-z0-9+.-]*):(?://)?(?P<target>[^<>|\s]*)(?:\|(?P<label>[^<>\n]+))?>
    | (?P<bare>https?://)(?P<bare_target>[^\s<>|]+)
    | (?P<entity>&(?:amp|lt|gt);)
    | (?<!\w):(?P<emoji>(?=[^:\s]{0,99}[a-z+])[a-z0-9_+'-]{1,100}):(?::skin-tone-\d:)?
    | (?P<marks>(?<!\w)[*_~`]{1,4}(?=\w)|(?<=[\w.!?,)])[*_~`]{1,4}(?!\w))
    """,
    re.VERBOSE | re.DOTALL,
)
_ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">"}
_EXCEPTION = re.compile(
    r"\b[A-Za-z_.]{0,80}(?:Error|Exception|Warning|Fault|Panic|panic|ERROR|FATAL|fatal)\b"
)
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
        """(start, end) of each word in the model text, without the stand-ins for mentions."""
        found = [match.span() for match in _WORD.finditer(self.text)]
        return [(start, end) for start, end in found if self.given[self.starts[start]] != "<"]


def model_text(text: str) -> ModelText:
    """Turn a Slack message into what the model reads.

    Mentions become "@user" and "#name", links their label or domain, emoji their name; code blocks keep
    their first and last line and those that name an exception; entities are unescaped; NFKC; control and
    direction characters go; white space collapses. Takes well under a second for any input.
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
        """Add text[start:end] with Slack's markup read."""
        position = start
        for match in _TOKENS.finditer(text, start, end):
            self.literal(text, position, match.start())
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
        if match["fence"]:
            self._code(text, *match.span("code"))
        elif match["user"]:
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

    def _code(self, text: str, start: int, end: int) -> None:
        """First line, exception lines, last line: what tells one pasted error from another."""
        lines: list[tuple[int, int]] = []
        position = start
        for line in text[start:end].split("\n"):
            if line.strip():
                lines.append((position, position + len(line)))
            position += len(line) + 1
        chosen = [
            span
            for number, span in enumerate(lines)
            if number in (0, len(lines) - 1) or _EXCEPTION.search(text, *span)
        ]
        # a log can name an error in every line
        for begin, stop in chosen[:2] + [span for span in chosen[-2:] if span not in chosen[:2]]:
            self.put(" ", begin, begin)
            self._unescape(text, begin, min(stop, begin + 300))
        self.put(" ", end, end)

    def _unescape(self, text: str, start: int, end: int) -> None:
        position = start
        for match in re.finditer(r"&(?:amp|lt|gt);", text[start:end]):
            self.literal(text, position, start + match.start())
            self.put(_ENTITIES[match.group()], start + match.start(), start + match.end())
            position = start + match.end()
        self.literal(text, position, end)

    def _emoji(self, text: str, start: int, end: int) -> None:
        self.put(" ", start, start)
        for position in range(start, end):
            self.put(" " if text[position] in "_-" else text[position], position, position + 1)
        self.put(" ", end, end)


def _normalised(cluster: str) -> str:
    """NFKC of a letter with its marks, without what cannot be seen; an emoji becomes its name."""
    if len(cluster) == 1 and ord(cluster) >= _FIRST_EMOJI and unicodedata.category(cluster) == "So":
        return f" {unicodedata.name(cluster, '').lower()} "
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
