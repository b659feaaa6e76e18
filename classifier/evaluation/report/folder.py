"""The folder of a report: the page, the Markdown file, the JSON file and the pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from classifier.contract import InvalidInput
from classifier.evaluation.report.figures import draw_figures
from classifier.evaluation.report.markdown import markdown
from classifier.evaluation.report.page import page
from classifier.evaluation.types import Report


def write_report(report: Report, folder: Path, *, about: Mapping[str, str] | None = None) -> None:
    """Write report.html, report.md, report.json and the figures as PNG into a folder, over older ones.

    The page and the Markdown file hold messages (three for each of the worst confusions): keep them where
    those who may read the messages can read them. The JSON file holds none.

    Args:
        report: what was measured.
        folder: is made where it does not exist.
        about: further facts for the page's head, such as the labels' file and the base encoder.

    Raises:
        InvalidInput: the folder cannot be written.
    """
    facts = dict(about or {})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        figures = draw_figures(report)
        for figure in figures:
            (folder / figure.file_name).write_bytes(figure.png)
        (folder / "report.json").write_text(report_json(report), encoding="utf-8")
        (folder / "report.md").write_text(markdown(report, facts, figures), encoding="utf-8")
        (folder / "report.html").write_text(page(report, facts, figures), encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be written ({error.strerror}): name another folder") from error


def report_json(report: Report) -> str:
    """Every figure under stable names (see Report.as_dict), without anybody's message."""
    return json.dumps(report.as_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
