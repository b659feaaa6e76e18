"""What the default recipe reaches on public data, over several seeds.

Every part is kept in a file as soon as it is measured, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import functools
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import beta
from scipy.stats import t as student

from benchmarks.public_data import TEST, banking77, read
from benchmarks.workers import say, side_by_side, threads_each
from classifier.contract import OUT_OF_SCOPE_LABEL
from classifier.data.dataset import Example
from classifier.evaluation.baseline_predictions import answer_baselines
from classifier.evaluation.measure import evaluate
from classifier.files import write_text
from classifier.inference.predictor import Predictor
from classifier.inference.torch_predictor import TorchPredictor
from classifier.training.fit import FitResult, TrainingConfig, fit

SEEDS = (0, 1, 2)
FLIPPED = 0.2
KEPT_IN_SCOPE = 0.945
"""In-scope accuracy that the out-of-scope threshold must keep; a message wrongly rejected counts as wrong."""
_CHANCE = 0.1
"""That new messages fall below it after all (Clopper-Pearson, one side)."""


def measure(
    data: Path, kept: Path, *, seeds: Sequence[int] = SEEDS, parts: Sequence[str], workers: int
) -> dict[str, Any]:
    """Measure every part for every seed.

    Args:
        data: folder with banking77-{train,train-10shot,test}.csv and clinc150-{train,val,test}.csv.
        kept: JSON file with what was measured already; written after each part.
        seeds: of the trainings.
        parts: names out of PARTS; empty: all.
        workers: trainings side by side.

    Returns:
        {part: {seed: figures}}.

    Raises:
        InvalidInput: a file is missing.
    """
    known: dict[str, dict[str, Any]] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    threads = threads_each(workers)
    tasks = {
        (name, str(seed)): functools.partial(_timed, name, data, TrainingConfig(seed=seed, threads=threads))
        for name in parts or PARTS
        for seed in seeds
        if str(seed) not in known.get(name, {})
    }
    for (name, number), figures in side_by_side(tasks, workers):
        rows = known.setdefault(name, {})
        rows[number] = figures
        known[name] = dict(sorted(rows.items()))
        write_text(kept, json.dumps(known, indent=2) + "\n")
        say(f"{name} seed {number}: {json.dumps(figures)}")
    return known


def _timed(name: str, data: Path, config: TrainingConfig) -> dict[str, float]:
    began = time.monotonic()
    return {**PARTS[name](data, config), "seconds": round(time.monotonic() - began, 1)}


def banking(data: Path, config: TrainingConfig) -> dict[str, float]:
    """BANKING77, the whole training file: accuracy, calibration, thresholds from validation."""
    train, test = banking77(data)
    return _judged(_fit(train, config), test)


def few(data: Path, config: TrainingConfig) -> dict[str, float]:
    """BANKING77, ten messages a category, nothing else."""
    return _judged(_fit(read(data, "banking77-train-10shot.csv"), config), read(data, TEST))


def clinc(data: Path, config: TrainingConfig) -> dict[str, float]:
    """CLINC150 without any `oos` label in training or validation; its `oos` messages are tested alone."""
    train = [e for e in read(data, "clinc150-train.csv") if e.label != OUT_OF_SCOPE_LABEL]
    checked = [e for e in read(data, "clinc150-val.csv") if e.label != OUT_OF_SCOPE_LABEL]
    result = _fit(train, config, checked)
    test = read(data, "clinc150-test.csv")
    return _judged(result, test) | _rejecting(TorchPredictor(result.model), checked, test)


def noisy(data: Path, config: TrainingConfig) -> dict[str, float]:
    """BANKING77 with a fifth of the labels flipped by one voice, suspects held out."""
    train, test = banking77(data)
    result = _fit(flip(train, FLIPPED, config.seed), replace(config, hold_out_suspects=True))
    return _judged(result, test) | {"held_out": result.metrics["suspects_held_out"]}


PARTS: Mapping[str, Callable[[Path, TrainingConfig], dict[str, float]]] = {
    "banking": banking,
    "clinc": clinc,
    "noisy": noisy,
    "few": few,
}


def flip(examples: Sequence[Example], share: float, seed: int) -> list[Example]:
    """Let one voice give a share of the labels, each a wrong one drawn by chance; others give the rest."""
    random = np.random.default_rng(seed)
    labels = sorted({example.label for example in examples})
    chosen = set(random.permutation(len(examples))[: round(share * len(examples))].tolist())
    made = []
    for number, example in enumerate(examples):
        if number in chosen:
            wrong = [label for label in labels if label != example.label]
            made.append(replace(example, label=wrong[random.integers(len(wrong))], voice="one"))
        else:
            made.append(replace(example, voice="others"))
    return made


def _fit(
    examples: Sequence[Example], config: TrainingConfig, validation: Sequence[Example] | None = None
) -> FitResult:
    return fit(examples, config, created=datetime.now(UTC), validation=validation)


def _judged(result: FitResult, test: Sequence[Example]) -> dict[str, float]:
    """Figures on a test file, the two baselines' beside ours."""
    texts = [example.text for example in test]
    rows = answer_baselines(result.model.baselines, result.model.facts, texts)
    report = evaluate(result.model, test, baselines=rows)
    content = report.as_dict()
    names = ("accuracy", "top3", "top5", "macro_f1", "ece", "routed", "routed_error")
    figures = {name: float(content[name]) for name in names}
    figures |= {f"{name}_accuracy": content[f"{name}_accuracy"] for name in ("tfidf", "frozen_encoder")}
    for budget, row in report.budgets.items():
        figures[f"coverage_{budget}"], figures[f"error_{budget}"] = row["coverage"], row["error"]
    for budget, row in report.expected_budgets.items():
        figures[f"expected_coverage_{budget}"] = row["coverage"]
        figures[f"expected_error_{budget}"] = row["error"]
    if report.out_of_scope:
        figures["out_of_scope_auroc"] = report.out_of_scope.auroc
    return figures


def _rejecting(predictor: Predictor, checked: Sequence[Example], test: Sequence[Example]) -> dict[str, float]:
    """Reject as much as validation allows, with a bound, while in-scope accuracy stays; judge on the test."""
    own = predictor.predict([example.text for example in checked])
    right = np.array([p.category == e.label for p, e in zip(own, checked, strict=True)])
    scores = np.array([p.out_of_scope for p in own])
    levels = np.unique(scores)
    kept_right = np.array([(right & (scores <= level)).sum() for level in levels])
    surely = beta.ppf(_CHANCE, kept_right, len(right) - kept_right + 1)
    passing = levels[surely >= KEPT_IN_SCOPE]
    threshold = passing.min() if len(passing) else 1.0
    said = predictor.predict([example.text for example in test])
    outside = np.array([example.label == OUT_OF_SCOPE_LABEL for example in test])
    kept = np.array([p.out_of_scope <= threshold for p in said])
    good = np.array([p.category == e.label for p, e in zip(said, test, strict=True)])
    return {
        "rejection_threshold": float(threshold),
        "out_of_scope_recall": float((~kept[outside]).mean()),
        "in_scope_kept_and_right": float((good & kept)[~outside].mean()),
    }


def summary(known: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, Any]]:
    """{part: {figure: {"mean", "low", "high", "values"}}}: mean over seeds with its 95% t interval."""
    result: dict[str, dict[str, Any]] = {}
    for part, rows in known.items():
        names = list(next(iter(rows.values()), {}))
        result[part] = {name: _spread([row[name] for row in rows.values() if name in row]) for name in names}
    return result


def _spread(values: Sequence[float]) -> dict[str, Any]:
    numbers = [value for value in values if value is not None]
    mean = statistics.fmean(numbers) if numbers else float("nan")
    half = 0.0
    if len(numbers) > 1:
        half = float(student.ppf(0.975, len(numbers) - 1)) * statistics.stdev(numbers) / len(numbers) ** 0.5
    return {"mean": mean, "low": mean - half, "high": mean + half, "values": numbers}
