"""ADWIN2: notices that the mean of a stream has changed, without a window size to choose.

Bifet & Gavaldà 2007, "Learning from time-changing data with adaptive windowing" (SIAM SDM). The window is an
exponential histogram: at most `PER_SIZE` buckets of each size 1, 2, 4, ..., so memory and time of one item
are O(log n). Whenever two parts of the window differ by more than chance allows, the older one is dropped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

PER_SIZE = 5
"""Buckets of one size before the two oldest are merged (M in the paper)."""

SMALLEST_PART = 5
"""Items that each part of a split needs; fewer prove nothing."""


@dataclass(frozen=True, slots=True)
class Change:
    """The mean moved.

    Attributes:
        before: mean of the items before the likeliest moment of the change.
        after: mean of the items from then on.
        older: how many items were before.
        newer: how many were after.
        since: time of the first of the newer ones, to within a bucket.
    """

    before: float
    after: float
    older: int
    newer: int
    since: float


@dataclass(slots=True)
class _Bucket:
    """Some items in a row: number, sum, squared deviations from their mean, and the time of the first."""

    count: int
    total: float
    deviation: float
    since: float

    def merged(self, newer: _Bucket) -> _Bucket:
        """Put a newer bucket behind this one (Chan, Golub & LeVeque 1983)."""
        count = self.count + newer.count
        apart = newer.total / newer.count - self.total / self.count
        deviation = self.deviation + newer.deviation + apart**2 * self.count * newer.count / count
        return _Bucket(count, self.total + newer.total, deviation, self.since)


class Adwin:
    """The detector of one signal.

    Args:
        delta: confidence: at each item of a stream that does not change, the probability of an alarm is
            about this at most; in practice it is far lower (section 5 of the paper).
    """

    def __init__(self, delta: float = 0.002) -> None:
        if not 0 < delta < 1:
            raise ValueError("delta must be above 0 and below 1")
        self.delta = delta
        self._buckets: list[_Bucket] = []  # oldest first; sizes never grow towards the newest

    def __len__(self) -> int:
        """Return how many items are in the window."""
        return sum(bucket.count for bucket in self._buckets)

    @property
    def mean(self) -> float:
        """The mean of the window; 0 of an empty one."""
        return sum(bucket.total for bucket in self._buckets) / max(1, len(self))

    @property
    def buckets(self) -> int:
        """How much is remembered: O(log n)."""
        return len(self._buckets)

    def add(self, value: float, at: float = 0.0) -> Change | None:
        """Take the next item and say whether the mean has changed.

        Args:
            value: 0..1.
            at: its time, in any unit; it comes back as `Change.since`.

        Raises:
            ValueError: `value` is outside 0..1.
        """
        if not 0 <= value <= 1:
            raise ValueError(f"ADWIN's bound holds for values of 0..1, not {value}")
        self._buckets.append(_Bucket(1, float(value), 0.0, at))
        self._compress()
        change = split = self._cut()
        while split is not None:  # the paper drops the oldest bucket until no split differs any more
            del self._buckets[0]
            split = self._cut()
        return change

    def to_json(self) -> dict[str, Any]:
        """Return the whole state as JSON."""
        rows = [[b.count, b.total, b.deviation, b.since] for b in self._buckets]
        return {"delta": self.delta, "buckets": rows}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Adwin:
        """Go on where `to_json` stopped.

        Raises:
            KeyError, TypeError, ValueError: it is no such state.
        """
        made = cls(float(state["delta"]))
        made._buckets = [_Bucket(int(n), float(t), float(d), float(s)) for n, t, d, s in state["buckets"]]
        return made

    def _compress(self) -> None:
        """Merge the two oldest buckets of each size that has too many; the merged one is of the next size."""
        end = len(self._buckets)
        while end:
            start, size = end, self._buckets[end - 1].count
            while start and self._buckets[start - 1].count == size:
                start -= 1
            if end - start <= PER_SIZE:
                return
            self._buckets[start : start + 2] = [self._buckets[start].merged(self._buckets[start + 1])]
            end = start + 1

    def _cut(self) -> Change | None:
        """Return the split that differs most beyond epsilon_cut (section 4 of the paper), if one does."""
        count = len(self)
        if count < 2 * SMALLEST_PART:
            return None
        whole = self._buckets[0]
        for bucket in self._buckets[1:]:
            whole = whole.merged(bucket)
        variance = whole.deviation / count
        log_term = math.log(2 * math.log(count) / self.delta)  # delta' = delta / ln n
        found, most = None, 1.0
        older, older_total = 0, 0.0
        for bucket, following in pairwise(self._buckets):
            older += bucket.count
            older_total += bucket.total
            newer = count - older
            if min(older, newer) < SMALLEST_PART:
                continue
            inverse = 1 / older + 1 / newer  # 1 / m
            cut = math.sqrt(2 * inverse * variance * log_term) + 2 / 3 * inverse * log_term
            before, after = older_total / older, (whole.total - older_total) / newer
            if abs(before - after) > most * cut:
                most = abs(before - after) / cut
                found = Change(before, after, older, newer, following.since)
        return found
