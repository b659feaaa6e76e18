"""Vectors of a network's space."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def unit(vectors: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Vectors [..., H] with length 1; one of zeros stays as it is."""
    result: npt.NDArray[Any] = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return result
