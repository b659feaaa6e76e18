"""The network on a GPU: bfloat16, CUDA graphs over a fixed ladder of shapes, two batches in flight.

Without CUDA the same class runs on the CPU, without graphs. For one thread at a time.
"""

from __future__ import annotations

import functools
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from classifier.inference.backends import Backend, Forward
from classifier.inference.backends.packed_forward import packed_forward
from classifier.inference.cuda.graphs import GraphRecorder, Lane, Recorder, Replay, Slot
from classifier.inference.cuda.ladder import Ladder, Shape, Tokens, cells, tokens_of
from classifier.model.network import TextClassifier, TrainedModel

if TYPE_CHECKING:
    from classifier.text.tokenize import Encoded

_log = logging.getLogger(__name__)

IN_FLIGHT = 2
"""Batches that are under way at once: while one runs, the host writes the next and reads the last."""


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


@dataclass(slots=True)
class _Pending:
    """A part of a batch on its way."""

    slot: Slot
    rows: int
    size: int
    longest: int
    last: bool


class CudaBackend:
    """Runs padded batches of one network, by recorded graphs where there is one of the shape.

    Args:
        network: a trained one, on the device that it shall run on; it is not changed.
        pad_id: of the tokenizer.
        ladder: shapes to record; texts may be longer than its longest, which run without a graph.
        dtype: of weights and states.
        recorder: records graphs; None takes CUDA graphs on a GPU and none elsewhere.
        fused_gelu: see packed_forward.
    """

    def __init__(
        self,
        network: TextClassifier,
        pad_id: int,
        ladder: Ladder,
        *,
        dtype: torch.dtype = torch.bfloat16,
        recorder: Recorder | None = None,
        fused_gelu: bool = False,
    ) -> None:
        head = network.head
        self._pad_id = pad_id
        self._ladder = ladder
        self._categories, self._hidden = head.out_features, head.in_features
        self._rows = 1 if network.scorer is None else 2  # of T numbers that each text gets
        self._lane = Lane(head.weight.device)
        self._free: list[Slot] = []
        self._replays: dict[Shape, Replay] = {}
        with torch.inference_mode():
            self._network = packed_forward(network, dtype, fused_gelu=fused_gelu)
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
        [found] = self.forward_many([batch])
        return found

    def forward_many(self, batches: Iterable[Sequence[Encoded]]) -> Iterator[Forward]:
        """The same for many batches, in order; the next one is launched before the last is read."""
        return self.run(tokens_of(batch, self._pad_id) for batch in batches)

    def run(self, batches: Iterable[Tokens]) -> Iterator[Forward]:
        """The same for token ids as arrays, which spares the host most of its work."""
        launched: deque[_Pending] = deque()
        read: list[Forward] = []
        try:
            for batch in batches:
                parts = batch.parts(self._ladder.most_rows(batch.ids.shape[1]))
                for number, part in enumerate(parts, 1):
                    launched.append(self._launch(part, last=number == len(parts)))
                    if len(launched) == IN_FLIGHT:
                        yield from self._read(launched.popleft(), read)
            while launched:
                yield from self._read(launched.popleft(), read)
        finally:  # whoever asked may have gone away
            for pending in launched:
                pending.slot.wait()
                self._free.append(pending.slot)

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
    def _launch(self, part: Tokens, *, last: bool) -> _Pending:
        given, longest = part.ids.shape
        shape = self._ladder.shape(given, longest)
        replay = None if shape is None else self._replays.get(shape)
        if shape is None or replay is None:
            shape = given, longest
        slot = self._free.pop() if self._free else self._lane.slot()
        part.write(slot.given(cells(shape)), shape, self._pad_id)
        size = given * self._width(shape[1])
        with self._lane.running():
            if replay is not None:
                slot.send(cells(shape), self._input)
                replay()
                slot.take(self._output[:size])
            else:
                slot.take(self._network(*_split(slot.send(cells(shape)), shape)).view(-1))
        return _Pending(slot, given, shape[1], longest, last)

    def _read(self, pending: _Pending, read: list[Forward]) -> Iterator[Forward]:
        """Give a batch's result once the last of its parts is read."""
        found = pending.slot.result(pending.rows * self._width(pending.size))
        self._free.append(pending.slot)
        read.append(self._unpacked(found.reshape(pending.rows, -1), pending))
        if pending.last:
            parts = list(read)
            read.clear()
            yield parts[0] if len(parts) == 1 else _joined(parts)

    def _width(self, size: int) -> int:
        return self._categories + self._hidden + self._rows * size

    def _unpacked(self, found: npt.NDArray[Any], pending: _Pending) -> Forward:
        behind = self._categories + self._hidden
        received = found[:, behind : behind + pending.longest]
        behind += pending.size
        return Forward(
            logits=found[:, : self._categories].astype(np.float64),
            pooled=found[:, self._categories : self._categories + self._hidden],
            received=received,
            scored=found[:, behind : behind + pending.longest] if self._rows > 1 else None,
        )


def _split(flat: torch.Tensor, shape: Shape) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids [rows, T] and lengths [rows], as Tokens.write puts them."""
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
