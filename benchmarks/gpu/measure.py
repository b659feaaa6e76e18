"""How fast the service's engine labels messages on a GPU and says which words decide.

Random weights in real shapes, texts made on the spot, see models. The engine runs as the service runs it,
with its default settings; beside it stand the same network in plain bfloat16 torch, with words too, and
transformers' pipeline in bfloat16, which gives labels alone. Each lives in a process of its own, and all are
timed in turns over the same texts. Answers are checked in the same run against the network in float32.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.checks import check
from benchmarks.gpu.models import BERT_BASE, MINILM, TINY, Size, Texts, random_model
from benchmarks.machine import describe
from benchmarks.markdown import table as as_markdown
from benchmarks.serving.contender_process import ContenderProcess
from benchmarks.timing import shown, spread
from benchmarks.turns import Spec
from benchmarks.workers import say
from classifier.contract import InvalidInput
from classifier.inference.loading import LoadSettings, load
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.directory import load_model_directory, save_model_directory
from classifier.model.hardware import choose_device

OURS, TORCH, PIPELINE = "ours", "torch", "pipeline"
CONTENDERS = {
    OURS: ("ours", "Ours"),
    TORCH: ("torch_contenders", "Reference"),
    PIPELINE: ("torch_contenders", "Pipeline"),
}
"""By name: module and class, see serving.contender."""

_CALLERS, _BATCH = 4, 256
"""That ask the engine at the same time, and texts of each: as many as may wait."""


@dataclass(frozen=True, slots=True)
class GpuPlan:
    """What is measured.

    Attributes:
        sizes: encoders.
        lengths: tokens of a text.
        texts: distinct ones.
        checked: texts whose answers are checked.
        turns: of timing, each with one stretch for everything that is compared.
        batches: sizes of the pipeline's batches that are tried.
    """

    sizes: tuple[Size, ...] = (BERT_BASE, MINILM)
    lengths: tuple[int, ...] = (16, 128)
    texts: int = 16384
    checked: int = 2048
    turns: int = 3
    batches: tuple[int, ...] = (32, 128, 256)

    @property
    def stretches(self) -> int:
        """Stretches of time that are measured."""
        return len(self.sizes) * len(self.lengths) * (len(self.batches) + 3 * self.turns + 1)


SMALLEST = GpuPlan((TINY,), (16, 32), 128, 48, 1, (8,))
"""To try the code without a GPU."""


def measure(plan: GpuPlan, *, seconds: float) -> dict[str, Any]:
    """Measure and check.

    Args:
        plan: what is measured; but for SMALLEST it needs a GPU.
        seconds: of timing in all, at most; loading and checking come on top, a minute or two.

    Returns:
        Plain data: machine, and `cells`, one for each size and length with `ours`, `torch` and `pipeline`
        (messages a second: min, median, max), ratios of turns, one_message_ms, checks.

    Raises:
        InvalidInput: there is no GPU.
        ContenderFailed: one could not be measured.
    """
    device = choose_device("auto")
    if device.type != "cuda" and plan != SMALLEST:
        raise InvalidInput(
            "this benchmark needs a CUDA GPU, and torch sees none: run it on a GPU machine, "
            "or try the code with --tiny"
        )
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    found: dict[str, Any] = {
        "machine": {**describe(), "device": name, "cuda": torch.version.cuda},
        "cells": [],
    }
    for size in plan.sizes:
        with ExitStack() as stack:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fingerpost-gpu-")))
            texts, folder = Texts(size.vocabulary), place / "model"
            save_model_directory(random_model(size, texts, plan.lengths, device), folder)
            sets = {str(length): texts.draw(plan.texts, length)[0] for length in plan.lengths}
            processes = {
                name: stack.enter_context(
                    ContenderProcess(name, Spec(*kind, str(folder), sets, [], bf16=True), place)
                )
                for name, kind in CONTENDERS.items()
            }
            ready = {name: process.ready() for name, process in processes.items()}
            say(f"{size.name}: ready in {ready[OURS]['ready_seconds']:.1f} s, by {ready[OURS]['backend']}")
            for length in plan.lengths:
                cell = _cell(processes, str(length), plan, seconds / plan.stretches)
                cell |= {"model": size.name, "tokens_each": length, **ready[OURS]}
                found["cells"].append(cell)
                say(f"{size.name}, {length} tokens: {cell[OURS]['median']:.0f} messages/s")
            # behind the timing: it would share the GPU
            reference = TorchPredictor(load_model_directory(folder, device=str(device)))
            [served, *_] = load(folder, LoadSettings(), lambda: True).predictors
            for cell in found["cells"][-len(plan.lengths) :]:
                cell["checks"] = check(reference, served, sets[str(cell["tokens_each"])][: plan.checked])
    return found


def _cell(
    processes: Mapping[str, ContenderProcess], texts: str, plan: GpuPlan, seconds: float
) -> dict[str, Any]:
    """One size and length: the engine, plain torch, the pipeline, in turns."""

    def rate(name: str, batch: int, callers: int = 1) -> float:
        turn = processes[name].ask("turn", texts, batch=batch, callers=callers, seconds=seconds, start=0)
        return float(turn["rate"])

    tried = {batch: rate(PIPELINE, batch) for batch in plan.batches}
    best = max(tried, key=lambda batch: tried[batch])
    turns = [
        {
            OURS: rate(OURS, _BATCH, _CALLERS),
            TORCH: rate(TORCH, _CALLERS * _BATCH),
            PIPELINE: rate(PIPELINE, best),
        }
        for _ in range(plan.turns)
    ]
    alone = processes[OURS].ask("turn", texts, batch=1, callers=1, seconds=seconds, start=0)
    return {
        **{name: spread([turn[name] for turn in turns]) for name in CONTENDERS},
        "to_torch": spread([turn[OURS] / turn[TORCH] for turn in turns]),
        "to_pipeline": spread([turn[OURS] / turn[PIPELINE] for turn in turns]),
        "pipeline_batch": best,
        "pipeline_tried": tried,
        "one_message_ms": alone["p50_ms"],
    }


def table(measured: Mapping[str, Any]) -> str:
    """Return the speeds, the checks, and what they were measured on, as Markdown."""
    speeds, checks = [], []
    for cell in measured["cells"]:
        name, found = f"{cell['model']}, {cell['tokens_each']}", cell["checks"]
        texts, pipeline = "texts to labels and words", f"`pipeline`, batch {cell['pipeline_batch']}"
        ours, torch_, theirs = (shown(cell[who], ",.0f") for who in (OURS, TORCH, PIPELINE))
        speeds += [
            f"{name} | the service's engine, {texts} | {ours} | 1",
            f"{name} | plain torch, {texts} | {torch_} | {shown(cell['to_torch'], '.2f')}",
            f"{name} | {pipeline}, texts to labels | {theirs} | {shown(cell['to_pipeline'], '.2f')}",
        ]
        checks.append(
            f"{name} | {found['decided']:.1%} of {found['texts']} "
            f"| {found['same_label']:.2%} | {found['same_words']:.1%} | {found['best_word']:.1%} "
            f"| {found['companions_same_label']:.2%} same | {found['companions_drift']:.4f} at most "
            f"| {'passed' if found['passed'] else '**not met**'}"
        )
    machine, cells = measured["machine"], measured["cells"]
    versions = machine["versions"]
    alone = ", ".join(
        f"{cell['one_message_ms']:.2f} ms ({cell['model']}, {cell['tokens_each']})" for cell in cells
    )
    ready = dict.fromkeys(
        f"{cell['ready_seconds']:.1f} s ({cell['model']}, {cell['backend']})" for cell in cells
    )
    said = (
        "Random weights, 77 categories, bfloat16; the pipeline gives no words. Medians of turns. Labels and "
        f"words are compared with the same network in float32. One message by itself: {alone}. Ready: "
        f"{', '.join(ready)}. {machine['device']}, {machine['cores']} cores, torch {versions['torch']}, "
        f"transformers {versions['transformers']}, tokenizers {versions['tokenizers']}, "
        f"Python {machine['python']}."
    )
    rates = "model, tokens a message | what | messages a second (min to max) | ours to it"
    checked = (
        "model, tokens a message | decided answers | same label | same three words | same first word "
        "| label with other companions | confidence with other companions | checks"
    )
    return f"{as_markdown(rates, speeds)}\n\n{as_markdown(checked, checks)}\n\n{said}"
