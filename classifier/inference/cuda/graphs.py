"""CUDA graphs on one stream, and the way of arrays to a GPU and back without waiting."""

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
    """Where work runs: a GPU's stream with one beside it for what goes back to the host, or the CPU.

    Attributes:
        device: that it runs on.
        stream: None on the CPU, where everything is done when the call returns.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._back = torch.cuda.Stream(device) if device.type == "cuda" else None

    def running(self) -> contextlib.AbstractContextManager[object]:
        """Work that is started in this context runs on the lane."""
        if self.stream is None:
            return contextlib.nullcontext()
        return torch.cuda.stream(self.stream)

    def slot(self) -> Slot:
        """Buffers for one batch on its way."""
        return Slot(self.device, self._back)


class Slot:
    """Host memory that one batch comes from and goes to; pinned where there is a GPU, so copies do not wait.

    It may be used again once `result` has returned.
    """

    def __init__(self, device: torch.device, back: torch.cuda.Stream | None) -> None:
        self._device = device
        self._back = back
        self._given = torch.empty(0, dtype=torch.int32)
        self._taken = torch.empty(0)
        self._staged = torch.empty(0, device=device)
        self._done = torch.cuda.Event() if back is not None else None

    def given(self, size: int) -> npt.NDArray[Any]:
        """Host memory, int32 [size], to write a batch into."""
        if len(self._given) < size:
            self._given = torch.empty(size, dtype=torch.int32, pin_memory=self._back is not None)
        written: npt.NDArray[Any] = self._given[:size].numpy()
        return written

    def send(self, size: int, into: torch.Tensor | None = None) -> torch.Tensor:
        """Begin to copy what was written to the device: into a tensor there, or a new one."""
        if into is None:
            return self._given[:size].to(self._device, non_blocking=True)
        return into[:size].copy_(self._given[:size], non_blocking=True)

    def take(self, output: torch.Tensor) -> None:
        """Begin to copy a flat float32 tensor to the host, behind the present stream's work."""
        size = len(output)
        if len(self._taken) < size:
            self._taken = torch.empty(size, pin_memory=self._back is not None)
            self._staged = torch.empty(size if self._back is not None else 0, device=self._device)
        if self._back is None or self._done is None:
            self._taken[:size].copy_(output)
            return
        self._staged[:size].copy_(output)  # the next batch may then overwrite the output while this one goes
        self._back.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._back):
            self._taken[:size].copy_(self._staged[:size], non_blocking=True)
            self._done.record()

    def result(self, size: int) -> npt.NDArray[Any]:
        """Wait for what `take` began; a copy, float32 [size]."""
        self.wait()
        found: npt.NDArray[Any] = self._taken[:size].numpy().copy()
        return found

    def wait(self) -> None:
        """Wait until nothing is on its way."""
        if self._done is not None:
            self._done.synchronize()
