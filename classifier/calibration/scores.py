"""Logits to probabilities that mean what they say, and to a score for "none of these". Pure numpy."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class OutOfScope:
    """Logistic regression over two features of the calibrated logits: how surely a text belongs nowhere.

    Features: the log-odds of the highest probability (Hendrycks & Gimpel 2017), the energy
    logsumexp(logits / temperature) (Liu et al. 2020), and the distance in the base encoder's space (see
    scope_space; missing in models without one), each standardised on the validation messages.

    Attributes:
        mean: of each feature on the validation messages.
        scale: standard deviation of each feature.
        weights: of each standardised feature.
        bias: of the regression.
    """

    mean: tuple[float, ...] = (0.0, 0.0)
    scale: tuple[float, ...] = (1.0, 1.0)
    weights: tuple[float, ...] = (-1.0, 0.0)
    bias: float = 0.0


def probabilities(logits: Floats, temperature: float) -> Floats:
    """softmax(logits / temperature): [N, categories] to the same shape."""
    scaled = logits / temperature
    shares: Floats = np.exp(scaled - logsumexp(scaled)[..., None])
    return shares


def scope_features(logits: Floats, temperature: float, distances: Floats | None = None) -> Floats:
    """[N, 2 or 3]: log-odds of the highest probability, energy logsumexp(logits / temperature), distance."""
    scaled = logits / temperature
    energy = logsumexp(scaled)
    highest = np.clip(np.exp(scaled.max(axis=-1) - energy), 1e-6, 1 - 1e-6)
    columns = [np.log(highest / (1 - highest)), energy]
    if distances is not None:
        columns.append(np.sqrt(np.maximum(distances, 0.0)))
    return np.stack(columns, axis=-1)


def out_of_scope_score(features: Floats, parameters: OutOfScope) -> Floats:
    """[N] in 0..1: 0 surely one of the categories, 1 surely none of them; see scope_features."""
    weights, bias = _affine(parameters)
    score: Floats = 1 / (1 + np.exp(-np.clip(features @ weights + bias, -30, 30)))
    return score


@functools.lru_cache(maxsize=16)
def _affine(parameters: OutOfScope) -> tuple[Floats, float]:
    """The regression on features that are not standardised."""
    weights = np.array(parameters.weights) / np.array(parameters.scale)
    return weights, parameters.bias - float(np.dot(weights, parameters.mean))


def logsumexp(values: Floats) -> Floats:
    """log(sum(exp(values))) over the last axis, without overflow."""
    highest = values.max(axis=-1, keepdims=True)
    summed: Floats = highest[..., 0] + np.log(np.exp(values - highest).sum(axis=-1))
    return summed
