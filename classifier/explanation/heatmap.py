"""A message as a picture, its words shaded by what they did to the decision.

Words wrap as text does. For and against are told apart by hue, by depth and by the line under the word (solid
for, dotted against), so that no reading hangs on colour; blue and orange stay apart for every common kind of
colour blindness (Okabe & Ito 2008). Lines of a right-to-left script run from the right.
"""

from __future__ import annotations

import functools
import io
import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib as mpl
from PIL import Image, ImageDraw, ImageFont

from classifier.contract import Explanation, Picture, Word
from classifier.explanation.leave_one_out import tried_in_words

WIDTH = 900
"""Pixels at scale 1; pictures are drawn at twice that for dense screens."""

_SCALE = 2
_MARGIN, _LINE, _SPACE, _NO_SPACE = 24, 40, 9, 2
_SIZE, _SMALL = 20, 14
_MOST_LINES = 120
_WIDEST_WORD = 40
"""Characters of a word that are drawn; a longer one ends in an ellipsis."""

_LEAST_SHADE = 0.06
"""Words whose share of the strongest score is smaller get none."""

_FALLBACKS = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansDevanagari-Regular.ttf",
    "NotoSans-Regular.ttf",
    "unifont.otf",
)
"""Fonts of the system, for scripts that the bundled one does not hold; taken where they are there."""


_PART = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours as (red, green, blue).

    Attributes:
        paper: behind everything.
        ink: letters.
        quiet: small print.
        speaks_for: of the strongest word for the decision.
        speaks_against: of the strongest word against it.
    """

    paper: tuple[int, int, int]
    ink: tuple[int, int, int]
    quiet: tuple[int, int, int]
    speaks_for: tuple[int, int, int]
    speaks_against: tuple[int, int, int]


LIGHT = Theme((255, 255, 255), (29, 28, 29), (97, 96, 97), (86, 180, 233), (240, 178, 80))
DARK = Theme((26, 29, 33), (240, 240, 240), (171, 171, 173), (0, 98, 155), (158, 78, 0))


@dataclass(frozen=True, slots=True)
class Piece:
    """A word with its score, or what stands between words.

    Attributes:
        text: one line without white space at its ends.
        score: 0 for what is no word.
        right_to_left: by its first letter.
        place: in the message, from 0.
        glued: whether no white space parts it from what stands before it.
    """

    text: str
    score: float
    right_to_left: bool
    place: int = 0
    glued: bool = False


def heatmap(text: str, explanation: Explanation, *, title: str = "", dark: bool = False) -> bytes:
    """Draw a message.

    Args:
        text: the message as it was given, into which the words' offsets point.
        explanation: with the words' scores.
        title: of the decision, in words; the category's slug where not given.
        dark: whether to draw for a dark screen.

    Returns:
        A PNG file, as high as the text needs; after 120 lines the rest is left out, and the picture says so.
    """
    theme = DARK if dark else LIGHT
    letters, small = _font(_SIZE), _font(_SMALL)
    pieces = pieces_of(text, explanation.words)
    top = max((abs(piece.score) for piece in pieces), default=0.0) or 1.0
    width = WIDTH - 2 * _MARGIN
    lines = list(_wrapped(pieces, letters, width))
    cut = len(lines) > _MOST_LINES
    lines = lines[:_MOST_LINES]
    head, foot = _MARGIN + _LINE, _LINE + _MARGIN
    height = head + _LINE * max(1, len(lines)) + foot
    picture = Image.new("RGB", (WIDTH * _SCALE, height * _SCALE), theme.paper)
    canvas = _Canvas(ImageDraw.Draw(picture), theme, letters, small, top)
    prediction = explanation.prediction
    shown = " ".join(title.split()) or prediction.category  # one line; a line break cannot be laid out
    canvas.small(_MARGIN, _MARGIN // 2, f"{shown}  {prediction.confidence:.0%}", theme.ink)
    from_right = _from_right(pieces)
    for number, line in enumerate(lines):
        canvas.line(line, head + number * _LINE, width, from_right=from_right)
    notes = ["The rest of the message is not shown."] if cut else []
    if explanation.cut_short and explanation.tried < explanation.read:
        notes.append(tried_in_words(explanation))
    canvas.legend(height - foot + _LINE // 3, notes, attention=explanation.method == "attention")
    out = io.BytesIO()
    picture.save(out, format="PNG", optimize=True)
    return out.getvalue()


def picture_of(text: str, explanation: Explanation, *, title: str = "", dark: bool = False) -> Picture:
    """Draw a message and say in words what the picture shows."""
    drawn = heatmap(text, explanation, title=title, dark=dark)
    return Picture(drawn, alternative_text(explanation))


def alternative_text(explanation: Explanation, *, most: int = 12) -> str:
    """Say in words what the picture shows, for those who cannot see it."""
    strongest = sorted(explanation.words, key=lambda word: -abs(word.score))[:most]
    said = ", ".join(f"{word.text[:_WIDEST_WORD]} {word.score:+.2f}" for word in strongest)
    prediction = explanation.prediction
    note = f" {tried_in_words(explanation)}" if explanation.cut_short else ""
    return (
        f"{prediction.category}, {prediction.confidence:.0%}. Words by their weight: {said or 'none'}.{note}"
    )


class _Canvas:
    """Draws at scale 1 and keeps the scale to itself."""

    def __init__(
        self,
        draw: ImageDraw.ImageDraw,
        theme: Theme,
        letters: _Font,
        small: _Font,
        top: float,
    ) -> None:
        self._draw, self._theme, self._letters, self._small, self._top = draw, theme, letters, small, top

    def small(self, x: float, y: float, text: str, colour: tuple[int, int, int]) -> float:
        """Write small print; returns the x behind it."""
        font = self._small.of(text)
        self._draw.text((x * _SCALE, y * _SCALE), text, font=font, fill=colour)
        return x + font.getlength(text) / _SCALE

    def line(self, pieces: Sequence[Piece], y: int, width: int, *, from_right: bool) -> None:
        """Write a line of words."""
        ordered = list(_visual(pieces, from_right=from_right))
        gaps = [0.0, *(_gap(*pair) for pair in itertools.pairwise(ordered))]
        total = sum(self._letters.width(piece.text) for piece in ordered) + sum(gaps)
        x = float(_MARGIN + width - total) if from_right else float(_MARGIN)
        for piece, gap in zip(ordered, gaps, strict=True):
            x = self._word(piece, x + gap, y)

    def legend(self, y: int, notes: Sequence[str], *, attention: bool) -> None:
        """Say what the shades mean."""
        theme, x = self._theme, float(_MARGIN)
        names = ["attention received"] if attention else ["speaks for it", "speaks against it"]
        for name, sign in zip(names, (1.0, -1.0), strict=False):
            x = self._word(Piece(name, sign * self._top, right_to_left=False), x, y, small=True) + 2 * _SPACE
        for note in notes:
            x = self.small(x, y, note, theme.quiet) + 2 * _SPACE

    def _word(self, piece: Piece, x: float, y: float, *, small: bool = False) -> float:
        fonts = self._small if small else self._letters
        font, theme = fonts.of(piece.text), self._theme
        behind = x + font.getlength(piece.text) / _SCALE
        size = _SMALL if small else _SIZE
        share = min(1.0, abs(piece.score) / self._top)
        if share >= _LEAST_SHADE:
            strongest = theme.speaks_for if piece.score > 0 else theme.speaks_against
            shade = tuple(
                round(paper + (full - paper) * share)
                for paper, full in zip(theme.paper, strongest, strict=True)
            )
            box = [_SCALE * value for value in (x - 3, y - 3, behind + 3, y + size * 1.45)]
            self._draw.rounded_rectangle(box, radius=4 * _SCALE, fill=(shade[0], shade[1], shade[2]))
            self._underline(x, behind, y + size * 1.3, share, dotted=piece.score < 0)
        self._draw.text((x * _SCALE, y * _SCALE), piece.text, font=font, fill=theme.ink)
        return behind

    def _underline(self, x: float, behind: float, y: float, share: float, *, dotted: bool) -> None:
        thick = max(1, round(3 * share * _SCALE))
        dash = 5.0 if dotted else behind - x
        at = x
        while at < behind:
            end = min(at + dash, behind)
            self._draw.line(
                [at * _SCALE, y * _SCALE, end * _SCALE, y * _SCALE], fill=self._theme.ink, width=thick
            )
            at = end + (4.0 if dotted else 1.0)


class _Font:
    """A font, with others for letters that it does not hold."""

    def __init__(self, size: int) -> None:
        bundled = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
        self._fonts = [ImageFont.truetype(str(bundled), size * _SCALE)]
        for name in _FALLBACKS:
            try:
                self._fonts.append(ImageFont.truetype(name, size * _SCALE))
            except OSError:
                continue  # not on this machine: an empty box stands for the letter

    def of(self, text: str) -> ImageFont.FreeTypeFont:
        """Return the first font that holds all letters of a text, else the bundled one."""
        for font in self._fonts:
            missing = bytes(font.getmask("\U0010ffff"))
            if all(bytes(font.getmask(letter)) != missing for letter in set(text) if letter.isalnum()):
                return font
        return self._fonts[0]

    def width(self, text: str) -> float:
        """Of a text, at scale 1."""
        return self.of(text).getlength(text) / _SCALE


@functools.cache
def _font(size: int) -> _Font:
    return _Font(size)


def pieces_of(text: str, words: Sequence[Word]) -> list[Piece]:
    """Take a message apart into words and what stands between them, in reading order."""
    return [replace(piece, place=place) for place, piece in enumerate(_pieces(text, words))]


def _pieces(text: str, words: Sequence[Word]) -> Iterator[Piece]:
    """The message in reading order: its words, and what stands between them."""
    at = 0
    for word in sorted(words, key=lambda word: word.start):
        yield from _between(text, at, word.start)
        glued = word.start > 0 and not text[word.start - 1].isspace()
        said = _short(text[word.start : word.end])
        yield Piece(said, word.score, _right_to_left(word.text), glued=glued)
        at = max(at, word.end)
    yield from _between(text, at, len(text))


def _between(text: str, start: int, end: int) -> Iterator[Piece]:
    for match in _PART.finditer(text, start, end):
        glued = match.start() > 0 and not text[match.start() - 1].isspace()
        said = _short(match.group())
        yield Piece(said, 0.0, _right_to_left(said), glued=glued)


def _gap(left: Piece, right: Piece) -> float:
    """Between two words that stand side by side in the picture."""
    later = max(left, right, key=lambda piece: piece.place)
    return _NO_SPACE if later.glued and abs(left.place - right.place) == 1 else _SPACE


def _short(text: str) -> str:
    """One line without characters that steer the direction of the text around them."""
    plain = "".join(
        letter for letter in " ".join(text.split()) if unicodedata.category(letter) not in ("Cf", "Cc")
    )
    return plain if len(plain) <= _WIDEST_WORD else plain[: _WIDEST_WORD - 1] + "…"


def _right_to_left(text: str) -> bool:
    strong = next((d for d in map(unicodedata.bidirectional, text) if d in ("L", "R", "AL")), "L")
    return strong != "L"


def _from_right(pieces: Sequence[Piece]) -> bool:
    """Whether the message begins with a right-to-left script (rules P2 and P3 of UAX 9)."""
    for piece in pieces:
        if any(unicodedata.bidirectional(letter) in ("L", "R", "AL") for letter in piece.text):
            return piece.right_to_left
    return False


def _visual(pieces: Sequence[Piece], *, from_right: bool) -> Iterator[Piece]:
    """A line's words from left to right: runs against the line's direction are turned round (UAX 9, L2)."""
    runs: list[list[Piece]] = []
    for piece in pieces:
        if runs and runs[-1][-1].right_to_left == piece.right_to_left:
            runs[-1].append(piece)
        else:
            runs.append([piece])
    for run in reversed(runs) if from_right else runs:
        yield from reversed(run) if run[0].right_to_left else run


def _wrapped(pieces: Sequence[Piece], font: _Font, width: int) -> Iterator[list[Piece]]:
    line: list[Piece] = []
    used = 0.0
    for piece in pieces:
        if not piece.text:
            continue
        wide = font.width(piece.text)
        gap = _gap(line[-1], piece) if line else 0.0
        if line and used + gap + wide > width:
            yield line
            line, used, gap = [], 0.0, 0.0
        used += wide + gap
        line.append(piece)
    if line:
        yield line
