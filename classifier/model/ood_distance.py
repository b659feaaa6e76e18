"""How far a message lies from what its category's messages were about, in the base encoder's own space.

Fine-tuning pulls everything towards some category, so distances in its space say little about messages that
belong to none. The base encoder's vectors say more. A second encoder would double the time of an answer, so
training keeps a linear map from the fine-tuned vectors to the base ones (TrainingConfig.preserve), and the
distance is taken behind that map, at the price of a matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from classifier.calibration.vectors import unit

Array = npt.NDArray[Any]

FILE = "scope.safetensors"
_SHRINKAGE = 1e-2
"""Share of the mean variance that is added to each direction: there may be fewer messages than directions."""


@dataclass(frozen=True, slots=True)
class ScopeSpace:
    """Categories as one Gaussian each with a common covariance (Lee et al. 2018, arXiv:1807.03888).

    Attributes:
        weight: float32 [H, H], the map from a pooled vector.
        bias: float32 [H].
        means: float32 [C, H], of each category's unit vectors behind the map.
        precision: float32 [H, H], inverse of the covariance within categories.
        centre: float32 [H], of the means.
        turned: float32 [C, H], the means from their centre, times the precision.
        theirs: float32 [C], the means' squared distances from the centre.
    """

    weight: Array
    bias: Array
    means: Array
    precision: Array
    centre: Array = field(init=False, repr=False)
    turned: Array = field(init=False, repr=False)
    theirs: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Compute once what every answer needs.

        Distances are taken from the centre of the means, which changes none of them: from far away they would
        be small differences of large float32 numbers.
        """
        centre = self.means.mean(axis=0)
        turned = (self.means - centre) @ self.precision
        object.__setattr__(self, "centre", centre)
        object.__setattr__(self, "turned", turned)
        object.__setattr__(self, "theirs", np.einsum("ch,ch->c", turned, self.means - centre))

    def distances(self, pooled: Array) -> Array:
        """Squared Mahalanobis distances to the nearest category.

        To the nearest and not to the predicted one: a message that people moved to another category lies far
        from that category's others, and is no stranger for it.

        Args:
            pooled: [N, H] pooled vectors as the network gives them.

        Returns:
            float64 [N].
        """
        vectors = _mapped(pooled, self.weight, self.bias) - self.centre
        own = np.einsum("nh,nh->n", vectors @ self.precision, vectors)
        every = own[:, None] - 2 * vectors @ self.turned.T + self.theirs[None, :]
        nearest: Array = np.maximum(every.min(axis=1), 0.0).astype(np.float64)
        return nearest

    def save(self, folder: Path) -> None:
        """Write it into a model directory."""
        save_file(
            {
                "weight": np.ascontiguousarray(self.weight),
                "bias": self.bias,
                "means": np.ascontiguousarray(self.means),
                "precision": np.ascontiguousarray(self.precision),
            },
            folder / FILE,
        )


def load_scope_space(folder: Path) -> ScopeSpace | None:
    """Read it from a model directory; None where it keeps none."""
    path = folder / FILE
    return ScopeSpace(**load_file(path)) if path.is_file() else None


def fit_scope_space(
    pooled: Array, targets: npt.NDArray[np.integer], categories: int, weight: Array, bias: Array
) -> ScopeSpace | None:
    """Fit means and covariance to training messages.

    Args:
        pooled: float32 [N, H].
        targets: [N] category numbers; -1 for out of scope, which is left out.
        categories: their number.
        weight: [H, H], the map.
        bias: [H].

    Returns:
        None where a category has no message.
    """
    inside = targets >= 0
    vectors, own = _mapped(pooled[inside], weight, bias), targets[inside]
    counts = np.bincount(own, minlength=categories)
    if len(own) == 0 or counts.min() == 0:
        return None
    sums = np.zeros((categories, vectors.shape[1]))
    np.add.at(sums, own, vectors)
    means = sums / counts[:, None]
    away = vectors - means[own]
    covariance = away.T @ away / len(own)
    spread = max(float(np.trace(covariance)) / len(covariance), 1e-6)
    precision = np.linalg.inv(covariance + _SHRINKAGE * spread * np.eye(len(covariance)))
    return ScopeSpace(
        np.asarray(weight, np.float32),
        np.asarray(bias, np.float32),
        means.astype(np.float32),
        precision.astype(np.float32),
    )


def _mapped(pooled: Array, weight: Array, bias: Array) -> Array:
    return unit(pooled @ weight.T + bias)
