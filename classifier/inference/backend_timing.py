"""The race itself, in a process of its own.

`python -m classifier.inference.backend_timing FOLDER THREADS speeds refused`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from classifier.data.dataset import starter_pack
from classifier.inference.backends import Backend
from classifier.inference.backends.bert_graph import Precision
from classifier.inference.backends.onnx_backend import OnnxGraph, measure_ranges
from classifier.inference.backends.source import read_source
from classifier.inference.loading import read_texts
from classifier.model.integrity import read_facts
from classifier.text.tokenize import Encoded, batches_by_budget

AGREEMENT = 0.995
"""Share of messages whose category int8 must keep, on those held back from training."""

_LIKENESS = 0.97
"""Mean cosine between the vectors of int8 and of float32 on strange sentences, below which the processor must
have lost something: where it adds up in 32 bits it is 0.99."""

_NICENESS = 19
_TEXTS, _BATCH = 192, 16
_SECONDS = 0.4
"""Of each measurement."""


def main(folder: Path, threads: int, wanted: Sequence[str]) -> dict[str, Any]:
    """Measure what is wanted.

    Args:
        folder: a model directory.
        threads: cores to use.
        wanted: speeds, refused.
    """
    if "speeds" not in wanted:
        # the next version of a model that answers people meanwhile
        os.nice(_NICENESS)
        threads = 1
    source = read_source(folder)
    reader = read_texts(folder)
    pack = [example.text for example in starter_pack().train]
    encoded = reader.encode(random.Random(0).sample(pack, _TEXTS))  # noqa: S311  # nosec B311
    measured = source.ranges is not None
    if not measured:
        # speeds are kept for all models of this shape, also where this one knows no int8
        source = replace(source, ranges=measure_ranges(source, encoded[:_BATCH], reader.pad_id))
    graphs = {p: OnnxGraph(source, p, reader.pad_id) for p in _PRECISIONS}
    found: dict[str, Any] = {}
    if "refused" in wanted:
        fp32, int8 = (_pooled(graphs[p].open(threads), encoded) for p in _PRECISIONS)
        found["refused"] = _refused(read_facts(folder).int8_agreement if measured else None, fp32, int8)
    if "speeds" in wanted:
        found["speeds"] = {f"onnx-{p}": _onnx_speeds(graph, encoded, threads) for p, graph in graphs.items()}
        if _torch_may_win():
            found["speeds"]["torch-bf16"] = _torch_speeds(folder, encoded, threads)
    return found


_PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")


def _refused(agreement: float | None, reference: Any, int8: Any) -> dict[str, str]:
    """Backends that the gate does not let through, and why."""
    cosine = (reference * int8).sum(axis=1)
    cosine = cosine / np.linalg.norm(reference, axis=1) / np.linalg.norm(int8, axis=1)
    likeness = float(cosine.mean())
    refused: dict[str, str] = {}
    if agreement is None:
        refused["onnx-int8"] = "the model does not say whether int8 keeps its answers"
    elif agreement < AGREEMENT:
        refused["onnx-int8"] = (
            f"int8 keeps {agreement:.1%} of this model's answers, less than {AGREEMENT:.1%}"
        )
    elif likeness < _LIKENESS:
        refused["onnx-int8"] = f"this processor computes int8 too coarsely (cosine {likeness:.3f})"
    if agreement is None or agreement < AGREEMENT:
        refused["torch-bf16"] = refused["onnx-int8"].replace("int8", "a coarser number")
    return refused


def _pooled(backend: Backend, encoded: Sequence[Encoded]) -> Any:
    parts = [backend.forward(batch).pooled for batch in _batches(encoded, _BATCH)]
    return np.concatenate(parts)


def _onnx_speeds(graph: OnnxGraph, encoded: Sequence[Encoded], threads: int) -> dict[str, float]:
    narrow, wide = graph.open(1), graph.open(threads, spin=True)
    batches, single = _batches(encoded, _BATCH), _batches(encoded, 1)
    return {
        "side_by_side": _rate(narrow, batches, threads),
        "together": _rate(wide, batches, 1),
        "alone": _rate(wide, single, 1),
        "alone_narrow": _rate(narrow, single, 1),
    }


def _torch_may_win() -> bool:
    """Whether torch is here and the processor multiplies bfloat16 in tiles (AMX).

    Without tiles int8 runs at twice bfloat16's rate, and torch cannot win.
    """
    if importlib.util.find_spec("torch") is None:
        return False
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


def _torch_speeds(folder: Path, encoded: Sequence[Encoded], threads: int) -> dict[str, float]:
    from classifier.inference.backends.torch_backend import TorchBackend  # noqa: PLC0415 - torch
    from classifier.model.directory import load_model_directory  # noqa: PLC0415 - torch
    from classifier.model.hardware import use_threads  # noqa: PLC0415 - torch

    use_threads(threads)
    model = load_model_directory(folder)
    backend = TorchBackend(model.network, model.tokenizer.pad_token_id or 0, bf16=True)
    together = _rate(backend, _batches(encoded, _BATCH), 1)
    alone = _rate(backend, _batches(encoded, 1), 1)
    return {"side_by_side": 0.0, "together": together, "alone": alone, "alone_narrow": 0.0}


def _batches(encoded: Sequence[Encoded], size: int) -> list[list[Encoded]]:
    found = batches_by_budget([len(text.ids) for text in encoded], sys.maxsize, most=size)
    return [[encoded[number] for number in batch] for batch in found]


def _rate(backend: Backend, batches: Sequence[Sequence[Encoded]], workers: int) -> float:
    """Texts a second of so many threads, each of which runs all batches over and over, in its own order."""
    for batch in batches[:: max(1, len(batches) // 4)]:
        backend.forward(batch)
    counts = [0] * workers
    until = time.perf_counter() + _SECONDS

    def work(number: int) -> None:
        turns = random.Random(number).sample(batches, len(batches))  # noqa: S311  # nosec B311
        while True:
            for batch in turns:
                backend.forward(batch)
                counts[number] += len(batch)
                if time.perf_counter() > until:
                    return

    _side_by_side(work, workers)
    return sum(counts) / _SECONDS


def _side_by_side(work: Callable[[int], None], workers: int) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])) + "\n")
