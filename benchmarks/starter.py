"""The starter pack: how long a first model and its fine-tune take here, and how often they are right."""

from __future__ import annotations

import platform
import statistics
import time
from datetime import UTC, datetime
from typing import Any

import torch

from classifier.data.dataset import Example, starter_pack
from classifier.evaluation.measure import Report, evaluate
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.network import TrainedModel
from classifier.training.fit import FitResult, TrainingConfig, fit, fit_day_one

SINGLE_MESSAGES = 100


def measure(seed: int = 1) -> dict[str, Any]:
    """Fit both models on the pack's training part and judge them on its held-out part.

    Returns:
        {"machine", "rows": [{"model", "seconds", "accuracy", "interval", "macro_f1", "ece", "n",
        "single_ms"}]}; `single_ms` is the median time from text to prediction with words, one at a time.
    """
    pack = starter_pack()
    config = TrainingConfig(seed=seed)
    rows = []
    for name, train in (("day one", fit_day_one), ("fine-tune", fit)):
        result: FitResult = train(pack.train, config, created=datetime.now(UTC))
        report = evaluate(result.model, pack.held_out)
        rows.append(_row(name, result, report, _single(result.model, pack.held_out[:SINGLE_MESSAGES])))
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    return {"machine": machine, "train": len(pack.train), "rows": rows}


def _row(name: str, result: FitResult, report: Report, single_ms: float) -> dict[str, Any]:
    return {
        "model": name,
        "seconds": round(result.seconds, 1),
        "accuracy": round(report.accuracy, 4),
        "interval": [round(bound, 4) for bound in report.accuracy_interval],
        "macro_f1": round(report.macro_f1, 4),
        "ece": round(report.ece, 4),
        "n": report.n,
        "single_ms": round(single_ms, 2),
    }


def _single(model: TrainedModel, examples: tuple[Example, ...]) -> float:
    predictor = TorchPredictor(model)
    predictor.predict([examples[0].text])  # warm-up
    times = []
    for example in examples:
        began = time.perf_counter()
        predictor.predict([example.text])
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


def table(measured: dict[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    lines = [
        "| model | seconds to fit | held-out accuracy (95% interval) | macro-F1 | ECE | one message, ms |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in measured["rows"]:
        low, high = row["interval"]
        lines.append(
            f"| {row['model']} | {row['seconds']} | {100 * row['accuracy']:.1f}% "
            f"({100 * low:.1f} to {100 * high:.1f}), n = {row['n']} "
            f"| {row['macro_f1']:.3f} | {row['ece']:.3f} | {row['single_ms']} |"
        )
    return "\n".join([*lines, "", f"{measured['train']} training messages; {measured['machine']}."])
