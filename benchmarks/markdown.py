"""Tables of the pages."""

from __future__ import annotations

from collections.abc import Iterable


def table(head: str, rows: Iterable[str]) -> str:
    """A Markdown table of the head and the rows, each with bars between its cells."""
    marks = " | ".join("---" for _ in head.split(" | "))
    return "\n".join(f"| {row} |" for row in (head, marks, *rows))
