"""What each lever of the recipe changes, on validation parts alone.

Small on purpose, and still some hours on two cores, so each training is kept and a second call goes on: parts
of a training file with a number of messages a category; the validation messages are others of the same file.
Test files are not read.
"""

from __future__ import annotations

import functools
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.workers import side_by_side, threads_each
from classifier.contract import OUT_OF_SCOPE_LABEL
from classifier.data.dataset import Example, read_examples
from classifier.evaluation.measure import evaluate
from classifier.files import write_text
from classifier.training.fit import TrainingConfig, fit

CHECKED = 3000
"""Validation messages."""

LEVERS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "first token in place of the mean": {"pooling": "cls"},
    "half the rate": {"rate": 0.5},
    "twice the rate": {"rate": 2.0},
    "no label smoothing": {"label_smoothing": 0.0},
    "label smoothing 0.1": {"label_smoothing": 0.1},
    "head at the encoder's rate": {"head_learning_rate": 1.0},
    "two-stage: head of the frozen encoder first": {"probe_first": True},
    "weights of three seeds averaged": {"soup": 3},
    "no sharpness-aware steps": {"sharpness": 0.0},
    "no share of the base encoder's probe": {"probe_share": 0.0},
    "the base encoder's vectors not kept": {"preserve": 0.0},
    "half again as many epochs": {"more": 1.5},
}
"""What each row changes; `rate` and `more` are multiples of the default."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A set of messages to try the levers on.

    Attributes:
        name: for the table.
        file: of the folder with public data.
        each: messages a category.
    """

    name: str
    file: str
    each: int


SETTINGS = (
    Setting("BANKING77, 10 a category", "banking77-train.csv", 10),
    Setting("BANKING77, 40 a category", "banking77-train.csv", 40),
)


def measure(
    data: Path,
    kept: Path,
    *,
    settings: Sequence[Setting] = SETTINGS,
    levers: Mapping[str, Mapping[str, Any]] = LEVERS,
    workers: int = 1,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Train with each lever on each setting.

    Args:
        data: folder with the public data.
        kept: JSON file with what was measured already; written after each training.
        settings: sets of messages.
        levers: what to change.
        workers: trainings side by side.
        say: gets a line after each training.

    Returns:
        {setting: {lever: {"accuracy", "log_loss", "top3", "seconds"}}}.
    """
    known: dict[str, dict[str, Any]] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    tasks = {}
    for setting in settings:
        rows = known.setdefault(setting.name, {})
        train, checked = draw(read_examples(data / setting.file), setting.each)
        for lever, changes in levers.items():
            if lever not in rows:
                config = replace(changed(train, changes), threads=threads_each(workers))
                tasks[setting.name, lever] = functools.partial(_tried, train, checked, config)
    for (name, lever), figures in side_by_side(tasks, workers):
        known[name][lever] = figures
        write_text(kept, json.dumps(known, indent=2) + "\n")
        say(f"{name}: {lever}: {json.dumps(figures)}")
    return {name: {lever: rows[lever] for lever in levers if lever in rows} for name, rows in known.items()}


def _tried(train: Sequence[Example], checked: Sequence[Example], config: TrainingConfig) -> dict[str, float]:
    began = time.monotonic()
    report = evaluate(fit(train, config, created=datetime.now(UTC), validation=checked).model, checked)
    return {
        "accuracy": report.accuracy,
        "log_loss": report.log_loss,
        "top3": report.top3,
        "seconds": round(time.monotonic() - began, 1),
    }


def draw(examples: Sequence[Example], each: int, seed: int = 0) -> tuple[list[Example], list[Example]]:
    """Draw some messages a category to train on and CHECKED of the rest to validate on."""
    random = np.random.default_rng(seed)
    members: dict[str, list[int]] = {}
    for number, example in enumerate(examples):
        if example.label != OUT_OF_SCOPE_LABEL:
            members.setdefault(example.label, []).append(number)
    chosen = [n for label in sorted(members) for n in random.permutation(members[label])[:each].tolist()]
    taken = set(chosen)
    rest = random.permutation([n for own in members.values() for n in own if n not in taken])[:CHECKED]
    return [examples[n] for n in sorted(taken)], [examples[n] for n in rest]


def changed(train: Sequence[Example], changes: Mapping[str, Any]) -> TrainingConfig:
    """Return the default recipe for these messages with one lever changed."""
    from classifier.training.recipe import adapted  # noqa: PLC0415 - beside its use

    categories = len({example.label for example in train})
    config = adapted(
        TrainingConfig(baselines=False, word_scorer=0, int8_check=0, patience=100, soup=1),
        len(train),
        categories,
    )
    options = dict(changes)
    if "rate" in options:
        options["learning_rate"] = config.learning_rate * options.pop("rate")
    if "more" in options:
        options["epochs"] = round(config.epochs * options.pop("more"))
    return replace(config, **options)


def table(known: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Return the figures as Markdown tables."""
    lines = []
    for setting, rows in known.items():
        if not rows:  # not measured yet
            continue
        base = rows.get("default", {})
        lines += [f"**{setting}**, {CHECKED:,} validation messages, one seed:", ""]
        lines += [
            "| lever | accuracy | change | log loss | among three | seconds |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        for lever, row in rows.items():
            change = 100 * (row["accuracy"] - base["accuracy"]) if base else 0.0
            lines.append(
                f"| {lever} | {100 * row['accuracy']:.2f}% | {change:+.2f} | {row['log_loss']:.3f} "
                f"| {100 * row['top3']:.1f}% | {row['seconds']:.0f} |"
            )
        accuracies = [row["accuracy"] for row in rows.values()]
        error = (statistics.fmean(accuracies) * (1 - statistics.fmean(accuracies)) / CHECKED) ** 0.5
        lines += ["", f"One standard error of an accuracy here: {100 * error:.2f} points.", ""]
    return "\n".join(lines).rstrip()
