"""Logits to probabilities that mean what they say, and to a score for "none of these". Pure numpy."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from classifier.model.metadata import OutOfScope

Floats = npt.NDArray[np.floating]


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
