"""The starter pack: how long a first model and its fine-tune take here, and how often they are right."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from typing import Any

import torch

from benchmarks.markdown import table as as_markdown
from benchmarks.turns import timed
from classifier.data.dataset import starter_pack
from classifier.evaluation.measure import evaluate
from classifier.inference.torch_predictor import TorchPredictor
from classifier.training.fit import FitResult, TrainingConfig, fit, fit_day_one

SINGLE_MESSAGES = 100


def measure() -> dict[str, Any]:
    """Fit both models on the pack's training part and judge them on its held-out part.

    Returns:
        {"machine", "rows": [{"model", "seconds", "accuracy", "interval", "macro_f1", "ece", "n",
        "single_ms"}]}; `single_ms` is the median time from text to prediction with words, one at a time.
    """
    pack = starter_pack()
    config = TrainingConfig(seed=1)
    rows = []
    for name, train in (("day one", fit_day_one), ("fine-tune", fit)):
        result: FitResult = train(pack.train, config, created=datetime.now(UTC))
        report = evaluate(result.model, pack.held_out)
        single = [[example.text] for example in pack.held_out[:SINGLE_MESSAGES]]
        one_by_one = timed(TorchPredictor(result.model).predict, single, seconds=float("inf"))
        rows.append(
            {
                "model": name,
                "seconds": round(result.seconds, 1),
                "accuracy": round(report.accuracy, 4),
                "interval": [round(bound, 4) for bound in report.accuracy_interval],
                "macro_f1": round(report.macro_f1, 4),
                "ece": round(report.ece, 4),
                "n": report.n,
                "single_ms": round(one_by_one["p50_ms"], 2),
            }
        )
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    return {"machine": machine, "train": len(pack.train), "rows": rows}


def table(measured: dict[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    rows = []
    for row in measured["rows"]:
        low, high = (100 * bound for bound in row["interval"])
        rows.append(
            f"{row['model']} | {row['seconds']} "
            f"| {100 * row['accuracy']:.1f}% ({low:.1f} to {high:.1f}), n = {row['n']} "
            f"| {row['macro_f1']:.3f} | {row['ece']:.3f} | {row['single_ms']}"
        )
    head = "model | seconds to fit | held-out accuracy (95% interval) | macro-F1 | ECE | one message, ms"
    said = f"{measured['train']} training messages; {measured['machine']}."
    return f"{as_markdown(head, rows)}\n\n{said}"
