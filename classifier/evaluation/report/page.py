"""HTML pages, each one file that needs nothing else: the evaluation, and a model's habits.

The templates escape every text, and a page's own policy lets no script but its own run and nothing load from
anywhere, so a message stays a message, whatever is written in it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from classifier.evaluation.report import explanation_words as behind
from classifier.evaluation.report import words
from classifier.evaluation.report.figures import Figure
from classifier.evaluation.report.markdown import shortened
from classifier.evaluation.types import Report
from classifier.explanation.types import Habits


def page(report: Report, about: Mapping[str, str], figures: Sequence[Figure]) -> str:
    """The page of an evaluation.

    Args:
        report: what was measured.
        about: names and values under the title.
        figures: to be set into it as data.
    """
    pictures = {figure.key: figure for figure in figures}
    template = _templates().get_template("report.html")
    return template.render(report=report, about=about, figures=pictures, words=words, behind=behind)


def habits_page(found: Habits) -> str:
    """The page of a model's habits, category by category; it holds single words, and no message."""
    return _templates().get_template("habits.html").render(found=found, behind=behind)


def _templates() -> Environment:
    found = Environment(
        loader=PackageLoader("classifier.evaluation.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters |= {
        "base64": lambda data: base64.b64encode(data).decode(),
        "count": "{:,}".format,
        "interval": words.interval,
        "percent": words.percent,
        "sha256": lambda text: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode(),
        "shortened": shortened,
    }
    return found
