"""The evaluation as Markdown, and its figures as text for a terminal."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence

from classifier.evaluation.report import explanation_words as behind
from classifier.evaluation.report import words
from classifier.evaluation.report.figures import Figure
from classifier.evaluation.types import Report

LONGEST = 300
"""Characters of a message that a report shows."""
_BAR = 40
_SPECIAL = re.compile(r"([\\`*_\[\]#|~])")


def shortened(message: str) -> str:
    """A message on one line, cut where it is very long."""
    line = " ".join(message.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def markdown(report: Report, about: Mapping[str, str], figures: Sequence[Figure]) -> str:
    """The whole report. Messages and labels cannot become markup in it."""
    pictures = {figure.key: f"![{plain(figure.alt)}]({figure.file_name})\n" for figure in figures}
    parts = [
        f"# Evaluation of {plain(report.model_version)}\n",
        _pairs([*about.items(), *words.headline(report)]),
        "## Beside simpler models\n",
        table(words.comparison(report)),
        pictures.get("comparison", ""),
        "## Calibration\n",
        pictures.get("reliability", ""),
        table(words.reliability(report)),
        "## Risk and coverage\n",
        pictures.get("risk_coverage", ""),
        table(words.risk_coverage(report)),
    ]
    if report.out_of_scope is not None:
        parts += [
            "## Out of scope\n",
            pictures.get("out_of_scope", ""),
            table(words.scope_thresholds(report)),
        ]
    parts += [
        "## Categories, the weakest first\n",
        table(words.categories(report)),
        "## Worst confusions\n",
        pictures.get("confusion_worst", ""),
        table(words.confusions(report)),
        *_messages(report),
        pictures.get("confusion", ""),
        "## By length\n",
        table(words.lengths(report)),
        *_explanations(report),
        "## What the figures cannot say\n",
        "".join(f"- {plain(line)}\n" for line in words.limits(report)),
    ]
    return "\n".join(part for part in parts if part)


def text_figures(report: Report) -> str:
    """Reliability, risk-coverage, confusions and lengths for a terminal; no message among them."""
    bars = [
        f"{row.low:.2f}-{row.high:.2f} |{'█' * round(_BAR * row.accuracy):<{_BAR}}| "
        f"{row.accuracy:6.1%} right, {row.confidence:6.1%} said, {row.n} messages"
        for row in report.reliability
    ]
    parts = [
        _aligned("Beside simpler models", words.comparison(report)),
        "\n".join(["Reliability (each line: messages of like confidence)", *bars]),
        _aligned("Risk and coverage", words.risk_coverage(report)),
        _aligned("Worst confusions", words.confusions(report)),
        _aligned("By length", words.lengths(report)),
        _aligned("Categories, the weakest first", words.categories(report)),
    ]
    if report.explanations and report.explanations.faithfulness:
        faithful = behind.faithfulness(report.explanations.faithfulness)
        parts.append(_aligned("Do the words that it shows decide?", faithful))
    if report.out_of_scope is not None:
        parts.insert(3, _aligned("Out of scope", words.scope_thresholds(report)))
    return "\n\n".join(parts) + "\n"


def plain(text: str) -> str:
    """Text that Markdown shows as it is, in one line, whatever is in it."""
    return _SPECIAL.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))


def _explanations(report: Report) -> list[str]:
    explained = report.explanations
    if explained is None:
        return []
    parts = []
    if explained.faithfulness is not None:
        parts += [
            "## Do the words that it shows decide?\n",
            plain(behind.faithful_said(explained.faithfulness)) + "\n",
            table(behind.faithfulness(explained.faithfulness)),
        ]
    if explained.shortcut is not None:
        parts += [
            "## A planted word\n",
            plain(behind.shortcut_said(explained.shortcut)) + "\n",
            table(behind.shortcut(explained.shortcut)),
        ]
    if explained.misleading:
        parts += [
            "## The words behind wrong answers\n",
            behind.MISLEADING + "\n",
            table(behind.misleading(explained.misleading)),
        ]
    return parts


def _messages(report: Report) -> list[str]:
    return [
        f"{plain(c.label)} taken for {plain(c.predicted)}:\n\n"
        + "".join(f"- {plain(shortened(message))}\n" for message in c.examples)
        for c in report.worst_confusions
    ]


def _pairs(rows: Sequence[tuple[str, str]]) -> str:
    lines = "".join(f"| {plain(name)} | {plain(value)} |\n" for name, value in rows)
    return f"| | |\n| --- | --- |\n{lines}"


def table(grid: words.Grid) -> str:
    """A grid as a Markdown table; no cell can become markup."""
    marks = ["---:" if column in grid.numeric else "---" for column in range(len(grid.head))]
    rows = [list(map(plain, grid.head)), marks, *(list(map(plain, row)) for row in grid.rows)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _aligned(title: str, grid: words.Grid) -> str:
    rows = [grid.head, *grid.rows]
    # a note instead of figures may be long; it does not widen its column
    widths = [
        max(len(row[i]) for row in rows if i != 1 or len(row[i]) <= _BAR) for i in range(len(grid.head))
    ]
    lines = [
        "  ".join(
            cell.rjust(width) if i in grid.numeric else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([title, *lines])
