"""The network as ONNX Runtime runs it, in float32 or int8. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

from classifier.backends import Forward
from classifier.backends.bert_graph import Precision, build_graph

if TYPE_CHECKING:
    from classifier.batching import Encoded


class OnnxBackend:
    """One session over the graph of a model directory.

    Args:
        folder: the model directory; its encoder is of a family that `bert_graph.can_build` knows.
        precision: fp32 or int8.
        pad_id: of the tokenizer.
        threads: of one forward pass; 0: one a core.
        words: whether to compute what words need, see build_graph.
    """

    def __init__(
        self, folder: Path, precision: Precision, pad_id: int, *, threads: int = 0, words: bool = True
    ) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # threads that spin between passes take the cores from tokenization and from the event loop
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        graph = build_graph(folder, precision, words=words)
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._names = [output.name for output in self._session.get_outputs()]
        self._pad_id = pad_id

    def forward(self, batch: Sequence[Encoded]) -> Forward:
        """Compute logits, pooled vectors and received attention."""
        longest = max(len(encoded.ids) for encoded in batch)
        ids = np.full((len(batch), longest), self._pad_id, np.int64)
        mask = np.zeros((len(batch), longest), np.int64)
        for row, encoded in enumerate(batch):
            ids[row, : len(encoded.ids)] = encoded.ids
            mask[row, : len(encoded.ids)] = 1
        found = self._session.run(self._names, {"input_ids": ids, "attention_mask": mask})
        output = dict(zip(self._names, found, strict=True))
        return Forward(
            logits=output["logits"].astype(np.float64),
            pooled=output["pooled"],
            received=output.get("received", mask.astype(np.float32)),
            scored=output.get("scored"),
        )
