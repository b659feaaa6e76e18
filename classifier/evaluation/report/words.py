"""The figures in words, for the terminal, the Markdown file and the page: plain text, nothing escaped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from classifier.evaluation.types import BaselineReport, Interval, Report
from classifier.explanation.types import REPLY

OURS = "this model"
UNCERTAIN = 0.05
"""p-values from here on: the difference may be chance."""

Cell = str | int | float | Interval | None


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: `numeric` columns are set to the right and sorted by value."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: range = range(0)

    @classmethod
    def of(cls, head: str, rows: Iterable[Iterable[Cell]], numeric: range = range(0)) -> Grid:
        """Make a table; counts get separators, other numbers are shares, and pairs are intervals.

        Args:
            head: names of the columns, with bars between them.
            rows: a cell for each column.
            numeric: see the class.
        """
        return cls(tuple(head.split(" | ")), tuple(tuple(map(_shown, row)) for row in rows), numeric)


def _shown(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int):
        return f"{cell:,}"
    return interval(cell) if isinstance(cell, tuple) else percent(cell)


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
        said = f"{row['coverage']:.1%} answered, {row['error']:.1%} wrong, from {row['threshold']:.3f}"
        rows.append((f"validation threshold, {float(budget):.0%} errors", said))
    for budget, row in report.expected_budgets.items():
        said = f"{row['coverage']:.1%} answered, {row['error']:.1%} wrong"
        rows.append((f"the same without a bound, {float(budget):.0%}", said))
    if scope := report.out_of_scope:
        rows += [
            ("out of scope", f"AUROC {scope.auroc:.3f}, recall {percent(scope.recall)} of {scope.n:,}"),
            ("in-scope messages flagged as out of scope", percent(scope.flagged_in_scope)),
        ]
    if report.explanations and (faithful := report.explanations.faithfulness):
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
    head = ["model", "accuracy (95%)", "top 3", "macro F1", "ECE"]
    head += [f"coverage at {float(risk):.0%}" for risk in report.coverage]
    head += ["scope AUROC", "ours ahead by"] if scope else ["ours ahead by"]

    def figures(row: Report | BaselineReport, auroc: float | None) -> list[str]:
        shares = [percent(row.coverage[risk]) for risk in report.coverage]
        accuracy = f"{percent(row.accuracy)} ({interval(row.accuracy_interval)})"
        found = [accuracy, percent(row.top3), f"{row.macro_f1:.3f}", f"{row.ece:.3f}", *shares]
        return found if auroc is None else [*found, f"{auroc:.3f}"]

    rows = [[OURS, *figures(report, scope.auroc if scope else None), ""]]
    for row in report.baselines:
        if row.accuracy is None:
            rows.append([row.name, row.note, *[""] * (len(head) - 2)])
        else:
            rows.append([row.name, *figures(row, row.out_of_scope_auroc), difference(row)])
    return Grid.of(" | ".join(head), rows, range(1, len(head) - 1))


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
    rows = [
        (f"{row.low:.2f}–{row.high:.2f}", row.n, row.confidence, row.accuracy, row.interval)
        for row in report.reliability
    ]
    return Grid.of("confidence | messages | said | right | 95%", rows, range(1, 5))


def risk_coverage(report: Report, steps: int = 10) -> Grid:
    """The risk-coverage curve in so many equal steps: the point next above each."""
    rows = []
    for step in range(1, steps + 1):
        point = next((p for p in report.risk_coverage if p.coverage >= step / steps - 1e-9), None)
        if point is not None:
            rows.append((percent(point.coverage), percent(point.risk, 2), f"{point.threshold:.3f}"))
    return Grid.of("answered | wrong | from confidence", dict.fromkeys(rows), range(3))


def scope_thresholds(report: Report) -> Grid:
    """What each threshold on the out-of-scope score does."""
    points = report.out_of_scope.points if report.out_of_scope else ()
    rows = [(f"{point.threshold:g}", point.recall, point.flagged_in_scope) for point in points]
    return Grid.of("threshold | out of scope found | in scope flagged", rows, range(3))


def categories(report: Report) -> Grid:
    """Each category with precision, recall, F1 and their intervals, the weakest first."""
    rows = [
        (
            slug,
            str(row.n),
            row.precision,
            row.precision_interval,
            row.recall,
            row.recall_interval,
            row.f1,
            row.f1_interval,
        )
        for slug, row in sorted(report.categories.items(), key=lambda item: (item[1].f1, item[0]))
    ]
    head = "category | messages | precision | 95% | recall | 95% | F1 | 95%"
    return Grid.of(head, rows, range(1, 8))


def confusions(report: Report) -> Grid:
    """The worst confusions, without messages."""
    rows = [(each.label, each.predicted, str(each.n), each.share) for each in report.worst_confusions]
    return Grid.of("right category | taken for | messages | of the category", rows, range(2, 4))


def lengths(report: Report) -> Grid:
    """The accuracy by length."""
    rows = [(part.name, part.n, part.accuracy, part.interval) for part in report.lengths]
    return Grid.of("words | messages | accuracy | 95%", rows, range(1, 4))


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
        "Out-of-scope messages of another kind than these may be found less often, or more often."
        if report.out_of_scope
        else "No message here was out of scope (label oos): nothing is known about what the model does with "
        "messages that belong nowhere.",
    ]
    if any(row.accuracy is None for row in report.baselines):
        said.append("A baseline without figures says nothing about how much the fine-tune is worth.")
    return said
