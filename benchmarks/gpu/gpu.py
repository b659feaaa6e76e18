"""How fast a GPU labels messages and says which words decide, against transformers' pipeline on it.

Random weights in real shapes, texts made on the spot, see gpu_models. Two layers of ours are timed: token ids
in, label and a score for each token out (arrays); and texts in, label and words out, with tokenization. The
pipeline gets texts and gives labels. All are timed in turns in one run, and what ours says is checked in the
same run against the network in float32.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.gpu.checks import check
from benchmarks.gpu.models import BERT_BASE, MINILM, TINY, Size, Texts, random_model
from benchmarks.gpu.timing import milliseconds_alone, peak, rate_of_texts, rate_of_tokens
from benchmarks.machine import describe
from benchmarks.serving.pipeline_baseline import BATCHES, PipelineProcess
from benchmarks.timing import spread
from classifier.contract import InvalidInput
from classifier.inference.cuda.backend import CudaBackend
from classifier.inference.cuda.bulk import BulkClassifier
from classifier.inference.cuda.ladder import Ladder, Tokens, tokens_of
from classifier.model.hardware import cores
from classifier.model.network import TrainedModel
from classifier.text.tokenize import TextEncoder

Say = Callable[[str], None]

_TOKEN_BATCHES = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    Attributes:
        sizes: encoders.
        lengths: tokens of a text.
        batch_tokens: padded tokens of a batch.
        texts: distinct ones.
        checked: texts whose answers are checked.
        turns: of timing, each with one window for everything that is compared.
        batches: sizes of the pipeline's batches that are tried.
        peak: side of the square matrices whose product tells the peak.
        workers: processes that tokenize.
    """

    sizes: tuple[Size, ...] = (BERT_BASE, MINILM)
    lengths: tuple[int, ...] = (16, 128)
    batch_tokens: int = 16384
    texts: int = 16384
    checked: int = 2048
    turns: int = 3
    batches: tuple[int, ...] = BATCHES
    peak: int = 8192
    workers: int = 0

    @property
    def windows(self) -> int:
        """Stretches of time that are measured."""
        return len(self.sizes) * len(self.lengths) * (len(self.batches) + 3 * self.turns)


SMALLEST = Plan((TINY,), (16, 32), 256, 128, 48, 1, (8,), 128)
"""To try the code without a GPU."""


def full_plan() -> Plan:
    """What a GPU is measured by: two cores are left to this process."""
    return Plan(workers=max(1, min(12, cores() - 2)))


def measure(
    device: torch.device, plan: Plan, *, seconds: float, fused_gelu: bool, say: Say
) -> dict[str, Any]:
    """Measure and check.

    Args:
        device: to run on.
        plan: what is measured.
        seconds: of timing in all; building, recording and checking come on top, a minute or two.
        fused_gelu: see packed_forward.
        say: is told what happens.

    Returns:
        Plain data: machine, peak_tflops, and `cells`, one for each size and length with `tokens`, `text` and
        `pipeline` (messages a second: min, median, max), ratios, share of the peak, MiB, checks.
    """
    found: dict[str, Any] = {
        "machine": {**describe(), **_device(device)},
        "peak_tflops": peak(device, plan.peak) / 1e12,
        "fused_gelu": fused_gelu,
        "workers": plan.workers,
        "cells": [],
    }
    window = seconds / plan.windows
    for size in plan.sizes:
        texts = Texts(size.vocabulary)
        model = random_model(size, texts, plan.lengths, device)
        positions = model.facts.max_tokens
        began = time.perf_counter()
        backend = CudaBackend(
            model.network, 0, Ladder.up_to(positions, plan.batch_tokens), fused_gelu=fused_gelu
        )
        took = time.perf_counter() - began
        say(f"{size.name}: {backend.recorded} graphs recorded in {took:.1f} s")
        with (
            BulkClassifier(model, backend, workers=plan.workers, batch_tokens=plan.batch_tokens) as bulk,
            PipelineProcess(size, positions, str(device)) as theirs,
        ):
            for length in plan.lengths:
                drawn, _ = texts.draw(plan.texts, length)
                cell = _cell(model, backend, bulk, theirs, drawn, plan, window)
                cell |= {"model": size.name, "tokens_each": length, "graphs": backend.recorded}
                cell["recording_seconds"] = took
                cell["share_of_peak"] = (
                    cell["tokens"]["median"] * size.operations(length) / found["peak_tflops"] / 1e12
                )
                cell["checks"] = check(model, backend, drawn[: plan.checked])
                found["cells"].append(cell)
                say(f"{size.name}, {length} tokens: {cell['tokens']['median']:.0f} messages/s")
    return found


def device_for(name: str, *, tiny: bool) -> torch.device:
    """The device to measure.

    Raises:
        InvalidInput: there is no GPU, and the tiny shapes on the CPU were not asked for.
    """
    if name == "cpu" and tiny:
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise InvalidInput(
            "this benchmark needs a CUDA GPU, and torch sees none: run it on a GPU machine, "
            "or try the code with --device cpu --tiny"
        )
    if name == "cpu":
        raise InvalidInput("on the CPU this benchmark takes --tiny too: its other shapes are for a GPU")
    return torch.device("cuda")


def _cell(
    model: TrainedModel,
    backend: CudaBackend,
    bulk: BulkClassifier,
    theirs: PipelineProcess,
    texts: list[str],
    plan: Plan,
    window: float,
) -> dict[str, Any]:
    """One size and length: ours on token ids, ours on texts, theirs, in turns."""
    batches = _token_batches(model, texts, plan.batch_tokens)
    theirs.show(texts)
    tried = {batch: theirs.rate(batch, window) for batch in plan.batches}
    best = max(tried, key=lambda batch: tried[batch])
    # untimed: pinned memory is allocated, processes start
    rate_of_tokens(backend, batches, 0.0)
    rate_of_texts(bulk, texts, 0.0)
    gc.collect()
    gc.freeze()  # looking through what stays would cost whoever is timed when it happens
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    turns = [
        (
            rate_of_tokens(backend, batches, window),
            rate_of_texts(bulk, texts, window),
            theirs.rate(best, window),
        )
        for _ in range(plan.turns)
    ]
    gc.unfreeze()
    tokens, text, pipeline = (list(rates) for rates in zip(*turns, strict=True))
    return {
        "tokens": spread(tokens),
        "text": spread(text),
        "pipeline": spread(pipeline),
        "pipeline_batch": best,
        "pipeline_tried": tried,
        "tokens_ratio": spread([ours / other for ours, _, other in turns]),
        "text_ratio": spread([ours / other for _, ours, other in turns]),
        "one_message_ms": milliseconds_alone(backend, batches[0]),
        "batch_rows": len(batches[0].lengths),
        "mib": torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else None,
    }


def _token_batches(model: TrainedModel, texts: list[str], batch_tokens: int) -> list[Tokens]:
    """A few full batches of texts that are all as long as the first."""
    encoder = TextEncoder(model.raw_tokenizer(), model.facts.max_tokens, 0)
    rows = min(len(texts), max(1, batch_tokens // len(encoder.encode(texts[:1])[0].ids)))
    encoded = encoder.encode(texts[: rows * _TOKEN_BATCHES])
    return [tokens_of(encoded[at : at + rows], 0) for at in range(0, len(encoded) - rows + 1, rows)]


def _device(device: torch.device) -> dict[str, Any]:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {"device": name, "cuda": torch.version.cuda}
