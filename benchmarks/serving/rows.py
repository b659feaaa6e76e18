"""Who is measured by the serving benchmark, in which sizes, and which ratios are of interest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.turns import BATCH
from classifier.contract import InvalidInput
from classifier.model.hardware import cores
from classifier.model.integrity import read_facts

MESSAGES, LONG = "messages", "long"
OURS, HTTP, REFERENCE, CEILING = "ours", "http", "reference", "ceiling"
CONNECTIONS = 64
_AT_ONCE = 4
"""Callers that ask for batches of 32 at the same time, in process and over HTTP."""

CONTENDERS: dict[str, tuple[str, str, bool]] = {
    "pipeline-1": ("torch_contenders", "Pipeline", False),
    "pipeline-32": ("torch_contenders", "Pipeline", False),
    "pipeline-padded": ("torch_contenders", "Pipeline", True),
    "eager-32": ("torch_contenders", "EagerTorch", False),
    "onnx-int8-32": ("onnx_contender", "PlainOnnx", False),
    "frozen-32": ("torch_contenders", "FrozenEncoder", False),
    "tfidf-32": ("text_contenders", "TfIdf", False),
    OURS: ("ours", "Ours", False),
    REFERENCE: ("torch_contenders", "Reference", False),
    CEILING: ("ceiling", "Ceiling", False),
}
"""By name: module, class, whether everything is padded to 128 tokens. Each is a process of its own."""

_FITTED = ("frozen-32", "tfidf-32")

ANSWERING = ("onnx-int8-32", *_FITTED)
"""Baselines whose categories mean something; pipelines have heads with random weights."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that is timed.

    Attributes:
        name: of the row.
        said: what stands in the table.
        contender: who does it.
        batch: texts in a call.
        callers: that ask at the same time; 0: four a core.
        texts: the set of texts.
    """

    name: str
    said: str
    contender: str
    batch: int = 1
    callers: int = 1
    texts: str = MESSAGES


_ROWS = (
    Row("pipeline-1", "transformers pipeline, one at a time", "pipeline-1"),
    Row("ours-1", "ours, one at a time", OURS),
    Row("ours-4", "ours, batches of 4", OURS, 4),
    Row("ours-8", "ours, batches of 8", OURS, 8),
    Row("ours-16", "ours, batches of 16", OURS, 16),
    Row("pipeline-32", "transformers pipeline, batches of 32", "pipeline-32", BATCH),
    Row("ours-32", "ours, batches of 32", OURS, BATCH),
    Row("pipeline-padded", "the same, padded to 128 tokens", "pipeline-padded", BATCH),
    Row("ours-128", "ours, batches of 128", OURS, 128),
    Row("eager-32", "torch eager with attentions, batches of 32, sorted by length", "eager-32", BATCH),
    Row("ours-1024", "ours, batches of 1,024", OURS, 1024),
    Row("onnx-int8-32", "plain ONNX Runtime int8, batches of 32, sorted by length", "onnx-int8-32", BATCH),
    Row("ours-32-at-once", f"ours, {_AT_ONCE} callers with batches of 32", OURS, BATCH, _AT_ONCE),
    Row("http-32", f"ours over HTTP, {_AT_ONCE} connections with batches of 32", HTTP, BATCH, _AT_ONCE),
    Row("frozen-32", "frozen encoder + LogisticRegression, batches of 32, sorted", "frozen-32", BATCH),
    Row("ours-callers", "ours, {} callers with one message each", OURS, 1, 0),
    Row("tfidf-32", "TF-IDF + LogisticRegression, batches of 32", "tfidf-32", BATCH),
    Row("ours-64-callers", f"ours, {CONNECTIONS} callers with one message each", OURS, 1, CONNECTIONS),
    Row("http-1", f"ours over HTTP, {CONNECTIONS} connections with one message each", HTTP, 1, CONNECTIONS),
    Row(
        "long-pipeline-32", "128 tokens: transformers pipeline, batches of 32", "pipeline-32", BATCH, 1, LONG
    ),
    Row(
        "long-onnx-int8-32",
        "128 tokens: plain ONNX Runtime int8, batches of 32",
        "onnx-int8-32",
        BATCH,
        1,
        LONG,
    ),
    Row("long-ours-32", "128 tokens: ours, batches of 32", OURS, BATCH, 1, LONG),
)

SATURATING = "ours-64-callers"
"""The row of single messages whose rate is called saturation."""

RATIOS: tuple[tuple[str, str, str], ...] = (
    ("ours-32", "pipeline-32", "rate"),
    ("ours-128", "pipeline-32", "rate"),
    ("ours-32", "pipeline-padded", "rate"),
    ("ours-128", "pipeline-padded", "rate"),
    ("ours-1", "pipeline-1", "rate"),
    ("pipeline-1", "ours-1", "p50_ms"),
    ("ours-32", "eager-32", "rate"),
    ("ours-32", "onnx-int8-32", "rate"),
    ("ours-128", "onnx-int8-32", "rate"),
    ("ours-1024", "onnx-int8-32", "rate"),
    ("ours-32", "frozen-32", "rate"),
    ("ours-32", "tfidf-32", "rate"),
    ("http-32", "ours-32-at-once", "rate"),
    ("http-32", "ours-32", "rate"),
    ("http-1", "ours-64-callers", "rate"),
    ("long-ours-32", "long-pipeline-32", "rate"),
    ("long-ours-32", "long-onnx-int8-32", "rate"),
)
"""(dividend, divisor, of what): within each round."""


def rows() -> list[Row]:
    """Everything that is timed; where a row says no number of callers, four a core ask at once."""
    many = 4 * cores()
    return [row if row.callers else replace(row, callers=many, said=row.said.format(many)) for row in _ROWS]


def baselines(only: Sequence[str], *, trained: bool) -> list[str]:
    """Names of the contenders that are not ours.

    Args:
        only: those to take; none: all.
        trained: whether those that are fitted to labels have their place.

    Raises:
        InvalidInput: one of `only` is no baseline.
    """
    shown = (row.contender for row in _ROWS)
    names = [name for name in dict.fromkeys(shown) if name not in (OURS, HTTP)]
    if unknown := sorted(set(only) - set(names)):
        raise InvalidInput(f"no baseline {unknown[0]!r}: there are {', '.join(names)}")
    return [name for name in names if (trained or name not in _FITTED) and (not only or name in only)]


def describe_model(folder: Path) -> dict[str, Any]:
    """Version, base model, shape."""
    facts = read_facts(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return {
        "version": facts.version,
        "base_model": facts.base_model,
        "categories": len(facts.labels),
        "word_scorer": facts.word_scorer is not None,
        "layers": config.get("num_hidden_layers"),
        "hidden": config.get("hidden_size"),
    }
