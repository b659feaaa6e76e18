"""Matrix products in int8: how activations and weights are scaled. Pure numpy.

Activations are quantized with steps that were set once, from what they came to on the model's own messages.
So a text's answer hangs on nothing that it is batched with, as it would if the steps were taken from each
batch. A channel's step lies between what its activations and what its weights ask for (SmoothQuant, Xiao et
al. 2023, arXiv:2211.10438): a few channels of an encoder are a hundred times as large as the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

Array = npt.NDArray[Any]

FILE = "int8.safetensors"
"""In a model directory: the ranges of its activations."""

_SHARE = 0.85
"""How much of a channel's range moves into the weights: 1 all of it, 0 nothing. Chosen by how many answers
stay as in float32, on training messages of BANKING77."""

_LEVELS = 255


@dataclass(frozen=True, slots=True)
class Ranges:
    """What the inputs of the matrix products came to.

    Attributes:
        low: by the product's name, float32 [in], the least value of each channel.
        high: the greatest.
    """

    low: Mapping[str, Array]
    high: Mapping[str, Array]

    def save(self, folder: Path) -> None:
        """Write them into a model directory."""
        tensors = {f"low.{name}": values for name, values in self.low.items()}
        tensors |= {f"high.{name}": values for name, values in self.high.items()}
        save_file(tensors, folder / FILE)


def load_ranges(folder: Path) -> Ranges | None:
    """Read them from a model directory; None where it keeps none."""
    if not (folder / FILE).is_file():
        return None
    tensors = load_file(folder / FILE)
    low, high = (
        {name.removeprefix(part): values for name, values in tensors.items() if name.startswith(part)}
        for part in ("low.", "high.")
    )
    return Ranges(low, high)


@dataclass(frozen=True, slots=True)
class Quantized:
    """One matrix product, ready for int8.

    Attributes:
        factors: float32 [in], by which activations are multiplied before they are rounded by `step`; None
            where all channels share it.
        step: float32 scalar, one level of the activations.
        zero: uint8 scalar, what stands for 0 among them.
        weight: int8 [in, out].
        steps: float32 [out], one level of the weights.
    """

    factors: Array | None
    step: Array
    zero: Array
    weight: Array
    steps: Array


def quantize(weight: Array, low: Array, high: Array, *, by_channel: bool) -> Quantized:
    """Scale one matrix product.

    Args:
        weight: float32 [out, in].
        low: [in], the least value of each channel of its input.
        high: [in], the greatest.
        by_channel: whether each channel of the input gets a step of its own, at the price of a
            multiplication.
    """
    low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    shape = _shape(weight, np.maximum(high, -low)) if by_channel else np.ones_like(low)
    above, below = float((high / shape).max()), float((-low / shape).max())
    step = max((above + below) / _LEVELS, 1e-12)
    scaled = weight * shape
    steps = np.abs(scaled).max(axis=1) / 127.0
    steps[steps == 0] = 1.0
    rounded = np.clip(np.round(scaled / steps[:, None]), -127, 127).astype(np.int8)
    return Quantized(
        (1.0 / shape).astype(np.float32) if by_channel else None,
        np.array(step, np.float32),
        np.array(round(below / step), np.uint8),
        rounded.T,
        steps.astype(np.float32),
    )


def _shape(weight: Array, reach: Array) -> Array:
    """[in], how wide each channel's step is beside the others': between its activations and its weights."""
    reach = np.maximum(reach, 1e-5 * max(float(reach.max()), 1e-6))
    weighs = np.abs(weight).max(axis=0)
    weighs = np.maximum(weighs, 1e-5 * max(float(weighs.max()), 1e-6))
    shape: Array = reach**_SHARE / weighs ** (1 - _SHARE)
    return shape
