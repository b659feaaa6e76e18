"""What a search found, for people and for `fingerpost train --config`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from statistics import fmean, variance
from typing import TYPE_CHECKING, Any

from scipy.stats import t as student

from classifier.contract import InvalidInput
from classifier.files import write_text
from classifier.training.tuning.types import TuningResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SURE = 0.05
_BEST, _OTHER = "#2f6f4f", "#8a8f98"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The best trial against the default recipe, in pairs over the folds.

    Attributes:
        differences: accuracy of the best minus that of the default, on each fold.
        fresh: whether both were trained again with another seed; otherwise the best was chosen by the same
            figures, which flatter it.
        mean: of the differences.
        p: two-sided, from the corrected resampled t-test (Nadeau & Bengio 2003), which allows for folds that
            share their training messages; None where it cannot be known.
    """

    differences: tuple[float, ...]
    fresh: bool
    mean: float
    p: float | None

    @property
    def beyond_noise(self) -> bool:
        """Whether the best trial is better than chance explains."""
        return self.mean > 0 and self.p is not None and self.p < _SURE


def compare(result: TuningResult) -> Comparison | None:
    """Compare the best trial with the default recipe; None where the default is the best."""
    if result.best.default:
        return None
    fresh = len(result.fresh) >= 2  # noqa: PLR2004 - one pair has no spread
    pairs = result.fresh if fresh else zip(result.best.scores, result.default.scores, strict=False)
    differences = tuple(ours - theirs for ours, theirs in pairs)
    mean = fmean(differences)
    return Comparison(differences, fresh, mean, _p_value(differences, result.test_share))


def chosen_parameters(result: TuningResult) -> dict[str, Any]:
    """Options to train with: the best trial's, or the default's where the best fell behind on a new seed."""
    comparison = compare(result)
    behind = comparison is not None and comparison.fresh and comparison.mean <= 0
    return dict((result.default if behind else result.best).parameters)


def write_options(result: TuningResult, path: Path) -> None:
    """Write the chosen options as JSON: an object whose keys are fields of TrainingConfig.

    Raises:
        InvalidInput: the file cannot be written.
    """
    write_text(path, json.dumps(chosen_parameters(result), indent=2) + "\n")


def write_report(result: TuningResult, folder: Path) -> None:
    """Write report.md, history.png and, where it is known, importance.png.

    Raises:
        InvalidInput: the folder cannot be written.
    """
    write_text(folder / "report.md", markdown(result))
    try:
        _draw_history(result, folder / "history.png")
        if result.importance:
            _draw_importance(result.importance, folder / "importance.png")
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be written ({error.strerror}): name another folder") from error


def verdict(result: TuningResult) -> str:
    """One or two sentences: whether anything beat the default recipe."""
    comparison = compare(result)
    default, best = f"{result.default.score:.2%}", f"{result.best.score:.2%}"
    if comparison is None:
        return f"Nothing beat the default recipe ({default})."
    how = "trained again with another seed" if comparison.fresh else "on the figures that it was chosen by"
    measured = f"{comparison.mean:+.2%} over {len(comparison.differences)} folds, {how}"
    measured += "" if comparison.p is None else f", p = {comparison.p:.2f}"
    if comparison.beyond_noise and comparison.fresh:
        return f"Trial {result.best.number + 1} beat the default recipe beyond the noise: {measured}."
    if comparison.fresh and comparison.mean <= 0:
        return (
            f"Trial {result.best.number + 1} was ahead in the search ({best} against {default}) but not when "
            f"{how} ({comparison.mean:+.2%}): the default recipe is kept."
        )
    return (
        f"Trial {result.best.number + 1} was ahead ({best} against {default}), but not surely beyond the "
        f"noise: {measured}."
    )


def markdown(result: TuningResult) -> str:
    """The report."""
    names = list(result.best.parameters)
    states = [record.outcome for record in result.trials]
    lines = [
        "# Tuning",
        "",
        verdict(result),
        "",
        f"{len(states)} trials: {states.count('complete')} complete, "
        f"{states.count('pruned')} given up early, {states.count('failed')} interrupted or failed; "
        f"{result.seconds:.0f} s in the last run" + (", stopped by hand." if result.interrupted else "."),
        "Accuracy is the mean over the folds, on the part of each that stopped the training too, so it is a "
        "little high for all trials alike.",
        "",
        "| trial | accuracy | " + " | ".join(names) + " |",
        "| --- " * (len(names) + 2) + "|",
    ]
    for record in sorted(result.complete, key=lambda record: -record.score):
        values = " | ".join(_shown(record.parameters.get(name)) for name in names)
        title = f"{record.number + 1}{' (default)' if record.default else ''}"
        lines.append(f"| {title} | {record.score:.2%} | {values} |")
    lines += ["", "![accuracy of each trial](history.png)"]
    if result.importance:
        lines += ["", "![importance of each option](importance.png)", ""]
        lines += ["| option | importance |", "| --- | --- |"]
        lines += [f"| {name} | {share:.2f} |" for name, share in result.importance.items()]
    return "\n".join(lines) + "\n"


def _p_value(differences: Sequence[float], test_share: float) -> float | None:
    count = len(differences)
    if count < 2 or variance(differences) == 0:  # noqa: PLR2004 - one pair has no spread
        return None
    error = math.sqrt(variance(differences) * (1 / count + test_share))
    return float(2 * student.sf(abs(fmean(differences)) / error, count - 1))


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


@contextmanager
def _drawn(path: Path, height: float, x_label: str) -> Iterator[Axes]:
    """Axes of a figure that becomes a file when the block ends."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - slow to import
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(7, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xlabel(x_label)
    yield axes
    figure.savefig(path, format="png", dpi=150)


def _draw_history(result: TuningResult, path: Path) -> None:
    numbers = [record.number + 1 for record in result.complete]
    scores = [100 * record.score for record in result.complete]
    with _drawn(path, 3.5, "trial") as axes:
        axes.scatter(numbers, scores, color=_OTHER, label="trial")
        axes.step(numbers, list(accumulate(scores, max)), where="post", color=_BEST, label="best so far")
        axes.axhline(100 * result.default.score, color=_OTHER, linestyle=":", label="default recipe")
        axes.set_ylabel("accuracy, %")
        axes.legend()


def _draw_importance(importance: Mapping[str, float], path: Path) -> None:
    with _drawn(path, 1.2 + 0.35 * len(importance), "importance") as axes:
        axes.barh(list(importance), list(importance.values()), color=_BEST)
        axes.invert_yaxis()
