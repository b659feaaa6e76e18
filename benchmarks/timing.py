"""Numbers about times: percentiles, spreads over turns, arrivals, how fast something grows."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def percentiles(seconds: Sequence[float] | Floats) -> dict[str, float]:
    """Milliseconds: {"p50_ms", "p95_ms", "p99_ms"}; empty where nothing was timed."""
    if not len(seconds):
        return {}
    found = np.percentile(np.asarray(seconds, np.float64) * 1e3, (50, 95, 99))
    return dict(zip(("p50_ms", "p95_ms", "p99_ms"), map(float, found), strict=True))


def spread(values: Sequence[float]) -> dict[str, float]:
    """{"min", "median", "max"} of one or more values."""
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def shown(spread: Mapping[str, float], how: str) -> str:
    """A spread for people: "median (min to max)", each formatted as told."""
    return f"{spread['median']:{how}} ({spread['min']:{how}} to {spread['max']:{how}})"


def poisson_arrivals(rate: float, seconds: float, seed: int) -> Floats:
    """Times at which messages come, drawn beforehand: float64 seconds from the start, ascending.

    Args:
        rate: messages a second on average, above 0.
        seconds: no message comes after so many.
        seed: of the draw.
    """
    generator = np.random.default_rng(seed)
    expected = rate * seconds
    times = np.zeros(0)
    while not len(times) or times[-1] < seconds:
        gaps = generator.exponential(1.0 / rate, int(expected + 4.0 * expected**0.5) + 16)
        times = np.concatenate([times, (times[-1] if len(times) else 0.0) + np.cumsum(gaps)])
    return times[times < seconds]


def slope(times: Sequence[float], values: Sequence[float]) -> float | None:
    """What a value grows by in a second, by least squares; None of fewer than two times."""
    if len(set(times)) < 2:  # noqa: PLR2004 - a line needs two points
        return None
    return float(np.polyfit(times, values, 1)[0])
