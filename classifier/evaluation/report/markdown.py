"""The evaluation as Markdown, and its figures as text for a terminal."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

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


class Markdown(str):
    """Text that is Markdown already: templates take it as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        """What asks for escaped text gets it unchanged."""
        return str(self)


def plain(text: object) -> Markdown:
    """Text that Markdown shows as it is, in one line, whatever is in it."""
    line = html.escape(" ".join(str(text).split()), quote=False)
    return Markdown(_SPECIAL.sub(r"\\\1", line))


def code(text: str) -> Markdown:
    """Text as code, in one line that breaks no table."""
    line = " ".join(text.split()).replace("|", "\\|").replace("`", "'")
    return Markdown(f"`{line}`")


def table(grid: words.Grid) -> Markdown:
    """A grid as a Markdown table; no cell can become markup."""
    marks = ["---:" if column in grid.numeric else "---" for column in range(len(grid.head))]
    rows = [map(plain, grid.head), marks, *(map(plain, row) for row in grid.rows)]
    return Markdown("".join(f"| {' | '.join(row)} |\n" for row in rows))


def templates() -> Environment:
    """The templates of Markdown: a text in them is shown as it is, unless it is Markdown already."""
    found = Environment(
        loader=PackageLoader("classifier.evaluation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: value if hasattr(value, "__html__") else plain(value),
    )
    found.filters |= {"code": code, "percent": words.percent, "shortened": shortened, "table": table}
    return found


def markdown(report: Report, about: Mapping[str, str], figures: Sequence[Figure]) -> str:
    """The whole report. Messages and labels cannot become markup in it."""
    pictures = {figure.key: figure for figure in figures}
    template = templates().get_template("report/report.md.jinja")
    return template.render(report=report, about=about, figures=pictures, words=words, behind=behind)


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
        *([_aligned("Out of scope", words.scope_thresholds(report))] if report.out_of_scope else []),
        _aligned("Worst confusions", words.confusions(report)),
        _aligned("By length", words.lengths(report)),
        _aligned("Categories, the weakest first", words.categories(report)),
    ]
    if report.explanations and report.explanations.faithfulness:
        faithful = behind.faithfulness(report.explanations.faithfulness)
        parts.append(_aligned("Do the words that it shows decide?", faithful))
    return "\n\n".join(parts) + "\n"


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
