"""The figures in words, for the terminal, the Markdown file and the page: plain text, nothing escaped."""

from __future__ import annotations

from dataclasses import dataclass

from classifier.evaluation.types import BaselineReport, Interval, Report
from classifier.explanation.types import REPLY

OURS = "this model"
UNCERTAIN = 0.05
"""p-values from here on: the difference may be chance."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: `numeric` columns are set to the right and sorted by value."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()


def percent(share: float | None, digits: int = 1) -> str:
    """0.934 as 93.4%; a dash where there is none."""
    return "–" if share is None else f"{share:.{digits}%}"


def interval(bounds: Interval | None) -> str:
    """(0.925, 0.942) as 92.5–94.2."""
    return "–" if bounds is None else f"{100 * bounds[0]:.1f}–{100 * bounds[1]:.1f}"


def headline(report: Report) -> list[tuple[str, str]]:
    """Names and values of what everybody asks for first."""
    rows = [
        ("messages", f"{report.n:,}"),
        ("accuracy", f"{percent(report.accuracy, 2)} (95% interval {interval(report.accuracy_interval)})"),
        ("right among the first three", percent(report.top3, 2)),
        ("right among the first five", percent(report.top5, 2)),
        ("macro F1", f"{report.macro_f1:.4f}"),
        ("macro precision, macro recall", f"{report.macro_precision:.4f}, {report.macro_recall:.4f}"),
        ("calibration error (ECE, 15 bins)", f"{report.ece:.4f}"),
        ("Brier score, log loss", f"{report.brier:.4f}, {report.log_loss:.4f}"),
        ("routed by itself", f"{percent(report.routed)}, of these right {percent(report.routed_accuracy)}"),
        (
            "wrong among all that it routed",
            f"{percent(report.routed_error)} (95% interval {interval(report.routed_error_interval)})",
        ),
        *((f"coverage at {float(risk):.0%} risk", percent(share)) for risk, share in report.coverage.items()),
        ("area under the risk-coverage curve", f"{report.aurc:.4f}"),
    ]
    for budget, row in report.budgets.items():
        answered, wrong = percent(row["coverage"]), percent(row["error"])
        said = f"{answered} answered, {wrong} wrong, from {row['threshold']:.3f}"
        rows.append((f"validation threshold, {float(budget):.0%} errors", said))
    for budget, row in report.expected_budgets.items():
        answered, wrong = percent(row["coverage"]), percent(row["error"])
        rows.append((f"the same without a bound, {float(budget):.0%}", f"{answered} answered, {wrong} wrong"))
    if report.out_of_scope is not None:
        scope = report.out_of_scope
        rows += [
            ("out of scope", f"AUROC {scope.auroc:.3f}, recall {percent(scope.recall)} of {scope.n:,}"),
            ("in-scope messages flagged as out of scope", percent(scope.flagged_in_scope)),
        ]
    faithful = report.explanations.faithfulness if report.explanations else None
    if faithful is not None:
        ours = faithful.methods[REPLY]
        said = f"{percent(ours.of_greedy.mean)} of the best order, {percent(ours.wins.mean)} beat chance"
        rows.append((f"words in replies, {faithful.messages} messages", said))
    if report.truncated is not None:
        rows.append(("longer than the model reads", percent(report.truncated)))
    if report.milliseconds:
        rows.append(("one message alone, on this machine", f"{report.milliseconds:.1f} ms"))
    if report.unknown:
        rows.append(("labels that the model does not know", f"{report.unknown} messages, counted as wrong"))
    return rows


def comparison(report: Report) -> Grid:
    """Our row, and those of the baselines; without `oos` messages there is no column about them."""
    scope = report.out_of_scope
    risks = tuple(f"coverage at {float(risk):.0%}" for risk in report.coverage)
    head = ("model", "accuracy (95%)", "top 3", "macro F1", "ECE", *risks)
    head += ("scope AUROC", "ours ahead by") if scope else ("ours ahead by",)
    ours = (
        OURS,
        f"{percent(report.accuracy)} ({interval(report.accuracy_interval)})",
        percent(report.top3),
        f"{report.macro_f1:.3f}",
        f"{report.ece:.3f}",
        *(percent(share) for share in report.coverage.values()),
        *((f"{scope.auroc:.3f}",) if scope else ()),
        "",
    )
    others = [_baseline_row(row, report, len(head)) for row in report.baselines]
    return Grid(head, (ours, *others), frozenset(range(1, len(head) - 1)))


def _baseline_row(row: BaselineReport, report: Report, columns: int) -> tuple[str, ...]:
    if row.accuracy is None:
        return (row.name, row.note, *[""] * (columns - 2))
    return (
        row.name,
        f"{percent(row.accuracy)} ({interval(row.accuracy_interval)})",
        percent(row.top3),
        f"{row.macro_f1:.3f}",
        f"{row.ece:.3f}",
        *(percent(row.coverage[risk]) for risk in report.coverage),
        *((f"{row.out_of_scope_auroc:.3f}",) if row.out_of_scope_auroc is not None else ()),
        difference(row),
    )


def difference(row: BaselineReport) -> str:
    """How far ours is ahead, in points, and whether that may be chance."""
    if row.difference is None or row.difference_interval is None or row.p_value is None:
        return ""
    low, high = row.difference_interval
    chance = "p < 0.001" if row.p_value < 0.001 else f"p = {row.p_value:.3f}"  # noqa: PLR2004
    note = ", may be chance" if row.p_value >= UNCERTAIN else ""
    return f"{100 * row.difference:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f}), {chance}{note}"


def reliability(report: Report) -> Grid:
    """The reliability diagram in numbers."""
    return Grid(
        ("confidence", "messages", "said", "right", "95%"),
        tuple(
            (
                f"{row.low:.2f}–{row.high:.2f}",
                f"{row.n:,}",
                percent(row.confidence),
                percent(row.accuracy),
                interval(row.interval),
            )
            for row in report.reliability
        ),
        frozenset({1, 2, 3, 4}),
    )


def risk_coverage(report: Report, steps: int = 10) -> Grid:
    """The risk-coverage curve in so many equal steps: the point next above each."""
    rows = []
    for step in range(1, steps + 1):
        point = next((p for p in report.risk_coverage if p.coverage >= step / steps - 1e-9), None)
        if point is not None:
            rows.append((percent(point.coverage), percent(point.risk, 2), f"{point.threshold:.3f}"))
    return Grid(("answered", "wrong", "from confidence"), tuple(dict.fromkeys(rows)), frozenset({0, 1, 2}))


def scope_thresholds(report: Report) -> Grid:
    """What each threshold on the out-of-scope score does."""
    points = report.out_of_scope.points if report.out_of_scope else ()
    rows = tuple((f"{p.threshold:g}", percent(p.recall), percent(p.flagged_in_scope)) for p in points)
    return Grid(("threshold", "out of scope found", "in scope flagged"), rows, frozenset({0, 1, 2}))


def categories(report: Report) -> Grid:
    """Each category with precision, recall, F1 and their intervals, the weakest first."""
    ranked = sorted(report.categories.items(), key=lambda item: (item[1].f1, item[0]))
    return Grid(
        ("category", "messages", "precision", "95%", "recall", "95%", "F1", "95%"),
        tuple(
            (
                slug,
                str(row.n),
                percent(row.precision),
                interval(row.precision_interval),
                percent(row.recall),
                interval(row.recall_interval),
                percent(row.f1),
                interval(row.f1_interval),
            )
            for slug, row in ranked
        ),
        frozenset(range(1, 8)),
    )


def confusions(report: Report) -> Grid:
    """The worst confusions, without messages."""
    rows = tuple((c.label, c.predicted, str(c.n), percent(c.share)) for c in report.worst_confusions)
    return Grid(("right category", "taken for", "messages", "of the category"), rows, frozenset({2, 3}))


def lengths(report: Report) -> Grid:
    """The accuracy by length."""
    rows = tuple((s.name, f"{s.n:,}", percent(s.accuracy), interval(s.interval)) for s in report.lengths)
    return Grid(("words", "messages", "accuracy", "95%"), rows, frozenset({1, 2, 3}))


def limits(report: Report) -> list[str]:
    """What the figures cannot say."""
    fewest = min((row.n for row in report.categories.values()), default=0)
    said = [
        "The intervals cover the chance of which messages were tested. They do not cover that another "
        "training with another seed gives another model.",
        "The labels count as the truth. Where people disagree, or labelled wrongly, a right answer counts as "
        "wrong; the worst confusions are where to look.",
        "Coverage at a risk takes its threshold from these very messages, so it is an upper estimate. The "
        "line “routed by itself” uses the threshold that the model brought along.",
        "Messages that are written differently, in another language or about something new can be answered "
        "worse than these.",
        f"The category with the fewest messages has {fewest}: its interval says how little that tells.",
    ]
    if report.out_of_scope is None:
        said.append(
            "No message here was out of scope (label oos): nothing is known about what the model does with "
            "messages that belong nowhere."
        )
    else:
        said.append(
            "Out-of-scope messages of another kind than these may be found less often, or more often."
        )
    if any(row.accuracy is None for row in report.baselines):
        said.append("A baseline without figures says nothing about how much the fine-tune is worth.")
    return said
