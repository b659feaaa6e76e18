"""The pictures of a report as PNG, in colours that the colour-blind can tell apart (Okabe & Ito)."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from classifier.evaluation.types import Report

WORST = 20
"""Categories in the enlarged part of the confusion matrix."""
_BLUE, _ORANGE, _VERMILION, _GREY = "#0072B2", "#E69F00", "#D55E00", "#5f6b76"
_MARKERS = ("o", "s", "^", "D")
_DPI = 130
_LONGEST_LABEL = 34


@dataclass(frozen=True, slots=True)
class Figure:
    """One picture.

    Attributes:
        key: of the figure: comparison, reliability, risk_coverage, out_of_scope, confusion_worst, confusion.
        alt: what it shows, for who cannot see it.
        png: the file's bytes.
    """

    key: str
    alt: str
    png: bytes

    @property
    def file_name(self) -> str:
        """Its name in the report's folder."""
        return f"{self.key}.png"


def draw_figures(report: Report) -> tuple[Figure, ...]:
    """Draw what there is to draw: without `oos` messages or baselines, their figures are left out."""
    drawn = [_reliability(report), _risk_coverage(report)]
    if any(row.accuracy is not None for row in report.baselines):
        drawn.append(_comparison(report))
    if report.out_of_scope is not None:
        drawn.append(_out_of_scope(report))
    if report.worst_confusions:
        drawn.append(_confusion_worst(report))
    drawn.append(_confusion(report))
    return tuple(drawn)


def draw_confusion(report: Report) -> Figure:
    """Draw the confusion matrix with counts; of many categories those that are confused most."""
    if len(report.matrix.labels) > WORST and report.worst_confusions:
        return replace(_confusion_worst(report), key="confusion")
    labels = report.matrix.labels
    side = 3.4 + 0.36 * len(labels)
    worst = ", ".join(f"{right} taken for {said} {n} times" for right, said, n in report.confusions[:3])
    alt = f"Confusion matrix of {len(labels)} categories, rows are the right ones, with counts"
    return Figure(
        "confusion",
        f"{alt}. Most often: {worst}" if worst else f"{alt}. Nothing was confused",
        _png((side + 0.8, side), lambda axes: _matrix(axes, report, labels, 8, figures=True)),
    )


def _comparison(report: Report) -> Figure:
    rows = [("this model", report.accuracy, report.accuracy_interval)]
    rows += [
        (row.name, row.accuracy, row.accuracy_interval)
        for row in report.baselines
        if row.accuracy is not None and row.accuracy_interval is not None
    ]

    def draw(axes: Any) -> None:
        for place, (_, accuracy, (low, high)) in enumerate(rows):
            colour = _BLUE if place == 0 else _GREY
            errors = [[100 * (accuracy - low)], [100 * (high - accuracy)]]
            axes.errorbar(
                100 * accuracy, place, xerr=errors, fmt=_MARKERS[place], color=colour, capsize=4, markersize=8
            )
            axes.annotate(
                f"{accuracy:.1%}", (100 * accuracy, place), (0, 9), textcoords="offset points", ha="center"
            )
        axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
        axes.set_ylim(len(rows) - 0.5, -0.6)
        axes.set_xlabel("accuracy in percent, with 95% interval")
        axes.grid(axis="x", alpha=0.3)

    said = ", ".join(f"{name} {accuracy:.1%}" for name, accuracy, _ in rows)
    return Figure(
        "comparison", f"Accuracy with 95% intervals: {said}", _png((7.4, 0.9 + 0.55 * len(rows)), draw)
    )


def _reliability(report: Report) -> Figure:
    rows = report.reliability
    places, widths = [row.low for row in rows], [row.high - row.low for row in rows]
    right = np.array([row.accuracy for row in rows])
    errors = np.array([[row.accuracy - row.interval[0], row.interval[1] - row.accuracy] for row in rows])

    def draw(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], linestyle="--", color=_GREY, linewidth=1, label="said = right")
        axes.bar(places, right, widths, align="edge", color=_BLUE, alpha=0.2, edgecolor="white")
        axes.errorbar(
            [row.confidence for row in rows],
            right,
            yerr=np.maximum(errors.T, 0),
            fmt="o",
            color=_BLUE,
            capsize=3,
            markersize=5,
            label="measured, 95% interval",
        )
        axes.set(xlim=(0, 1), ylim=(0, 1.04), ylabel="share that is right")
        axes.legend(loc="upper left", frameon=False)
        counts = axes.inset_axes((0, -0.42, 1, 0.26), sharex=axes)
        counts.spines[["top", "right"]].set_visible(False)
        counts.bar(places, [row.n for row in rows], widths, align="edge", color=_ORANGE, edgecolor="white")
        counts.set(yscale="log", xlabel="confidence", ylabel="messages")

    alt = (
        f"Reliability diagram, {report.n} messages in bins of confidence; calibration error {report.ece:.4f}"
    )
    return Figure("reliability", alt, _png((7.4, 6.2), draw))


def _risk_coverage(report: Report) -> Figure:
    points = report.risk_coverage

    def draw(axes: Any) -> None:
        axes.plot(
            [100 * p.coverage for p in points],
            [100 * p.risk for p in points],
            color=_BLUE,
            linewidth=2,
            label="risk",
        )
        for number, (risk, coverage) in enumerate(report.coverage.items()):
            level = 100 * float(risk)
            axes.axhline(level, color=_GREY, linewidth=0.7, linestyle=":")
            if coverage > 0:
                axes.plot(
                    100 * coverage, level, _MARKERS[number], color=_VERMILION, markersize=8, linestyle="none",
                    label=f"{level:g}% wrong: {coverage:.1%} answered",
                )  # fmt: skip
        axes.plot(
            100 * report.routed, 100 * (1 - report.routed_accuracy), "*", color=_ORANGE, markersize=13,
            linestyle="none", markeredgecolor="black", markeredgewidth=0.6, label="routed by itself",
        )  # fmt: skip
        top = max([100 * p.risk for p in points] + [6.0])
        axes.set(
            xlim=(0, 101),
            ylim=(0, top * 1.08),
            xlabel="messages answered, percent",
            ylabel="of these wrong, percent",
        )
        axes.legend(loc="upper left", frameon=False)
        axes.grid(alpha=0.25)

    said = ", ".join(f"{share:.1%} at {float(risk):.0%}" for risk, share in report.coverage.items())
    return Figure("risk_coverage", f"Risk over coverage; coverage at risk: {said}", _png((7.4, 4.6), draw))


def _out_of_scope(report: Report) -> Figure:
    scope = report.out_of_scope
    assert scope is not None  # noqa: S101  # the caller has looked  # nosec B101

    def draw(axes: Any) -> None:
        edges = np.linspace(0, 1, len(scope.inside) + 1)
        for counts, colour, hatch, name in (
            (scope.inside, _BLUE, "", "in scope"),
            (scope.outside, _ORANGE, "//", "out of scope"),
        ):
            shares = 100 * np.array(counts) / max(1, sum(counts))
            axes.bar(
                edges[:-1], shares, edges[1] - edges[0], align="edge", color=colour, alpha=0.55, hatch=hatch,
                edgecolor=colour, label=f"{name} ({sum(counts)})",
            )  # fmt: skip
        axes.axvline(
            scope.threshold,
            color="black",
            linewidth=1,
            linestyle="--",
            label=f"threshold {scope.threshold:g}",
        )
        axes.set(xlim=(0, 1), xlabel="out-of-scope score", ylabel="share of each kind, percent")
        axes.legend(loc="upper center", frameon=False)

    alt = f"Histogram of the out-of-scope score in and out of scope; AUROC {scope.auroc:.3f}"
    return Figure("out_of_scope", alt, _png((7.4, 4.2), draw))


def _confusion(report: Report) -> Figure:
    labels = report.matrix.labels
    side = min(22.0, 3.2 + 0.155 * len(labels))
    alt = f"Confusion matrix of {len(labels)} categories, rows are the right ones, shares of each row"
    size = 7 if len(labels) <= 100 else 6  # noqa: PLR2004 - a hundred labels fit in seven points
    return Figure(
        "confusion",
        alt,
        _png((side + 0.8, side), lambda axes: _matrix(axes, report, labels, size, figures=False)),
    )


def _confusion_worst(report: Report) -> Figure:
    """The categories that are confused most, with their counts."""
    counts = np.array(report.matrix.counts)
    off = counts - np.diag(np.diag(counts))
    labels = report.matrix.labels
    # pairs in the order of their counts, until there are enough categories
    chosen: list[int] = []
    for pair in np.argsort(-off, axis=None, kind="stable"):
        row, column = np.unravel_index(pair, off.shape)
        if off[row, column] == 0 or len(chosen) >= WORST - 1:
            break
        chosen += [int(i) for i in (row, column) if int(i) not in chosen]
    names = tuple(labels[i] for i in sorted(chosen))
    side = 3.4 + 0.36 * len(names)
    alt = f"The {len(names)} categories that are confused most, rows are the right ones, with counts"
    return Figure(
        "confusion_worst",
        alt,
        _png((side + 0.8, side), lambda axes: _matrix(axes, report, names, 8, figures=True)),
    )


def _matrix(axes: Any, report: Report, names: tuple[str, ...], size: int, *, figures: bool) -> None:
    from matplotlib.colors import PowerNorm  # noqa: PLC0415 - slow to import

    index = [report.matrix.labels.index(name) for name in names]
    counts = np.array(report.matrix.counts)
    shares = (counts / np.maximum(1, counts.sum(axis=1, keepdims=True)))[np.ix_(index, index)]
    # the root lets a confusion of one message in forty be seen beside a diagonal of one
    picture = axes.imshow(
        shares, cmap="Blues", norm=PowerNorm(0.5, 0, 1), aspect="equal", interpolation="nearest"
    )
    shown = [_label(name) for name in names]
    axes.set_xticks(range(len(names)), shown, rotation=90, fontsize=size)
    axes.set_yticks(range(len(names)), shown, fontsize=size)
    axes.set_xlabel("what the model said")
    axes.set_ylabel("the right category")
    axes.figure.colorbar(
        picture, ax=axes, shrink=0.5, pad=0.01, label="share of the right category's messages"
    )
    if figures:
        for row, i in enumerate(index):
            for column, j in enumerate(index):
                if counts[i, j]:
                    dark = shares[row, column] > 0.4  # noqa: PLR2004 - where white reads better
                    axes.text(column, row, counts[i, j], ha="center", va="center", fontsize=size,
                              color="white" if dark else "black")  # fmt: skip


def _label(name: str) -> str:
    short = name if len(name) <= _LONGEST_LABEL else name[: _LONGEST_LABEL - 1] + "…"
    return short.replace("$", r"\$")  # a dollar sign would begin mathematics


def _png(inches: tuple[float, float], draw: Callable[[Any], None]) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - slow to import
    from matplotlib.figure import Figure as Canvas  # noqa: PLC0415

    figure = Canvas(figsize=inches, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    draw(axes)
    content = io.BytesIO()
    with warnings.catch_warnings():
        # a label in a script that the font lacks shows boxes; the tables beside the figure have it in full
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        # no date and no version inside: the same figures give the same file
        figure.savefig(content, format="png", dpi=_DPI, metadata={"Software": None})
    return content.getvalue()
