"""Parts of the pages that this package writes: each page is one file that needs nothing else.

Every text goes through html.escape, and a page's own policy lets no script but its own run and nothing load
from anywhere, so a message stays a message, whatever is written in it.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
from collections.abc import Sequence
from html import escape

from classifier.evaluation.report import words
from classifier.evaluation.report.figures import Figure

SORT = """
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
"""Sorts tables of the class `sortable` by the column whose name is pressed."""


def document(
    title: str,
    known: str,
    sections: Sequence[tuple[str, str, str]],
    footer: str,
    *,
    above: str = "",
    script: str = SORT,
) -> str:
    """The whole page.

    Args:
        title: of the page.
        known: one line under it.
        sections: (anchor, name, body as HTML).
        footer: one line of text.
        above: HTML before the sections.
        script: the page's own; no other one runs.
    """
    style = (importlib.resources.files("classifier.evaluation.report") / "style.css").read_text(
        encoding="utf-8"
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    links = "".join(f'<a href="#{escape(key)}">{escape(name)}</a>' for key, name, _ in sections)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        f"<header><h1>{escape(title)}</h1><p>{escape(known)}</p></header>\n"
        f"<nav>{links}</nav>\n"
        + above
        + "".join(
            f'<section id="{escape(key)}"><h2>{escape(name)}</h2>\n{body}</section>\n'
            for key, name, body in sections
        )
        + f"<footer>{escape(footer)}</footer>\n"
        f"</main>\n<script>{script}</script>\n</body>\n</html>\n"
    )


def grid(table: words.Grid, *, kind: str = "plain", first: str = "") -> str:
    """A table; of the class `kind`, its first row of the class `first`. Kind `sortable` needs SORT."""
    sortable = kind == "sortable"
    head = "".join(
        f'<th scope="col"{_class(i in table.numeric)}>'
        + (f'<button type="button">{escape(name)}</button>' if sortable else escape(name))
        + "</th>"
        for i, name in enumerate(table.head)
    )
    rows = []
    for number, row in enumerate(table.rows):
        opening = f'<tr class="{first}">' if first and number == 0 else "<tr>"
        if len(row) > 2 and not any(row[2:]):  # noqa: PLR2004 - a name and a note instead of figures
            cells = (
                f'<td>{escape(row[0])}</td><td class="note" colspan="{len(row) - 1}">{escape(row[1])}</td>'
            )
        else:
            cells = "".join(
                f"<td{_class(i in table.numeric)}>{escape(cell)}</td>" for i, cell in enumerate(row)
            )
        rows.append(f"{opening}{cells}</tr>\n")
    return (
        f'<div class="wide"><table class="{kind}"><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{''.join(rows)}</tbody></table></div>\n"
    )


def pairs(rows: Sequence[tuple[str, str]]) -> str:
    """A table of names and values."""
    return (
        "<table><tbody>\n"
        + "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>\n" for name, value in rows)
        + "</tbody></table>\n"
    )


def picture(figure: Figure) -> str:
    """A figure as data, with its text for those who do not see it."""
    data = base64.b64encode(figure.png).decode()
    return f'<figure><img alt="{escape(figure.alt)}" src="data:image/png;base64,{data}"></figure>\n'


def pair(left: str, right: str) -> str:
    """Two parts side by side; one above the other where there is no room."""
    return f'<div class="pair">{left}{right}</div>\n'


def paragraph(text: str) -> str:
    """Plain text as a paragraph."""
    return f"<p>{escape(text)}</p>\n"


def _class(numeric: bool) -> str:
    return ' class="n"' if numeric else ""
