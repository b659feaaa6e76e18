"""The few shapes that batches are padded to on a GPU."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from classifier.text.tokenize import Encoded

LENGTHS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
"""Tokens of a text: multiples of eight, as matrix units like them; beyond eight less than half is padding."""

BUDGETS = (512, 1024, 2048, 4096, 8192, 16384)
"""Padded tokens of a batch. Below the least one a GPU is as fast with more rows as with fewer."""

Shape = tuple[int, int]
"""(rows, tokens in each)."""


def cells(shape: Shape) -> int:
    """Integers that a batch of this shape takes, see write_tokens."""
    return shape[0] * (shape[1] + 1)


def write_tokens(batch: Sequence[Encoded], into: npt.NDArray[Any], shape: Shape, pad_id: int) -> None:
    """Write token ids [rows, T], then lengths [rows], one after the other.

    Rows that are too many get one padding token, so that their attention has something to look at.
    """
    rows, size = shape
    lengths = np.fromiter((len(encoded.ids) for encoded in batch), np.int32, len(batch))
    flat = np.fromiter(chain.from_iterable(encoded.ids for encoded in batch), np.int32, int(lengths.sum()))
    ids = into[: rows * size].reshape(rows, size)
    ids.fill(pad_id)
    ids[: len(batch)][np.arange(size) < lengths[:, None]] = flat
    counts = into[rows * size : cells(shape)]
    counts[: len(batch)] = lengths
    counts[len(batch) :] = 1


@dataclass(frozen=True, slots=True)
class Ladder:
    """A fixed set of shapes: each length with a few numbers of rows.

    Attributes:
        lengths: tokens of a text, rising.
        budgets: padded tokens of a batch, rising.
    """

    lengths: tuple[int, ...]
    budgets: tuple[int, ...]

    @classmethod
    def up_to(cls, length: int, tokens: int) -> Ladder:
        """The usual one for texts of at most `length` tokens and batches of some `tokens` padded tokens."""
        lengths = (*(step for step in LENGTHS if step < length), length)
        return cls(lengths, tuple(step for step in BUDGETS if step <= tokens) or (tokens,))

    def shapes(self) -> list[Shape]:
        """All of them, the largest first."""
        every: Iterable[Shape] = ((rows, length) for length in self.lengths for rows in self._rows(length))
        return sorted(every, key=lambda shape: -shape[0] * shape[1])

    def shape(self, rows: int, length: int) -> Shape | None:
        """The least shape that holds so many rows of this length; None where none does."""
        at = bisect_left(self.lengths, length)
        if at == len(self.lengths):
            return None
        steps = self._rows(self.lengths[at])
        step = bisect_left(steps, rows)
        return None if step == len(steps) else (steps[step], self.lengths[at])

    def most_rows(self, length: int) -> int:
        """Rows that texts of this length are cut into, so that a batch stays within the budgets."""
        at = bisect_left(self.lengths, length)
        return self._rows(length if at == len(self.lengths) else self.lengths[at])[-1]

    def _rows(self, length: int) -> list[int]:
        return sorted({1, *(max(1, budget // length) for budget in self.budgets)})
