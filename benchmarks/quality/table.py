"""The quality figures as a Markdown table: reached, demanded, hoped for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.markdown import table as as_markdown
from benchmarks.quality.quality import summary

Known = Mapping[str, Mapping[str, Mapping[str, float]]]


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the table.

    Attributes:
        part: of quality.PARTS.
        figure: that the part measured.
        name: for people.
        must: what is demanded.
        reach: what is hoped for.
        percent: whether the figure is a share to be shown in percent.
        low: whether smaller is better.
    """

    part: str
    figure: str
    name: str
    must: float
    reach: float
    percent: bool = True
    low: bool = False

    def met(self, value: float) -> str:
        """Say what a mean comes to."""
        good = (lambda bound: value <= bound) if self.low else (lambda bound: value >= bound)
        return "reached" if good(self.reach) else "met" if good(self.must) else "not met"

    def show(self, value: float) -> str:
        """Write a value as the table does."""
        return f"{100 * value:.2f}%" if self.percent else f"{value:.4f}"

    def row(self, mean: float, values: Sequence[float], interval: str = "") -> str:
        """Write its line, by the values of the seeds."""
        shown = ", ".join(map(self.show, values))
        bounds = f"{self.show(self.must)} | {self.show(self.reach)}"
        return f"{self.name} | {self.show(mean)}{interval} | {shown} | {bounds} | {self.met(mean)}"


GOALS = (
    Goal("banking", "accuracy", "BANKING77, test accuracy", 0.940, 0.946),
    Goal("few", "accuracy", "BANKING77, 10 a category", 0.872, 0.898),
    Goal("clinc", "accuracy", "CLINC150, in-scope accuracy", 0.972, 0.978),
    Goal("clinc", "out_of_scope_recall", "CLINC150, out-of-scope recall", 0.86, 0.92),
    Goal("clinc", "in_scope_kept_and_right", "at an in-scope accuracy of", 0.945, 0.945),
    Goal("clinc", "out_of_scope_auroc", "CLINC150, out-of-scope AUROC", 0.985, 0.992, percent=False),
    Goal("banking", "ece", "BANKING77, calibration error", 0.0120, 0.0080, percent=False, low=True),
    *(
        Goal("banking", f"{kind}{name}_{risk}", f"{said}{risk:.0%}{after}", must, reach, low=name == "error")
        for kind, after in (("expected_", ", no bound"), ("", ", bound of 90%"))
        for name, said, goals in (
            (
                "coverage",
                "BANKING77, coverage at a validation risk of ",
                ((0.97, 0.99), (0.92, 0.95), (0.75, 0.85)),
            ),
            ("error", "realised error there, ", ((0.05, 0.05), (0.03, 0.03), (0.01, 0.01))),
        )
        for risk, (must, reach) in zip((0.05, 0.03, 0.01), goals, strict=True)
    ),
    Goal("banking", "top3", "BANKING77, right among three", 0.985, 0.99),
    Goal("banking", "top5", "BANKING77, right among five", 0.992, 0.995),
)


def table(known: Known) -> str:
    """Return the figures as a Markdown table; parts that were not measured are left out."""
    measured = summary(known)
    rows = []
    for goal in GOALS:
        entry = measured.get(goal.part, {}).get(goal.figure)
        if entry is None:
            continue
        interval = f" ({goal.show(entry['low'])} to {goal.show(entry['high'])})"
        if len(entry["values"]) == 1:
            interval = " (one seed, no interval)"
        rows.append(goal.row(entry["mean"], entry["values"], interval))
    head = "measure | mean of seeds (95% interval) | seeds | must | reach | "
    return as_markdown(head, [*rows, *_noise(known)])


def _noise(known: Known) -> list[str]:
    """What wrong labels cost, seed by seed, where both were measured."""
    clean, noisy = known.get("banking", {}), known.get("noisy", {})
    losses = [clean[seed]["accuracy"] - noisy[seed]["accuracy"] for seed in noisy if seed in clean]
    if not losses:
        return []
    goal = Goal("noisy", "loss", "a fifth of the labels flipped by one voice: loss", 0.01, 0.005, low=True)
    return [goal.row(sum(losses) / len(losses), losses)]
