"""What is worth reading of a pasted stack trace or log: a person's own lines stay, a machine's are thinned.

Works line by line with anchored, bounded patterns, so that it takes linear time for any input.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from classifier.text.line_kinds import (
    EXCEPTION,
    EXCEPTION_HEAD,
    GO_PLACE,
    JSON_VALUE,
    OF_THE_LANGUAGE,
    PYTHON_FRAME,
    TIMESTAMP,
    TROUBLE,
    WRITTEN_BY_A_PROGRAM,
    Kind,
    Line,
    Span,
    key_of,
    lines_of,
    shown,
)

LONGEST_LINE = 300
"""Characters of a machine's line that are read: a message fits, a dumped request does not."""

_MOST_LOG_LINES = 3
_REPEATED = 3
_SHORTEST_REPEATED = 10


def condensed(text: str, start: int, end: int) -> list[Span]:
    """Parts of text[start:end] worth reading, in order.

    Everything, as one span, where no trace, log or repetition is found. Of a stack trace its exceptions
    with their messages and one frame stay: the one nearest to the error that is not the language's own. Of
    a log, up to three different lines stay, those that tell of trouble first, without their timestamps.
    A line of ten characters or more that comes three times in a row is read once.
    """
    lines = lines_of(text, start, end)
    kept: dict[int, list[Span]] = {}
    position = 0
    while position < len(lines):
        if lines[position].kind == "log":
            behind = _run(lines, position, "log")
            kept |= _log(text, lines, position, behind)
        elif lines[position].kind in ("frame", "marker"):
            behind = _trace_end(text, lines, position)
            kept |= _trace(text, lines, position, behind)
        else:
            behind = position + 1
        position = behind
    kept = _without_repetition(text, lines) | kept
    return _joined(lines, kept, start, end)


def code_lines(text: str, start: int, end: int) -> list[Span]:
    """Parts of a code block that tell one pasted error from another.

    First line, last line, the first two and last two that name an exception, and the telling frame of a
    stack trace; alike lines once, timestamps left out.
    """
    lines = [line for line in lines_of(text, start, end) if line.kind != "blank"]
    named = [n for n, line in enumerate(lines) if EXCEPTION.search(text, *line.body)]
    ends = sorted({0, len(lines) - 1, *named} & set(range(len(lines))))
    chosen = {*ends[:2], *ends[-2:]}
    if any(line.kind == "frame" for line in lines):
        chosen |= _telling_frame(text, lines, 0, len(lines))
    seen: set[str] = set()
    spans = []
    for number in sorted(chosen):
        key = key_of(text, lines[number].body)
        if key not in seen:
            seen.add(key)
            spans += _without_timestamps(text, lines[number].body)
    return spans


def _run(lines: Sequence[Line], first: int, kind: Kind) -> int:
    """The position behind the lines of a kind, where single blank lines do not count."""
    behind = first
    while behind < len(lines):
        if lines[behind].kind == kind:
            behind += 1
        elif lines[behind].kind == "blank" and behind + 1 < len(lines) and lines[behind + 1].kind == kind:
            behind += 2
        else:
            break
    return behind


def _trace_end(text: str, lines: Sequence[Line], first: int) -> int:
    """The position behind a trace; exceptions and blank lines link the parts of a chain."""
    last = first
    for position in range(first, len(lines)):
        kind = lines[position].kind
        if kind in ("frame", "marker", "source"):
            last = position
        elif kind != "blank" and not EXCEPTION_HEAD.match(text, *lines[position].body):
            break
    # Python names the exception below its frames
    following = last + 1
    if following < len(lines) and lines[following].kind == "own":
        return following + bool(EXCEPTION_HEAD.match(text, *lines[following].body))
    return following


def _trace(text: str, lines: Sequence[Line], first: int, behind: int) -> dict[int, list[Span]]:
    """What to keep of each line of a trace; nothing is said of lines that stay as they are."""
    frames = sum(lines[number].kind == "frame" for number in range(first, behind))
    above = next((n for n in range(first - 1, max(first - 4, -1), -1) if lines[n].kind != "blank"), None)
    announced = lines[first].kind == "marker" or (
        above is not None and EXCEPTION.search(text, *lines[above].body) is not None
    )
    if frames < (1 if announced else 2):
        return {}
    telling = _telling_frame(text, lines, first, behind)
    seen = {key_of(text, lines[above].body)} if above is not None else set()
    kept: dict[int, list[Span]] = {}
    for number in range(first, behind):
        line = lines[number]
        if line.kind in ("frame", "marker", "source"):
            begin, stop = line.body
            kept[number] = [(begin, min(stop, begin + LONGEST_LINE))] if number in telling else []
        elif line.kind == "own":
            key = key_of(text, line.body)
            kept[number] = [] if key in seen else [line.body]
            seen.add(key)
    return kept


def _telling_frame(text: str, lines: Sequence[Line], first: int, behind: int) -> set[int]:
    """Numbers of the lines of the innermost frame, of the last exception where several are chained."""
    parts: list[list[int]] = [[]]
    for number in range(first, behind):
        if lines[number].kind == "frame":
            parts[-1].append(number)
        elif lines[number].kind == "own" and parts[-1]:
            parts.append([])
    frames = next((part for part in reversed(parts) if part), [])
    if not frames:
        return set()
    if PYTHON_FRAME.match(text, *lines[frames[-1]].body):
        last = frames[-1]
        has_source = last + 1 < behind and lines[last + 1].kind == "source"
        return {last, last + 1} if has_source else {last}
    known = set(frames)
    own = (number for number in frames if not OF_THE_LANGUAGE.match(text, *lines[number].body))
    first_own = next(
        (n for n in own if not GO_PLACE.match(text, *lines[n].body) or n - 1 not in known), frames[0]
    )
    follows = first_own + 1
    # Go and Rust write the place below the function
    if follows in known and re.match(
        r"\S{1,300}\.go:|at\s+\S{1,300}\.rs:", text[slice(*lines[follows].body)]
    ):
        return {first_own, follows}
    return {first_own}


def _log(text: str, lines: Sequence[Line], first: int, behind: int) -> dict[int, list[Span]]:
    """What to keep of each line of a log; {} where a person may have written them."""
    numbers = [number for number in range(first, behind) if lines[number].kind == "log"]
    marked = sum(
        text[lines[n].body[0]] == "{" or WRITTEN_BY_A_PROGRAM.search(text, *shown(lines[n].body)) is not None
        for n in numbers
    )
    if 2 * marked < len(numbers):
        return {}
    alike: dict[str, int] = {}
    for number in numbers:
        alike.setdefault(key_of(text, lines[number].body), number)
    different = list(alike.values())
    trouble = [n for n in different if TROUBLE.search(text, *shown(lines[n].body))]
    chosen = trouble or different
    if len(chosen) > _MOST_LOG_LINES:
        chosen = [*chosen[: _MOST_LOG_LINES - 1], chosen[-1]]
    return {
        number: _without_timestamps(text, lines[number].body) if number in chosen else []
        for number in range(first, behind)
    }


def _without_timestamps(text: str, span: Span) -> list[Span]:
    """A machine's line without the times in it; of a line of JSON what it says."""
    start, end = shown(span)
    if text[start] == "{":
        values = [match.span(1) for match in JSON_VALUE.finditer(text, start, min(span[1], start + 2000))]
        if values:
            return values
    end = min(end, start + LONGEST_LINE)
    spans = []
    for match in TIMESTAMP.finditer(text, start, end):
        spans.append((start, match.start()))
        start = match.end()
    return [(begin, stop) for begin, stop in [*spans, (start, end)] if text[begin:stop].strip()]


def _without_repetition(text: str, lines: Sequence[Line]) -> dict[int, list[Span]]:
    """Leave out all but the first of equal lines that follow each other."""
    kept: dict[int, list[Span]] = {}
    first = 0
    for number in range(1, len(lines) + 1):
        same = number < len(lines) and _same(text, lines[first].body, lines[number].body)
        if not same:
            start, end = lines[first].body
            if number - first >= _REPEATED and end - start >= _SHORTEST_REPEATED:
                kept |= {repeated: [] for repeated in range(first + 1, number)}
            first = number
    return kept


def _same(text: str, one: Span, other: Span) -> bool:
    length = one[1] - one[0]
    return length == other[1] - other[0] and text[slice(*one)] == text[slice(*other)]


def _joined(lines: Sequence[Line], kept: dict[int, list[Span]], start: int, end: int) -> list[Span]:
    """The lines that stay as they are in as few spans as possible, with what is kept of the others."""
    if not kept:
        return [(start, end)]
    spans: list[Span] = []
    begin = start
    for number in sorted(kept):
        whole = lines[number].whole
        if begin < whole[0]:
            spans.append((begin, whole[0]))
        spans += kept[number]
        begin = min(whole[1] + 1, end)
    return [*spans, (begin, end)] if begin < end else spans
