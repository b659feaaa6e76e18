"""The evaluation as one HTML page that needs nothing else: no network, no other file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from classifier.evaluation.report import explanation_words as behind
from classifier.evaluation.report import words
from classifier.evaluation.report.figures import Figure
from classifier.evaluation.report.html import document, grid, pair, pairs, paragraph, picture
from classifier.evaluation.report.markdown import shortened
from classifier.evaluation.types import Report


def page(report: Report, about: Mapping[str, str], figures: Sequence[Figure]) -> str:
    """The whole page.

    Args:
        report: what was measured.
        about: names and values under the title.
        figures: to be set into it as data.
    """
    pictures = {figure.key: picture(figure) for figure in figures}
    sections = [
        ("comparison", "Beside simpler models", _comparison(report, pictures)),
        ("figures", "All headline figures", pairs(words.headline(report))),
        ("calibration", "Calibration", _calibration(report, pictures)),
        ("risk", "Risk and coverage", _risk(report, pictures)),
        ("scope", "Out of scope", _scope(report, pictures)),
        ("confusions", "Worst confusions", _confusions(report, pictures)),
        ("categories", "Categories", _categories(report, pictures)),
        ("lengths", "By length", grid(words.lengths(report))),
        *_explanations(report),
        ("limits", "What the figures cannot say", _limits(report)),
    ]
    known = " · ".join(f"{name}: {value}" for name, value in about.items())
    return document(
        f"Evaluation of {report.model_version}",
        known,
        sections,
        "Made by fingerpost evaluate. This page loads nothing and sends nothing. It holds messages: show it "
        "to those who may read them.",
        above=f'<div class="tiles">{_tiles(report)}</div>\n',
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
    return paragraph(said) + picture + grid(words.comparison(report), first="ours")


def _calibration(report: Report, pictures: Mapping[str, str]) -> str:
    said = "Where the model says 80%, it should be right in 80 of 100 cases: points on the dashed line."
    return paragraph(said) + pair(pictures["reliability"], grid(words.reliability(report)))


def _risk(report: Report, pictures: Mapping[str, str]) -> str:
    said = (
        "If only the surest messages are answered: how many that are, and how many of the answers are wrong."
    )
    return paragraph(said) + pair(pictures["risk_coverage"], grid(words.risk_coverage(report)))


def _scope(report: Report, pictures: Mapping[str, str]) -> str:
    scope = report.out_of_scope
    if scope is None:
        return paragraph("No message here has the label oos, so this was not measured.")
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
        paragraph(said)
        + pair(pictures["out_of_scope"], grid(words.scope_thresholds(report)))
        + (paragraph(f"Those that were not found were taken for: {taken}.") if taken else "")
    )


def _confusions(report: Report, pictures: Mapping[str, str]) -> str:
    if not report.worst_confusions:
        return paragraph("The model confused nothing.")
    entries = "".join(
        f'<div class="confusion"><p><b>{escape(c.label)}</b> taken for <b>{escape(c.predicted)}</b>: '
        f"{c.n} ({words.percent(c.share)} of the category)</p><ul>"
        + "".join(f"<li>{escape(shortened(message))}</li>" for message in c.examples)
        + "</ul></div>\n"
        for c in report.worst_confusions
    )
    return (
        paragraph("The most frequent ones, each with the messages that the model was surest of.")
        + entries
        + "<h3>The categories that are confused most</h3>\n"
        + pictures.get("confusion_worst", "")
    )


def _categories(report: Report, pictures: Mapping[str, str]) -> str:
    return (
        paragraph(
            "The weakest first; press a column's name to sort by it. Intervals are 95% Wilson intervals."
        )
        + grid(words.categories(report), kind="sortable")
        + '<details><summary>The confusion matrix of all categories</summary><div class="wide">'
        + pictures["confusion"]
        + "</div></details>\n"
    )


def _explanations(report: Report) -> list[tuple[str, str, str]]:
    explained = report.explanations
    if explained is None:
        return []
    body = ""
    if explained.faithfulness is not None:
        body += paragraph(behind.faithful_said(explained.faithfulness))
        body += grid(behind.faithfulness(explained.faithfulness), first="ours")
    if explained.shortcut is not None:
        body += "<h3>A planted word</h3>\n" + paragraph(behind.shortcut_said(explained.shortcut))
        body += grid(behind.shortcut(explained.shortcut))
    found = [("explanations", "Do the words that it shows decide?", body)] if body else []
    if explained.misleading:
        said = paragraph(behind.MISLEADING) + grid(behind.misleading(explained.misleading), kind="sortable")
        found.append(("misleading", "The words behind wrong answers", said))
    return found


def _limits(report: Report) -> str:
    return f'<ul class="limits">{"".join(f"<li>{escape(line)}</li>" for line in words.limits(report))}</ul>'
