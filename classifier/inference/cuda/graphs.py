"""CUDA graphs on one stream, and the way of arrays to a GPU and back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Protocol

import numpy.typing as npt
import torch

Replay = Callable[[], None]
"""Does again, in stream order, what was recorded."""


class Recorder(Protocol):
    """Turns work over fixed tensors into something cheap to repeat."""

    def record(self, work: Callable[[], None]) -> Replay:
        """Run the work once, record it, and return what repeats it.

        Raises:
            RuntimeError: the work cannot be recorded.
        """
        ...


class GraphRecorder:
    """Records CUDA graphs that share one pool of memory.

    Sharing is safe because nothing that one graph leaves in the pool is read after another one has run.
    Record the largest first, then the others fit into its memory.

    Args:
        stream: what is recorded and what repeats it run on it.
    """

    def __init__(self, stream: torch.cuda.Stream) -> None:
        self._stream = stream
        self._pool = torch.cuda.graph_pool_handle()

    def record(self, work: Callable[[], None]) -> Replay:
        """See Recorder."""
        # the outer context puts the caller's stream back, which a recording that fails would not
        with torch.cuda.stream(self._stream):
            work()  # libraries choose and load their kernels now: that may not happen while recording
            graph = torch.cuda.CUDAGraph()
            # by thread: another model may answer on this GPU meanwhile
            with torch.cuda.graph(
                graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
            ):
                work()
        return graph.replay


class Lane:
    """Where work runs, a GPU's stream or the CPU, with host memory that one batch comes from and goes to.

    The memory is pinned where there is a GPU, so copies do not wait. It may be used again once `result` has
    returned.

    Attributes:
        device: that it runs on.
        stream: None on the CPU, where everything is done when the call returns.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._given = torch.empty(0, dtype=torch.int32)
        self._taken = torch.empty(0)

    def running(self) -> contextlib.AbstractContextManager[object]:
        """Work that is started in this context runs on the lane."""
        if self.stream is None:
            return contextlib.nullcontext()
        return torch.cuda.stream(self.stream)

    def given(self, size: int) -> npt.NDArray[Any]:
        """Host memory, int32 [size], to write a batch into."""
        if len(self._given) < size:
            self._given = torch.empty(size, dtype=torch.int32, pin_memory=self.stream is not None)
        written: npt.NDArray[Any] = self._given[:size].numpy()
        return written

    def send(self, size: int, into: torch.Tensor | None = None) -> torch.Tensor:
        """Begin to copy what was written to the device: into a tensor there, or a new one."""
        if into is None:
            return self._given[:size].to(self.device, non_blocking=True)
        return into[:size].copy_(self._given[:size], non_blocking=True)

    def result(self, output: torch.Tensor) -> npt.NDArray[Any]:
        """Wait for the lane's work, and copy a flat float32 tensor that it made to the host."""
        size = len(output)
        if len(self._taken) < size:
            self._taken = torch.empty(size, pin_memory=self.stream is not None)
        self._taken[:size].copy_(output, non_blocking=True)
        if self.stream is not None:
            self.stream.synchronize()
        found: npt.NDArray[Any] = self._taken[:size].numpy().copy()
        return found
