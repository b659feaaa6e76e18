"""What `fingerpost evaluate` prints and writes. Torch and matplotlib are imported where they are needed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from classifier.files import write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from classifier.data.dataset import Example
    from classifier.evaluation.types import Report
    from classifier.inference.predictor import Predictor


def evaluate_directory(
    predictor: Predictor,
    folder: Path,
    examples: Sequence[Example],
    device: str,
    *,
    taken_apart: int = 0,
) -> Report:
    """Measure the model of a directory beside the baselines that it keeps.

    Args:
        predictor: the model.
        folder: its directory.
        examples: messages that it has not seen.
        device: for the baselines' encoder.
        taken_apart: messages to measure explanations on, at most; 0 leaves explanations out.

    Raises:
        InvalidInput: there is no message of a category among the examples.
        BrokenModel: the directory's baselines cannot be read.
    """
    from classifier.evaluation.baseline_predictions import answer_baselines
    from classifier.evaluation.measure import check_measurable, evaluate
    from classifier.explanation.report import explanation_report
    from classifier.model.baselines import load_baselines

    check_measurable(examples)
    texts = [example.text for example in examples]
    rows = answer_baselines(load_baselines(folder), predictor.facts, texts, device=device)
    explained = None
    if taken_apart:
        explained = explanation_report(predictor, examples, messages=taken_apart)
    return evaluate(predictor, examples, baselines=rows, timed=True, explanations=explained)


def show(report: Report, *, text: bool = False) -> None:
    """Print the headline figures, and with `text` every figure in text; never a message."""
    console = Console()
    console.print(_table(report))
    if text:
        from classifier.evaluation.report.markdown import text_figures

        console.print("\n" + text_figures(report), markup=False, highlight=False, soft_wrap=True, end="")


def write_json(report: Report, file: Path) -> None:
    """Write every figure, and no message.

    Raises:
        InvalidInput: the file cannot be written.
    """
    from classifier.evaluation.report.folder import report_json

    write_text(file, report_json(report))


def write_folder(report: Report, predictor: Predictor, labels: Path, folder: Path) -> None:
    """Write the report's folder, with the labels' file and the model's origin in its head.

    Raises:
        InvalidInput: the folder cannot be written.
    """
    from classifier.evaluation.model_card import KINDS
    from classifier.evaluation.report.folder import write_report

    facts = predictor.facts
    about = {
        "messages": f"{labels.name} (sha256 {hashlib.sha256(labels.read_bytes()).hexdigest()[:12]})",
        "model": KINDS.get(facts.kind, facts.kind),
        "base encoder": facts.base_model,
        "categories": str(len(facts.labels)),
        "made": facts.created,
    }
    write_report(report, folder, about=about)


def _table(report: Report) -> Table:
    from classifier.evaluation.report import words

    table = Table(title=f"Model {report.model_version}", show_header=False)
    for name, value in words.headline(report):
        table.add_row(escape(name), escape(value))
    for row in report.baselines:
        figures = row.note if row.accuracy is None else f"{words.percent(row.accuracy, 2)} accuracy"
        ahead = words.difference(row)
        table.add_row(escape(row.name), escape(f"{figures}; ours {ahead}" if ahead else figures))
    return table
