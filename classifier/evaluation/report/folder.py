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
from classifier.files import write_bytes, write_text


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
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        figures = draw_figures(report)
        for figure in figures:
            write_bytes(folder / figure.file_name, figure.png)
        write_text(folder / "report.json", report_json(report))
        write_text(folder / "report.md", markdown(report, facts, figures))
        write_text(folder / "report.html", page(report, facts, figures))
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be written ({error.strerror}): name another folder") from error


def report_json(report: Report) -> str:
    """Every figure under stable names (see Report.as_dict), without anybody's message."""
    return json.dumps(report.as_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
