"""Which device and how many threads, and where bfloat16 pays."""

from __future__ import annotations

import contextlib

import torch

from classifier.contract import InvalidInput


def choose_device(name: str) -> torch.device:
    """The device for auto, cpu or cuda.

    Raises:
        InvalidInput: cuda was asked for and is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise InvalidInput("no CUDA device was found: use the device auto or cpu")
    return torch.device(name)


def use_threads(threads: int) -> None:
    """Let torch use so many CPU threads in this process; 0 leaves its choice."""
    if threads > 0:
        torch.set_num_threads(threads)


def autocast(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Bfloat16 matrix products for training where the hardware has them, nothing elsewhere.

    Weights, norms and the optimizer stay in float32.
    """
    fast = torch.cuda.is_bf16_supported() if device.type == "cuda" else torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device.type, dtype=torch.bfloat16) if fast else contextlib.nullcontext()
