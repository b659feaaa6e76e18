"""What a model's explanations are worth: are reply words faithful, is `/why` right, and what do they cost?"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.markdown import table as as_markdown
from benchmarks.timing import percentiles
from benchmarks.workers import say
from classifier.contract import Explanation
from classifier.evaluation.report import explanation_words as behind
from classifier.evaluation.report.markdown import plain
from classifier.evaluation.report.markdown import table as grid_table
from classifier.explanation.counterfactual import Ask, decision_of, without_words
from classifier.explanation.faithfulness import faithfulness, measurable
from classifier.explanation.leave_one_out import explain
from classifier.explanation.types import FaithfulnessReport
from classifier.inference.backends import Forward
from classifier.inference.backends.bert_graph import Precision
from classifier.inference.backends.onnx_backend import OnnxGraph
from classifier.inference.backends.source import can_build, read_source
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.collate import collate
from classifier.model.network import TrainedModel
from classifier.text.tokenize import Encoded

_TURNS = 20
_TOP = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of one model.

    Attributes:
        model: its version.
        base_model: what it began from.
        pooling: of its encoder.
        faithfulness: do the words in its replies decide?
        overhead: {"batches", "single"}: time of a prediction with words against one without.
        reference: share of the top three words that are the same with eager attention in every layer.
        onnx: {precision: {"batches", "single", "same"}}, the same two of ONNX Runtime; empty without it.
        why: of `/why`: messages, found, flips, minimal, percentiles of its time.
    """

    model: str
    base_model: str
    pooling: str
    faithfulness: FaithfulnessReport
    overhead: dict[str, float]
    reference: float
    onnx: dict[str, dict[str, float]]
    why: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "faithfulness": self.faithfulness.as_dict()}


def measure(
    predictor: TorchPredictor, texts: Sequence[str], *, messages: int, seed: int, folder: Path, ask: Ask
) -> Measured:
    """Measure on up to so many of the texts, those of 6 to 40 words.

    Args:
        predictor: the model.
        texts: that it has not learned from.
        messages: how many to draw.
        seed: of all draws.
        folder: of the model, to measure ONNX Runtime too where it can run it.
        ask: is asked again whether the sets of `/why` decide, such as a service.
    """
    chosen = measurable(predictor, texts, messages, seed)

    def progress(done: int) -> None:
        if done % 50 == 0:
            say(f"{done} of {len(chosen)} messages taken apart")

    report = faithfulness(predictor, chosen, seed=seed, say=progress)
    say("overhead")
    bare = TorchPredictor(predictor.model, backend=_WithoutWords(predictor.model))
    overhead = _overheads(predictor, bare, chosen)
    reference = _same_as_eager(predictor, chosen)
    onnx = _onnx(predictor, folder, chosen)
    say("/why")
    facts = predictor.facts
    why = _why(predictor, chosen, ask)
    base = Path(facts.base_model).name
    return Measured(facts.version, base, facts.pooling, report, overhead, reference, onnx, why)


def table(measured: Measured) -> str:
    """The figures as Markdown."""
    why, overhead, report = measured.why, measured.overhead, measured.faithfulness
    rows = [
        "time of a prediction with words, against one without: batches of 32, single messages | "
        f"{overhead['batches']:.3f}, {overhead['single']:.3f}",
        *(
            f"the same in ONNX Runtime {precision}; top three words as in torch | "
            f"{row['batches']:.3f}, {row['single']:.3f}; {row['same']:.1%}"
            for precision, row in measured.onnx.items()
        ),
        f"top three words as with eager attention in every layer | {measured.reference:.1%}",
        f"`/why`: messages with a set of words that decides | {why['found']} of {why['messages']}",
        f"the decision changes without that set, asked again | {_percent(why['flips'])}",
        f"no part of the set would do | {_percent(why['minimal'])}",
        "time of `/why` in process, median and 95th percentile | "
        f"{why['p50_ms']:.0f} ms, {why['p95_ms']:.0f} ms",
    ]
    said = plain(behind.faithful_said(report))
    return f"{grid_table(behind.faithfulness(report))}\n{said}\n\n{as_markdown('what | measured', rows)}"


def _percent(value: float | None) -> str:
    return "none to ask" if value is None else f"{value:.1%}"


class _WithoutWords:
    """A backend that asks for no attention; every word gets the same."""

    def __init__(self, model: TrainedModel) -> None:
        self._network, self._pad_id = model.network, model.tokenizer.pad_token_id or 0

    def forward(self, batch: Sequence[Encoded]) -> Forward:
        """Logits and pooled vectors; the mask stands for what tokens received."""
        with torch.inference_mode():
            ids, mask = collate(batch, self._pad_id, self._network.head.weight.device)
            output = self._network(ids, mask)
        return Forward(
            logits=output.logits.double().cpu().numpy(),
            pooled=output.pooled.float().cpu().numpy(),
            received=mask.float().cpu().numpy(),
        )


def _onnx(predictor: TorchPredictor, folder: Path, texts: Sequence[str]) -> dict[str, dict[str, float]]:
    """{precision: {"batches", "single", "same"}} of ONNX Runtime; empty where it cannot run the model."""
    if not can_build(folder):
        return {}
    pad_id, source = predictor.model.tokenizer.pad_token_id or 0, read_source(folder)
    reference = [_top(predictor, text) for text in texts]
    found: dict[str, dict[str, float]] = {}
    precisions: tuple[Precision, ...] = ("fp32", "int8")
    for precision in precisions:
        full, bare = (
            TorchPredictor(predictor.model, backend=OnnxGraph(source, precision, pad_id, words=words).open())
            for words in (True, False)
        )
        same = _share_of_same([_top(full, text) for text in texts], reference)
        found[precision] = {**_overheads(full, bare, texts), "same": same}
    return found


def _overheads(full: TorchPredictor, bare: TorchPredictor, texts: Sequence[str]) -> dict[str, float]:
    return {"batches": _overhead(full, bare, texts, 32), "single": _overhead(full, bare, texts[:60], 1)}


def _overhead(predictor: TorchPredictor, bare: TorchPredictor, texts: Sequence[str], size: int) -> float:
    """Median ratio of a pass that asks for words to one that does not, in turns."""

    def timed(one: TorchPredictor) -> float:
        began = time.perf_counter()
        for start in range(0, len(texts), size):
            one.predict(texts[start : start + size])
        return time.perf_counter() - began

    timed(predictor)
    timed(bare)
    ratios = []
    for turn in range(_TURNS):
        if turn % 2:  # whoever comes second finds warmer caches
            without = timed(bare)
            ratios.append(timed(predictor) / without)
        else:
            ratios.append(timed(predictor) / timed(bare))
    return float(np.median(ratios))


def _same_as_eager(predictor: TorchPredictor, texts: Sequence[str]) -> float:
    """Share of the top three words that are the same with all layers' attention materialised."""
    network = predictor.model.network
    fast = [_top(predictor, text) for text in texts]
    hooked, used = network._hooked, network.encoder.config._attn_implementation
    network._hooked = False
    network.encoder.set_attn_implementation("eager")
    try:
        reference = [_top(predictor, text) for text in texts]
    finally:
        network.encoder.set_attn_implementation(used)
        network._hooked = hooked
    return _share_of_same(fast, reference)


def _share_of_same(some: Sequence[list[tuple[int, int]]], others: Sequence[list[tuple[int, int]]]) -> float:
    same = [len(set(one) & set(other)) / max(1, len(one)) for one, other in zip(some, others, strict=True)]
    return float(np.mean(same))


def _top(predictor: TorchPredictor, text: str) -> list[tuple[int, int]]:
    words = predictor.predict([text])[0].words[:_TOP]
    return [(word.start, word.end) for word in words]


def _why(predictor: TorchPredictor, texts: Sequence[str], ask: Ask) -> dict[str, Any]:
    """Is the set of words that `/why` names really decisive, and how long does it take?"""
    explain(predictor, texts[0])
    seconds, flips, minimal = [], [], []
    for text in texts:
        began = time.perf_counter()
        found = explain(predictor, text)
        seconds.append(time.perf_counter() - began)
        if found.decisive is not None:
            flips.append(_changes(ask, text, found, range(len(found.decisive.words))))
            size = len(found.decisive.words)
            parts = [c for k in range(1, size) for c in itertools.combinations(range(size), k)]
            minimal.append(not any(_changes(ask, text, found, part) for part in parts))
    return {
        "messages": len(texts),
        "found": len(flips),
        "flips": float(np.mean(flips)) if flips else None,
        "minimal": float(np.mean(minimal)) if minimal else None,
        **percentiles(seconds),
    }


def _changes(ask: Ask, text: str, found: Explanation, members: Sequence[int]) -> bool:
    assert found.decisive is not None  # noqa: S101  # the caller asked  # nosec B101
    words = [found.decisive.words[n] for n in members]
    [answer] = ask([without_words(text, words)])
    return decision_of(answer) != decision_of(found.prediction)
