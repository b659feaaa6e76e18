"""A message among the workspace's other messages: what lies around it steadies its answer.

Most messages of a workspace carry no label, and with a dozen labels a category a network's answers waver
between neighbouring categories. The messages that lie nearest to a new one waver in other directions, so the
mean of all of them is right more often than any one (mean shift: Fukunaga and Hostetler 1975). The head is
linear: moving a pooled vector towards its neighbours moves the logits alike, whatever rows the head has.

No label is guessed, nothing learns from these messages, and every training starts without them: a wrong
answer can neither enter a training nor strengthen itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from classifier.calibration.vectors import unit

Array = npt.NDArray[Any]

FILE = "surroundings.safetensors"
FEWEST, MOST = 200, 4000
"""Unlabelled messages: with fewer, hardly a message has neighbours among them; of more, the newest are kept,
and as many labelled ones. A thousand are 0.8 MB in a model directory."""

SHARES = (0.0, 0.3, 0.5, 0.7)
"""How far a vector may move; held-back messages choose."""

_NEAREST, _WIDTH = 10, 0.1
"""Neighbours, and the difference in cosine similarity over which their weight falls to a third; on messages
of BANKING77's training file 8 to 24 neighbours do as well."""

_AXES, _SHORTLIST = 64, 48
"""A network of some dozen categories uses some dozen directions: along them so many candidates are found in a
fraction of the time, and of those the nearest exactly."""

_LEAST = 1e-6
"""Weight of the last neighbour: where all are as near, all count alike."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Messages in a network's space.

    Attributes:
        vectors: float16 [N, H], pooled, as the network gives them.
        share: of the way towards its neighbours that a message's vector moves, 0..1.
    """

    vectors: Array
    share: float
    units: Array = field(init=False, repr=False)
    axes: Array = field(init=False, repr=False)
    places: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Compute once what every answer needs: `units`, of length 1, and their `places` on the main axes."""
        vectors = np.asarray(self.vectors, np.float16)
        units = unit(vectors.astype(np.float32))
        _, axes = np.linalg.eigh(units.T @ units)
        axes = np.ascontiguousarray(axes[:, ::-1][:, :_AXES])
        for name, value in (("vectors", vectors), ("units", units), ("axes", axes), ("places", units @ axes)):
            object.__setattr__(self, name, value)

    def moves(self, pooled: Array) -> Array:
        """How far, and where to, vectors move: float32 [B, H], to be added to them.

        Args:
            pooled: [B, H] of new messages.
        """
        units = unit(np.asarray(pooled, np.float32))
        nearest = _first(units @ self.axes @ self.places.T, _SHORTLIST)
        likeness = np.einsum("bh,bkh->bk", units, self.units[nearest])
        best = _first(likeness, _NEAREST + 1)
        nearest, found = (np.take_along_axis(each, best, axis=1) for each in (nearest, likeness))
        weights = np.exp((found - found.max(axis=1, keepdims=True)) / _WIDTH)
        if len(self.vectors) > _NEAREST:
            # the last one counts for nothing, so that no answer jumps where it and one left out change places
            weights += _LEAST - weights.min(axis=1, keepdims=True)
        weights /= weights.sum(axis=1, keepdims=True)
        means = np.einsum("bk,bkh->bh", weights, self.vectors[nearest].astype(np.float32))
        result: Array = self.share * (means - pooled)
        return result

    def settled(self, logits: Array, pooled: Array, weight: Array) -> Array:
        """Logits of messages among their neighbours.

        Args:
            logits: [B, C] of the messages alone.
            pooled: [B, H].
            weight: [C, H] of the head.

        Returns:
            float64 [B, C].
        """
        if not len(pooled):
            return logits
        result: Array = logits + (self.moves(pooled) @ np.asarray(weight, np.float32).T).astype(np.float64)
        return result

    def save(self, folder: Path) -> None:
        """Write it into a model directory."""
        share = np.array([self.share], np.float32)
        save_file({"vectors": np.ascontiguousarray(self.vectors), "share": share}, folder / FILE)


def load_surroundings(folder: Path) -> Surroundings | None:
    """Read it from a model directory; None where it keeps none."""
    path = folder / FILE
    if not path.is_file():
        return None
    kept = load_file(path)
    return Surroundings(kept["vectors"], round(float(kept["share"][0]), 6))


def best_share(around: Surroundings, loss: Callable[[Array], float], pooled: Array) -> float:
    """The share with the least loss; of equal ones the smallest.

    Args:
        around: with any share but 0.
        loss: on held-back messages, of moves [M, H] of their vectors.
        pooled: [M, H], their vectors.
    """
    whole = around.moves(pooled) / around.share
    losses = [loss(share * whole) for share in SHARES]
    return SHARES[int(np.argmin(losses))]


def _first(values: Array, count: int) -> npt.NDArray[np.intp]:
    """Numbers [B, count] of the largest of values [B, N], in any order; all where there are no more."""
    if values.shape[1] <= count:
        return np.broadcast_to(np.arange(values.shape[1]), values.shape)
    found: npt.NDArray[np.intp] = np.argpartition(values, -count, axis=1)[:, -count:]
    return found
