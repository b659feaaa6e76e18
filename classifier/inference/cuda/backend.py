"""The network on a GPU: bfloat16, CUDA graphs over a fixed ladder of shapes.

Without CUDA the same class runs on the CPU, without graphs. For one thread at a time.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from classifier.inference.backends import Backend, Forward
from classifier.inference.backends.packed_forward import packed_forward
from classifier.inference.cuda.graphs import GraphRecorder, Lane, Recorder, Replay
from classifier.inference.cuda.ladder import Ladder, Shape, cells, write_tokens
from classifier.model.network import TextClassifier, TrainedModel

if TYPE_CHECKING:
    from classifier.text.tokenize import Encoded

_log = logging.getLogger(__name__)


def gpu_backend(model: TrainedModel, batch_tokens: int = 4096) -> Backend | None:
    """What runs a model that lies on a GPU best; None where it lies elsewhere, or the GPU has no bfloat16.

    Args:
        model: loaded onto its device.
        batch_tokens: padded tokens of a batch at most; more are run in parts.
    """
    if model.network.head.weight.device.type != "cuda" or not _has_bfloat16():
        return None
    ladder = Ladder.up_to(model.facts.max_tokens, batch_tokens)
    return CudaBackend(model.network, model.tokenizer.pad_token_id or 0, ladder)


def _has_bfloat16() -> bool:
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


class CudaBackend:
    """Runs padded batches of one network, by recorded graphs where there is one of the shape.

    Args:
        network: a trained one, on the device that it shall run on; it is not changed.
        pad_id: of the tokenizer.
        ladder: shapes to record; texts may be longer than its longest, which run without a graph.
        dtype: of weights and states.
        recorder: records graphs; None takes CUDA graphs on a GPU and none elsewhere.
    """

    def __init__(
        self,
        network: TextClassifier,
        pad_id: int,
        ladder: Ladder,
        *,
        dtype: torch.dtype = torch.bfloat16,
        recorder: Recorder | None = None,
    ) -> None:
        head = network.head
        self._pad_id = pad_id
        self._ladder = ladder
        self._categories, self._hidden = head.out_features, head.in_features
        self._rows = 1 if network.scorer is None else 2  # of T numbers that each text gets
        self._lane = Lane(head.weight.device)
        self._replays: dict[Shape, Replay] = {}
        with torch.inference_mode():
            self._network = packed_forward(network, dtype)
            if self._lane.stream is not None:
                torch.cuda.synchronize(self._lane.device)  # the copies were made on another stream
                recorder = recorder or GraphRecorder(self._lane.stream)
            if recorder is not None:
                self._record(recorder)

    @property
    def recorded(self) -> int:
        """Shapes that have a graph."""
        return len(self._replays)

    def forward(self, batch: Sequence[Encoded]) -> Forward:
        """Compute logits, pooled vectors and received attention."""
        longest = max(len(encoded.ids) for encoded in batch)
        rows = self._ladder.most_rows(longest)
        parts = [self._run(batch[at : at + rows], longest) for at in range(0, len(batch), rows)]
        return parts[0] if len(parts) == 1 else _joined(parts)

    @torch.inference_mode()
    def _record(self, recorder: Recorder) -> None:
        shapes = self._ladder.shapes()
        with self._lane.running():
            self._input = torch.ones(max(map(cells, shapes)), dtype=torch.int32, device=self._lane.device)
            largest = max(rows * self._width(size) for rows, size in shapes)
            self._output = torch.empty(largest, device=self._lane.device)
        try:
            for shape in shapes:
                self._replays[shape] = recorder.record(functools.partial(self._work, shape))
        except RuntimeError as error:
            # some graphs and some not would be hard to explain: it is slower, and as right, without any
            self._replays = {}
            self._lane = Lane(self._lane.device)  # the other one's stream may still believe that it records
            reason = str(error).strip().split("\n", 1)[0]
            _log.warning("no CUDA graphs, batches run without them: recording %s failed (%s)", shape, reason)

    def _work(self, shape: Shape) -> None:
        """One pass over the fixed tensors."""
        rows, size = shape
        output = self._network(*_split(self._input, shape))
        self._output[: rows * self._width(size)].view(rows, -1).copy_(output)

    @torch.inference_mode()
    def _run(self, part: Sequence[Encoded], longest: int) -> Forward:
        """A part of a batch that fits the ladder, by its graph where there is one."""
        shape = self._ladder.shape(len(part), longest)
        replay = None if shape is None else self._replays.get(shape)
        if shape is None or replay is None:
            shape = len(part), longest
        write_tokens(part, self._lane.given(cells(shape)), shape, self._pad_id)
        with self._lane.running():
            given = self._lane.send(cells(shape), None if replay is None else self._input)
            if replay is None:
                output = self._network(*_split(given, shape)).view(-1)
            else:
                replay()
                output = self._output[: len(part) * self._width(shape[1])]
            found = self._lane.result(output)
        return self._unpacked(found.reshape(len(part), -1), shape[1], longest)

    def _width(self, size: int) -> int:
        return self._categories + self._hidden + self._rows * size

    def _unpacked(self, found: npt.NDArray[Any], size: int, longest: int) -> Forward:
        behind = self._categories + self._hidden
        return Forward(
            logits=found[:, : self._categories].astype(np.float64),
            pooled=found[:, self._categories : behind],
            received=found[:, behind : behind + longest],
            scored=found[:, behind + size : behind + size + longest] if self._rows > 1 else None,
        )


def _split(flat: torch.Tensor, shape: Shape) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids [rows, T] and lengths [rows], as write_tokens puts them."""
    rows, size = shape
    return flat[: rows * size].view(rows, size), flat[rows * size : cells(shape)]


def _joined(parts: Sequence[Forward]) -> Forward:
    scored = [part.scored for part in parts if part.scored is not None]
    return Forward(
        logits=np.concatenate([part.logits for part in parts]),
        pooled=np.concatenate([part.pooled for part in parts]),
        received=np.concatenate([part.received for part in parts]),
        scored=np.concatenate(scored) if scored else None,
    )
