"""What the learning benchmark's runs come to: mean curves, what was asked for, a table, a picture."""

from __future__ import annotations

import io
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.markdown import table as as_markdown

Known = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""{system: {seed: figures}}, see learning.measure."""

Runs = Mapping[str, Mapping[str, Any]]
"""{system: figures} of one seed, or of the mean."""

Value = Callable[[Runs], float | None]

CURVES = ("handled_right", "labels_used", "test_accuracy", "repeated_mistakes")
"""Lists of a run with one entry a day."""

_COLOURS = ("#CC79A7", "#0072B2", "#E69F00", "#009E73", "#5f6b76", "#D55E00")
_MAIN = ("around", "ours", "no_memory", "random_questions", "frozen", "tfidf")
_PANELS = (
    ("messages", "test_accuracy", "messages", "test accuracy, %"),
    ("messages", "handled_right", "messages", "handled right so far, %"),
    ("labels_used", "test_accuracy", "labels", "test accuracy, %"),
    ("messages", "repeated_mistakes", "messages", "repeated mistakes so far"),
)


def summary(known: Known) -> dict[str, dict[str, Any]]:
    """One object a system: its name, the mean curves over seeds, and each seed's.

    Among them `messages`, `handled_right`, `labels_used` and `test_accuracy`, lists with one entry a day.
    """
    result: dict[str, dict[str, Any]] = {}
    for system, runs in known.items():
        rows = list(runs.values())
        result[system] = {
            "name": rows[0]["name"],
            "recipe": rows[0]["recipe"],
            "messages": rows[0]["messages"],
            **_mean(rows),
            "wrong_routings": statistics.fmean(row["wrong"] for row in rows),
            "questions": statistics.fmean(row["asked"] for row in rows),
            "seeds": {
                seed: {name: row[name] for name in (*CURVES, "answered", "same_labels", "trained", "seconds")}
                for seed, row in runs.items()
            },
        }
    return result


def _mean(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean curves of runs of one system, and what the baselines make of the same labels."""
    curves = {name: np.mean([row[name] for row in rows], axis=0).tolist() for name in CURVES}
    same = {
        name: statistics.fmean(row["same_labels"][name] for row in rows) for name in rows[0]["same_labels"]
    }
    return {**curves, "answered": statistics.fmean(row["answered"] for row in rows), "same_labels": same}


@dataclass(frozen=True, slots=True)
class Demand:
    """One thing that is asked for.

    Attributes:
        name: for people.
        must: what is demanded.
        low: whether less is better.
        value: of one seed's or the mean runs, {system: run}; None where a system was not measured.
    """

    name: str
    must: float
    low: bool
    value: Value


def spent_to_reach(spent: Sequence[float], accuracies: Sequence[float], wanted: float) -> float:
    """What was spent when test accuracy first reached a height, by straight lines between measurements.

    Args:
        spent: at each measurement, rising: labels, or answers.
        accuracies: at each measurement.
        wanted: the height.

    Returns:
        Infinity where it never did.
    """
    for number, height in enumerate(accuracies):
        if height < wanted:
            continue
        if number == 0:
            return float(spent[0])
        share = (wanted - accuracies[number - 1]) / (height - accuracies[number - 1])
        return float(spent[number - 1] + share * (spent[number] - spent[number - 1]))
    return float("inf")


def _final(run: Mapping[str, Any]) -> float:
    return float(run["test_accuracy"][-1])


def _over(baseline: str, *, same: bool = False, system: str | None = None) -> Value:
    """How far a system ends above a baseline; None: what goes live, with the messages around if measured."""

    def value(runs: Runs) -> float | None:
        ours = runs.get(system) if system else runs.get("around") or runs.get("ours")
        if ours is None or (not same and baseline not in runs):
            return None
        other = ours["same_labels"][baseline] if same else _final(runs[baseline])
        return _final(ours) - float(other)

    return value


def _fewer_repeated(runs: Runs) -> float | None:
    if not {"ours", "no_memory"} <= runs.keys() or not runs["no_memory"]["repeated_mistakes"][-1]:
        return None
    return 1 - float(runs["ours"]["repeated_mistakes"][-1] / runs["no_memory"]["repeated_mistakes"][-1])


def _label_share(runs: Runs) -> float | None:
    """Of the random asker's labels at the end, those with which ours reached its accuracy."""
    if not {"ours", "random_questions"} <= runs.keys():
        return None
    ours, randomly = runs["ours"], runs["random_questions"]
    needed = spent_to_reach(ours["labels_used"], ours["test_accuracy"], _final(randomly))
    return needed / _all_labels(randomly)


def _all_labels(run: Mapping[str, Any]) -> float:
    return float(run["labels_used"][-1])


def _fewer(
    randomly: str, prefix: str, *whole: str, of: Callable[[Mapping[str, Any]], float] = _all_labels
) -> Value:
    """The same by the ends of runs with ever fewer questions, all messages seen; the cheapest counts.

    Args:
        randomly: the random asker.
        prefix: of the systems with fewer questions.
        whole: the system with as many questions, where there is one.
        of: what is counted of a run.
    """

    def value(runs: Runs) -> float | None:
        fewer = [name for name in runs if name.startswith(prefix) and name != randomly]
        if not fewer or not {randomly, *whole} <= runs.keys():
            return None
        tried = sorted((runs[name] for name in (*fewer, *whole)), key=of)
        ends = [_final(run) for run in tried]
        return spent_to_reach([of(run) for run in tried], ends, _final(runs[randomly])) / of(runs[randomly])

    return value


DEMANDS = (
    Demand("above the frozen encoder, same labels, points", 0.03, False, _over("frozen", same=True)),
    Demand(
        "the same with no unlabelled messages around, points",
        0.03,
        False,
        _over("frozen", same=True, system="ours"),
    ),
    Demand("above TF-IDF, same labels, points", 0.08, False, _over("tfidf", same=True)),
    Demand("above the frozen encoder, its own labels, points", 0.03, False, _over("frozen")),
    Demand("above TF-IDF, its own labels, points", 0.08, False, _over("tfidf")),
    Demand("fewer repeated mistakes by memory", 0.2, False, _fewer_repeated),
    Demand("labels to reach random questions' accuracy, of theirs", 0.7, True, _label_share),
    Demand("the same by runs with fewer questions", 0.7, True, _fewer("random_questions", "asked_", "ours")),
    Demand(
        "the same, of answers to questions alone",
        0.7,
        True,
        _fewer("random_questions", "asked_", "ours", of=lambda run: float(run["answered"])),
    ),
    Demand("the same where only answers give labels", 0.7, True, _fewer("answers_random", "answers_")),
    Demand("fall with a fifth of the labels flipped, points", 0.01, True, _over("poisoned", system="ours")),
    Demand("the same with nothing held out, points", 0.01, True, _over("poisoned_undefended", system="ours")),
)


def demands(measured: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What was asked for and what came of it: {"name", "must", "value", "seeds", "met"} each.

    A demand is judged on the seeds for which all that it compares was measured: `value` is that of their mean
    curves, `seeds` has each one's.
    """
    rows = []
    seeds = sorted({seed for system in measured.values() for seed in system["seeds"]})
    by_seed = {
        seed: {name: system["seeds"][seed] for name, system in measured.items() if seed in system["seeds"]}
        for seed in seeds
    }
    for demand in DEMANDS:
        each = {seed: demand.value(runs) for seed, runs in by_seed.items()}
        each = {seed: value for seed, value in each.items() if value is not None}
        if not each:
            continue
        names = set.intersection(*(set(by_seed[seed]) for seed in each))
        value = demand.value({name: _mean([by_seed[seed][name] for seed in each]) for name in names})
        if value is None:
            continue
        met = value <= demand.must if demand.low else value >= demand.must
        rows.append({"name": demand.name, "must": demand.must, "value": value, "seeds": each, "met": met})
    return rows


def table(measured: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the outcome as Markdown tables."""
    systems = []
    for system in measured.values():
        ends = ", ".join(f"{100 * _final(run):.1f}" for run in system["seeds"].values())
        systems.append(
            f"{system['name']} | {system['handled_right'][-1]:.1%} | {system['questions']:.0f} | "
            f"{system['labels_used'][-1]:.0f} | {100 * _final(system):.2f}% ({ends}) | "
            f"{system['repeated_mistakes'][-1]:.0f} | {system['wrong_routings']:.0f}"
        )
    head = "system | handled right | questions | labels | test accuracy | mistakes repeated | of mistakes"
    parts = [as_markdown(head, systems)]
    quick = [system["name"] for system in measured.values() if system["recipe"] == "quick"]
    if 0 < len(quick) < len(measured):
        parts.append(f"Last retraining by the quick recipe too: {'; '.join(quick)}.")
    rows = [
        f"{row['name']} | {_percent(row['must'])} | {_percent(row['value'])} "
        f"| {', '.join(map(_percent, row['seeds'].values()))} | {'met' if row['met'] else 'not met'}"
        for row in demands(measured)
    ]
    if rows:
        parts.append(as_markdown("asked for | must | mean | seeds | ", rows))
    return "\n\n".join(parts)


def _percent(value: float) -> str:
    return "never" if value == float("inf") else f"{100 * value:.1f}"


def draw(measured: Mapping[str, Mapping[str, Any]]) -> bytes:
    """The mean curves of the main systems as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - slow to import
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(11, 8), layout="constrained")
    FigureCanvasAgg(figure)
    shown = [name for name in _MAIN if name in measured] or list(measured)[: len(_COLOURS)]
    for number, (across, up, x_label, y_label) in enumerate(_PANELS, start=1):
        axes = figure.add_subplot(2, 2, number)
        axes.spines[["top", "right"]].set_visible(False)
        for colour, name in zip(_COLOURS, shown, strict=False):
            system, scale = measured[name], 100 if y_label.endswith("%") else 1
            heights = scale * np.asarray(system[up])
            axes.plot(system[across], heights, color=colour, marker="o", markersize=3, label=system["name"])
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        if up == "repeated_mistakes":
            axes.set_ylim(bottom=0)
        if number == 1:
            axes.legend(frameon=False, fontsize=8)
    content = io.BytesIO()
    # no date and no version inside: the same figures give the same file
    figure.savefig(content, format="png", dpi=130, metadata={"Software": None})
    return content.getvalue()
