"""What runs the network: torch here, others behind the same protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy.typing as npt

if TYPE_CHECKING:
    from classifier.text.tokenize import Encoded


@dataclass(frozen=True, slots=True)
class Forward:
    """One batch's results on the host.

    Attributes:
        logits: float64 [B, categories].
        pooled: float32 [B, hidden].
        received: float32 [B, T], attention received in the last layer, each row sums to 1.
        scored: float32 [B, T], what tokens count by the model's word scorer; None in models without one.
        distances: float32 [B], see ScopeSpace.distances; None where the backend does not compute them.
    """

    logits: npt.NDArray[Any]
    pooled: npt.NDArray[Any]
    received: npt.NDArray[Any]
    scored: npt.NDArray[Any] | None = None
    distances: npt.NDArray[Any] | None = None


class Backend(Protocol):
    """Runs one padded batch."""

    def forward(self, batch: Sequence[Encoded]) -> Forward:
        """Compute logits, pooled vectors and received attention for texts of like length."""
        ...
