"""Which device, how many cores and threads, and where bfloat16 pays.

Torch is imported where it is used: a process that answers through ONNX Runtime asks for its cores too, and
does without it.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from classifier.contract import InvalidInput

if TYPE_CHECKING:
    import torch


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_device(name: str) -> torch.device:
    """The device for auto, cpu or cuda.

    Raises:
        InvalidInput: cuda was asked for and is not there.
    """
    import torch  # noqa: PLC0415

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise InvalidInput("no CUDA device was found: use the device auto or cpu")
    return torch.device(name)


def use_threads(threads: int) -> None:
    """Let torch use so many CPU threads in this process; 0 leaves its choice."""
    import torch  # noqa: PLC0415

    if threads > 0:
        torch.set_num_threads(threads)


def autocast(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Bfloat16 matrix products for training where the hardware has them, nothing elsewhere.

    Weights, norms and the optimizer stay in float32.
    """
    import torch  # noqa: PLC0415

    fast = torch.cuda.is_bf16_supported() if device.type == "cuda" else torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device.type, dtype=torch.bfloat16) if fast else contextlib.nullcontext()
