"""The evaluation as one HTML page that needs nothing else: no network, no other file.

Every text goes through html.escape, and the page's own policy lets no script but its own run and nothing load
from anywhere, so a message stays a message, whatever is written in it.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
from collections.abc import Mapping, Sequence
from html import escape

from classifier.evaluation_types import Report
from classifier.report import words
from classifier.report.figures import Figure
from classifier.report.markdown import shortened

_SCRIPT = """
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    const value = row => row.cells[column].textContent.trim();
    const number = text => parseFloat(text.replace(/[,%]/g, ""));
    const numeric = head.classList.contains("n");
    const rows = [...table.tBodies[0].rows].sort((a, b) => numeric
      ? number(value(a)) - number(value(b)) : value(a).localeCompare(value(b)));
    if (!up) rows.reverse();
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    table.tBodies[0].append(...rows);
  }));
}
"""
_SCRIPT_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{_SCRIPT_HASH}'; "
    "base-uri 'none'; form-action 'none'"
)


def page(report: Report, about: Mapping[str, str], figures: Sequence[Figure]) -> str:
    """The whole page.

    Args:
        report: what was measured.
        about: names and values under the title.
        figures: to be set into it as data.
    """
    pictures = {figure.key: _figure(figure) for figure in figures}
    sections = [
        ("comparison", "Beside simpler models", _comparison(report, pictures)),
        ("figures", "All headline figures", _pairs(words.headline(report))),
        ("calibration", "Calibration", _calibration(report, pictures)),
        ("risk", "Risk and coverage", _risk(report, pictures)),
        ("scope", "Out of scope", _scope(report, pictures)),
        ("confusions", "Worst confusions", _confusions(report, pictures)),
        ("categories", "Categories", _categories(report, pictures)),
        ("lengths", "By length", _grid(words.lengths(report))),
        ("limits", "What the figures cannot say", _limits(report)),
    ]
    title = f"Evaluation of {report.model_version}"
    style = (importlib.resources.files("classifier.report") / "style.css").read_text(encoding="utf-8")
    known = " · ".join(f"{name}: {value}" for name, value in about.items())
    links = "".join(f'<a href="#{key}">{escape(name)}</a>' for key, name, _ in sections)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        f"<header><h1>{escape(title)}</h1><p>{escape(known)}</p></header>\n"
        f"<nav>{links}</nav>\n"
        f'<div class="tiles">{_tiles(report)}</div>\n'
        + "".join(
            f'<section id="{key}"><h2>{escape(name)}</h2>\n{body}</section>\n' for key, name, body in sections
        )
        + "<footer>Made by fingerpost evaluate. This page loads nothing and sends nothing. It holds "
        "messages: show it to those who may read them.</footer>\n"
        f"</main>\n<script>{_SCRIPT}</script>\n</body>\n</html>\n"
    )


def _tiles(report: Report) -> str:
    scope = report.out_of_scope
    tiles = [
        (
            words.percent(report.accuracy),
            f"accuracy, 95% interval {words.interval(report.accuracy_interval)}",
        ),
        (f"{report.macro_f1:.3f}", f"macro F1 over {len(report.categories)} categories"),
        (words.percent(report.top3), "right among the first three"),
        (f"{report.ece:.3f}", "calibration error (ECE)"),
        *(
            (words.percent(share), f"can be answered with {float(risk):.0%} wrong")
            for risk, share in list(report.coverage.items())[:1]
        ),
        (
            words.percent(report.routed),
            f"routed by itself, {words.percent(report.routed_accuracy)} of it right",
        ),
    ]
    if scope is not None:
        tiles.append((f"{scope.auroc:.3f}", f"out-of-scope AUROC, recall {words.percent(scope.recall)}"))
    if report.milliseconds:
        tiles.append((f"{report.milliseconds:.1f} ms", "one message alone, on this machine"))
    return "".join(f'<div class="tile"><b>{escape(v)}</b><span>{escape(n)}</span></div>' for v, n in tiles)


def _comparison(report: Report, pictures: Mapping[str, str]) -> str:
    said = (
        f"The same {report.n:,} messages, models fitted to the same training messages. The difference is "
        "ours minus theirs on the very same messages, with an exact McNemar test."
    )
    picture = f'<div class="narrow">{pictures["comparison"]}</div>' if "comparison" in pictures else ""
    return _p(said) + picture + _grid(words.comparison(report), first="ours")


def _calibration(report: Report, pictures: Mapping[str, str]) -> str:
    said = "Where the model says 80%, it should be right in 80 of 100 cases: points on the dashed line."
    return _p(said) + _pair(pictures["reliability"], _grid(words.reliability(report)))


def _risk(report: Report, pictures: Mapping[str, str]) -> str:
    said = (
        "If only the surest messages are answered: how many that are, and how many of the answers are wrong."
    )
    return _p(said) + _pair(pictures["risk_coverage"], _grid(words.risk_coverage(report)))


def _scope(report: Report, pictures: Mapping[str, str]) -> str:
    scope = report.out_of_scope
    if scope is None:
        return _p("No message here has the label oos, so this was not measured.")
    found = f"{words.percent(scope.recall)} found (95% interval {words.interval(scope.recall_interval)})"
    said = (
        f"{scope.n:,} messages belong to no category. AUROC {scope.auroc:.3f}, average precision "
        f"{scope.aupr:.3f}; to find 95% of them, {words.percent(scope.fpr_at_95_recall)} of the in-scope "
        f"messages would be flagged. From a score of {scope.threshold:g}: {found}, "
        f"{words.percent(scope.in_scope_accuracy)} of the in-scope messages right and not flagged, "
        f"{words.percent(scope.routed)} of those out of scope routed all the same."
    )
    taken = ", ".join(f"{label} ({n})" for label, n in scope.taken_for)
    return (
        _p(said)
        + _pair(pictures["out_of_scope"], _grid(words.scope_thresholds(report)))
        + (_p(f"Those that were not found were taken for: {taken}.") if taken else "")
    )


def _confusions(report: Report, pictures: Mapping[str, str]) -> str:
    if not report.worst_confusions:
        return _p("The model confused nothing.")
    entries = "".join(
        f'<div class="confusion"><p><b>{escape(c.label)}</b> taken for <b>{escape(c.predicted)}</b>: '
        f"{c.n} ({words.percent(c.share)} of the category)</p><ul>"
        + "".join(f"<li>{escape(shortened(message))}</li>" for message in c.examples)
        + "</ul></div>\n"
        for c in report.worst_confusions
    )
    return (
        _p("The most frequent ones, each with the messages that the model was surest of.")
        + entries
        + "<h3>The categories that are confused most</h3>\n"
        + pictures.get("confusion_worst", "")
    )


def _categories(report: Report, pictures: Mapping[str, str]) -> str:
    return (
        _p("The weakest first; press a column's name to sort by it. Intervals are 95% Wilson intervals.")
        + _grid(words.categories(report), kind="sortable")
        + '<details><summary>The confusion matrix of all categories</summary><div class="wide">'
        + pictures["confusion"]
        + "</div></details>\n"
    )


def _limits(report: Report) -> str:
    return f'<ul class="limits">{"".join(f"<li>{escape(line)}</li>" for line in words.limits(report))}</ul>'


def _grid(grid: words.Grid, *, kind: str = "plain", first: str = "") -> str:
    sortable = kind == "sortable"
    head = "".join(
        f'<th scope="col"{_class(i in grid.numeric)}>'
        + (f'<button type="button">{escape(name)}</button>' if sortable else escape(name))
        + "</th>"
        for i, name in enumerate(grid.head)
    )
    rows = []
    for number, row in enumerate(grid.rows):
        opening = f'<tr class="{first}">' if first and number == 0 else "<tr>"
        if len(row) > 2 and not any(row[2:]):  # noqa: PLR2004 - a name and a note instead of figures
            cells = (
                f'<td>{escape(row[0])}</td><td class="note" colspan="{len(row) - 1}">{escape(row[1])}</td>'
            )
        else:
            cells = "".join(
                f"<td{_class(i in grid.numeric)}>{escape(cell)}</td>" for i, cell in enumerate(row)
            )
        rows.append(f"{opening}{cells}</tr>\n")
    return (
        f'<div class="wide"><table class="{kind}"><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{''.join(rows)}</tbody></table></div>\n"
    )


def _pairs(rows: Sequence[tuple[str, str]]) -> str:
    return (
        "<table><tbody>\n"
        + "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>\n" for name, value in rows)
        + "</tbody></table>\n"
    )


def _figure(figure: Figure) -> str:
    data = base64.b64encode(figure.png).decode()
    return f'<figure><img alt="{escape(figure.alt)}" src="data:image/png;base64,{data}"></figure>\n'


def _pair(left: str, right: str) -> str:
    return f'<div class="pair">{left}{right}</div>\n'


def _p(text: str) -> str:
    return f"<p>{escape(text)}</p>\n"


def _class(numeric: bool) -> str:
    return ' class="n"' if numeric else ""
