"""What kind of line a line of a message is: a person's own, or of a stack trace or a log.

Every pattern is anchored or bounded, so that a line costs time in proportion to its length.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["own", "blank", "marker", "frame", "source", "log"]
Span = tuple[int, int]

_READ_OF_A_LINE = 400
"""Characters at a line's beginning that say what it is."""

_QUOTE = re.compile(r"\s{0,40}+(?:(?:>|&gt;)\s{0,8}+){0,8}")
TIMESTAMP = re.compile(
    r"""
    \[?(?<!\d)(?:
        \d{4}[-/.]\d\d[-/.]\d\d[T\s_,]{1,2}\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:\s?(?:Z\b|UTC\b|[+-]\d\d:?\d\d\b))?
      | \d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?:\s[+-]\d{4})?
      | (?:[A-Z][a-z]{2}\s)?[A-Z][a-z]{2}\s{1,2}\d{1,2}\s\d\d:\d\d:\d\d(?:\s\d{4})?
      | \d\d:\d\d:\d\d[.,]\d{1,9}
    )\]?
    """,
    re.VERBOSE,
)
_LEVEL = r"(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|CRITICAL|FATAL)\b"
_LOG = re.compile(
    rf"\[?{_LEVEL}\]?:?\s{{1,9}}{TIMESTAMP.pattern}|{TIMESTAMP.pattern}"
    rf"|\d{{1,3}}(?:\.\d{{1,3}}){{3}}\s[^\[\n]{{0,80}}{TIMESTAMP.pattern}",
    re.VERBOSE,
)
_JSON = re.compile(r'\{\s?"[\w@.-]{1,60}"\s?:.{0,9999}\}\s{0,9}\Z', re.DOTALL)
_JSON_LOG_KEY = re.compile(r'"(?:level|severity|lvl|msg|message|timestamp|ts|time|logger)"\s?:')
JSON_VALUE = re.compile(
    r'"(?:level|severity|lvl|msg|message|error|err|exception|event)"\s?:\s?"((?:[^"\\]|\\.){1,300})'
)
# What a program writes and a person telling a story does not: a chat log with times is nobody's log file.
WRITTEN_BY_A_PROGRAM = re.compile(
    rf"\b{_LEVEL}|\b[\w.-]{{1,40}}\[\d{{1,9}}\]:|\b\w{{1,40}}=\S|\bHTTP/\d"
    r"|\b[\w$]{1,40}(?:\.[\w$]{1,40}){2}|\b0x[0-9a-f]"
)
TROUBLE = re.compile(
    r"error|exception|fatal|panic|critical|severe|fail|denied|refused|crash|killed|timed? ?out"
    r"|\bwarn|\s5\d\d\s",
    re.IGNORECASE,
)
_MARKER = re.compile(
    r"""
      Traceback\s\(most\srecent\scall\s(?:last|first)\):
    | goroutine\s\d+\s\[[^\]]{1,80}\]:
    | stack\sbacktrace:|Stack\strace:|Backtrace:
    | note:\s(?:run\swith\s`?RUST_BACKTRACE|Some\sdetails\sare\somitted)
    | \.{3}\s\d+\s(?:more|common\sframes)\b
    | ---\sEnd\sof\s(?:inner\sexception\s)?stack\strace
    | \[Previous\sline\srepeated\s\d+
    | During\shandling\sof\sthe\sabove\sexception
    | The\sabove\sexception\swas\sthe\sdirect\scause
    | [\^~]{1,200}\s{0,9}\Z
    """,
    re.VERBOSE,
)
PYTHON_FRAME = re.compile(r'File\s"[^"\n]{1,300}",\sline\s\d+')
GO_PLACE = re.compile(r"[^\s:]{1,300}\.go:\d+(?:\s\+0x[0-9a-f]+)?\s{0,9}\Z")
_FRAME = re.compile(
    r"""
      at\s+(?:async\s+|new\s+)?(?=[^\s()]{0,200}[.$])[^\s()]{1,300}+\(                  # Java, .NET
    | at\s+[^\n]{0,200}?(?:\.\w{1,8}|node:[\w/]{1,80}):\d+:\d+\)?                      # JavaScript, Rust
    | at\s+(?:async\s+|new\s+)?[\w$.]{1,100}\s\((?:&lt;|<)?(?:anonymous|native)(?:&gt;|>)?\)
    | (?:\d+:\s)?from\s+[^\s:]{0,200}[./][A-Za-z][^\s:]{0,200}:\d+(?::in\b|\s{0,9}\Z)        # Ruby
    | [^\s:]{1,200}\.rb:\d+:in\s(?!.{0,300}\(\w{1,100}\))
    | \d{1,3}:\s+(?:0x[0-9a-f]{1,16}\s-\s)?(?:[\w&;<{][^\s]{0,200}::|_{0,2}rust_|_start\b)  # Rust
    | \#\d{1,3}\s+(?:[^\s()]{1,200}\(\d+\):|\{main\}|\[internal)                       # PHP
    """,
    re.VERBOSE,
)
EXCEPTION = re.compile(
    r"\b[A-Za-z_.]{0,80}(?:Error|Exception|Warning|Fault|Panic|panic|panicked|ERROR|FATAL|fatal)\b"
)
EXCEPTION_HEAD = re.compile(
    r"(?:Caused\sby:|Uncaught\b|Unhandled\b|Exception\sin\sthread\b|panic:|thread\s'[^']{0,80}'\spanicked"
    r"|[\w.$:]{0,200}(?:Error|Exception)\b(?:$|[:\s(]))"
)
# Frames of the language itself say where an error was noticed, not where it was made.
OF_THE_LANGUAGE = re.compile(
    r"(?:at\s+)?(?:java|javax|jdk|sun|kotlin|scala|System|Microsoft|node:|internal/|native)\b"
    r"|at\s+/rustc/|\d{1,3}:\s+(?:0x[0-9a-f]{1,16}\s-\s)?<?(?:std|core|alloc|rust_|__rust|_rust|panic)"
    r"|(?:runtime|panic|testing)[.(]"
)
_VARIABLE = re.compile(r"0x[0-9a-fA-F]+|[0-9a-fA-F]{8,}|\d+")


@dataclass(slots=True)
class Line:
    """One line: all of it, and what is left without the marks of a quotation."""

    whole: Span
    body: Span
    kind: Kind


def lines_of(text: str, start: int, end: int) -> list[Line]:
    """Every line of text[start:end], in order."""
    lines = []
    position = start
    while position <= end:
        behind = text.find("\n", position, end)
        behind = end if behind < 0 else behind
        quoted = _QUOTE.match(text, position, behind)
        begin = quoted.end() if quoted else position
        lines.append(Line((position, behind), (begin, behind), _kind(text, begin, behind)))
        position = behind + 1
    _add_neighbours(text, lines)
    return lines


def _kind(text: str, start: int, end: int) -> Kind:
    shown = min(end, start + _READ_OF_A_LINE)
    if start == end or not text[start:shown].strip():
        return "blank"
    if (
        PYTHON_FRAME.match(text, start, shown)
        or _FRAME.match(text, start, shown)
        or GO_PLACE.match(text, start, shown)
    ):
        return "frame"
    if _MARKER.match(text, start, shown):
        return "marker"
    if _LOG.match(text, start, shown):
        return "log"
    if text[start] == "{" and _JSON.match(text, start, end) and _JSON_LOG_KEY.search(text, start, shown):
        return "log"
    return "own"


def _add_neighbours(text: str, lines: Sequence[Line]) -> None:
    """Mark what only neighbours tell: source below a Python frame, a Go function above its place."""
    for number, line in enumerate(lines):
        if line.kind != "frame":
            continue
        before = lines[number - 1] if number else None
        if GO_PLACE.match(text, *line.body) and before and before.kind == "own":
            called = text[slice(*before.body)].rstrip()
            if called.endswith(")") or called.startswith("created by "):
                before.kind = "frame"
        if not PYTHON_FRAME.match(text, *line.body) or number + 1 == len(lines):
            continue
        below = lines[number + 1]
        deeper = below.body[0] - below.whole[0] > line.body[0] - line.whole[0]
        following = lines[number + 2].kind if number + 2 < len(lines) else "blank"
        # code that lost its indentation is followed by the next frame
        if below.kind == "own" and (deeper or following in ("frame", "marker")):
            below.kind = "source"


def shown(span: Span) -> Span:
    """The part of a line that says what it is."""
    return span[0], min(span[1], span[0] + _READ_OF_A_LINE)


def key_of(text: str, span: Span) -> str:
    """What a line says without the times, numbers and addresses that differ from line to line."""
    start, end = shown(span)
    return _VARIABLE.sub("0", TIMESTAMP.sub("", text[start:end])).strip()
