"""The network as ONNX Runtime runs it, in float32 or int8. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from classifier.inference.backends import Backend, Forward
from classifier.inference.backends.bert_graph import WORD_TABLE, Precision, build_graph
from classifier.inference.backends.source import Source
from classifier.model.pacing import Pause, at_once
from classifier.model.quantization import Ranges
from classifier.text.tokenize import batches_by_budget, pad

if TYPE_CHECKING:
    from classifier.text.tokenize import Encoded

_ANSWERS = ("logits", "pooled", "distances")
_BATCH_TOKENS = 1024


class OnnxGraph:
    """A model's graph, from which sessions are opened that share its largest table.

    Args:
        source: the model; its encoder is of a family that `Source.known` knows.
        precision: fp32 or int8.
        pad_id: of the tokenizer.
        words: whether to compute what words need, see build_graph.
        taps: whether to give the inputs of matrix products, see build_graph.
        pause: called between the steps of writing it and after each session.
    """

    def __init__(
        self,
        source: Source,
        precision: Precision,
        pad_id: int,
        *,
        words: bool = True,
        taps: bool = False,
        pause: Pause = at_once,
    ) -> None:
        table = np.ascontiguousarray(source.weights[WORD_TABLE], np.float32)
        self._table = onnxruntime.OrtValue.ortvalue_from_numpy(table)
        self._graph = build_graph(source, precision, words=words, taps=taps, pause=pause)
        self._pad_id, self._pause = pad_id, pause
        pause()

    def open(self, threads: int = 0, *, spin: bool = False) -> OnnxBackend:
        """Open a session as a backend; see `session`."""
        return OnnxBackend(self.session(threads, spin=spin), self._table, self._pad_id)

    def session(self, threads: int = 0, *, spin: bool = False) -> onnxruntime.InferenceSession:
        """Open a session.

        Args:
            threads: of one forward pass; 0: one a core.
            spin: whether they turn for a moment between passes, which takes the core from others.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spin)))
        options.add_external_initializers([WORD_TABLE], [self._table])
        opened = onnxruntime.InferenceSession(self._graph, options, providers=["CPUExecutionProvider"])
        self._pause()
        return opened


class OnnxBackend:
    """One session. Several threads may run it at the same time.

    Args:
        session: over a graph of `bert_graph`.
        table: what it shares with others; must live as long as it.
        pad_id: of the tokenizer.
    """

    def __init__(
        self, session: onnxruntime.InferenceSession, table: onnxruntime.OrtValue, pad_id: int
    ) -> None:
        self._session, self._table = session, table
        self._names = [output.name for output in session.get_outputs()]
        self._pad_id = pad_id

    def forward(self, batch: Sequence[Encoded]) -> Forward:
        """Compute logits, pooled vectors and received attention."""
        ids, mask = pad(batch, self._pad_id)
        found = self._session.run(self._names, {"input_ids": ids, "attention_mask": mask})
        output = dict(zip(self._names, found, strict=True))
        return Forward(
            logits=output["logits"].astype(np.float64),
            pooled=output["pooled"],
            received=output.get("received", mask.astype(np.float32)),
            scored=output.get("scored"),
            distances=output.get("distances"),
        )


class Alone:
    """Runs a text on all cores while nothing else runs, batches and what has company on one core.

    Side by side on one core each, batches go through fastest; a message that is alone would wait twice as
    long for its answer that way.

    Args:
        narrow: one core a pass.
        wide: all cores a pass.
        alone: whether nothing else runs or waits now.
    """

    def __init__(self, narrow: Backend, wide: Backend, alone: Callable[[], bool]) -> None:
        self._narrow, self._wide, self._alone = narrow, wide, alone

    def forward(self, batch: Sequence[Encoded]) -> Forward:
        """Run the batch on one core, or a lone text on all."""
        return (self._wide if len(batch) == 1 and self._alone() else self._narrow).forward(batch)


def measure_ranges(source: Source, encoded: Sequence[Encoded], pad_id: int) -> Ranges:
    """The least and the greatest that each channel of each matrix product's input comes to.

    Args:
        source: the model.
        encoded: texts to run.
        pad_id: of the tokenizer.
    """
    graph = OnnxGraph(source, "fp32", pad_id, words=False, taps=True)
    session = graph.session()
    names = [output.name for output in session.get_outputs() if output.name not in _ANSWERS]
    low: dict[str, Any] = {}
    high: dict[str, Any] = {}
    for batch in batches_by_budget([len(text.ids) for text in encoded], _BATCH_TOKENS):
        ids, mask = pad([encoded[number] for number in batch], pad_id)
        found = session.run(names, {"input_ids": ids, "attention_mask": mask})
        for name, values in zip(names, found, strict=True):
            real = values[mask > 0]
            low[name] = np.minimum(low.get(name, np.inf), real.min(axis=0))
            high[name] = np.maximum(high.get(name, -np.inf), real.max(axis=0))
    return Ranges(low, high)
