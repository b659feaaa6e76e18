"""Which attention heads show the words that decide: learned from what taking words out did.

Plain attention counts every head of the last layer alike. Here words are taken out of some messages, and a
ridge regression finds the weights of the heads with which the attention that words received best foretells
how far the category's probability falls. The weights are the model's own, cost nothing to use but the
attention of the few layers they look at, and are kept only where they foretell better than plain attention on
messages that they were not learned from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from classifier.batching import Encoded, collate
from classifier.calibration import probabilities
from classifier.deciding import without_spans
from classifier.model import TrainedModel, WordHeads

if TYPE_CHECKING:
    from classifier.inference import Predictor

LAYERS = 3
"""Last layers that are looked at, at most."""

_FEWEST_WORDS, _MOST_WORDS = 4, 40
_FEWEST_MESSAGES = 30
_SETS = 12
"""Sets of two to five words that are taken out of a message, beside every single word."""

_LARGEST_SET = 5
_PENALTY = 0.1
_FOLDS = 5
_CHANCE = 0.3
"""Share of chance in the draw of sets; the rest follows plain attention, since reply words are its like."""


@dataclass(frozen=True, slots=True)
class _Measured:
    """One message: features [words, K * heads], members [sets, words] taken out, falls [sets]."""

    features: npt.NDArray[np.float64]
    members: npt.NDArray[np.float64]
    falls: npt.NDArray[np.float64]


def fit_word_heads(
    predictor: Predictor, texts: Sequence[str], *, messages: int, seed: int = 0
) -> WordHeads | None:
    """Learn the weights of a model's heads.

    Args:
        predictor: the model, with its temperature.
        texts: messages to take words out of; best such that the model has not learned from.
        messages: how many of them to use at most; a message costs some thirty short forward passes.
        seed: of the draws.

    Returns:
        None where there are too few messages of several words, or plain attention foretells no worse.
    """
    chance = np.random.default_rng(seed)
    measured: list[_Measured] = []
    for number in chance.permutation(len(texts)):
        if len(measured) == messages:
            break
        one = _measured(predictor, texts[number], chance)
        if one is not None:
            measured.append(one)
    if len(measured) < _FEWEST_MESSAGES:
        return None
    heads = predictor.model.network.encoder.config.num_attention_heads
    layers = measured[0].features.shape[1] // heads
    plain = float(np.mean([_agreement(m, m.features[:, -heads:].sum(axis=1)) for m in measured]))
    found = {depth: _cross_validated(measured, depth * heads) for depth in range(1, layers + 1)}
    depth = max(found, key=lambda depth: found[depth])
    if found[depth] <= plain:
        return None
    weights = _ridge(measured, depth * heads)
    rows = weights[:-1].reshape(depth, heads)
    return WordHeads(
        tuple(tuple(round(float(weight), 6) for weight in row) for row in rows),
        round(float(weights[-1]), 6),
        round(found[depth], 4),
        round(plain, 4),
    )


def weigh_words(model: TrainedModel, texts: Sequence[str], *, messages: int, seed: int = 0) -> None:
    """Learn the weights of a model's heads and use them from now on, see `fit_word_heads`."""
    from classifier.inference import Predictor  # noqa: PLC0415 - it scores words with this module

    found = fit_word_heads(Predictor(model), texts, messages=messages, seed=seed)
    model.facts = replace(model.facts, word_heads=found)
    model.network.weigh_heads(found)


def word_owners(encoded: Encoded) -> tuple[list[tuple[int, int]], npt.NDArray[np.integer]]:
    """(spans of the words in the model text, [T] which of them a token belongs to or -1)."""
    source = encoded.source
    spans = source.words()
    inside = np.full(len(source.text) + 1, -1)
    for number, (start, end) in enumerate(spans):
        inside[start:end] = number
    owners = [int(inside[start]) if end > start else -1 for start, end in encoded.offsets]
    return spans, np.array(owners, dtype=np.int64)


def _measured(predictor: Predictor, text: str, chance: np.random.Generator) -> _Measured | None:
    encoded = predictor.encode([text])[0]
    spans, owner = word_owners(encoded)
    words = sorted(set(owner[owner >= 0].tolist()))
    if not _FEWEST_WORDS <= len(words) <= _MOST_WORDS:
        return None
    network = predictor.model.network
    with torch.inference_mode():
        ids, mask = collate([encoded], 0, network.head.weight.device)
        weights = network.attention_weights(ids, mask)[-LAYERS:, 0]
    received = weights.mean(dim=2).cpu().double().numpy()  # [K, heads, T]: the mean over queries
    tokens = received.reshape(-1, received.shape[-1])
    features = np.stack([tokens[:, owner == word].sum(axis=1) for word in words])
    members = _sets(features[:, -received.shape[1] :].sum(axis=1), chance)
    given = [encoded.source.span(*spans[word]) for word in words]
    without = [without_spans(text, [given[n] for n in np.flatnonzero(row)]) for row in members]
    scores = probabilities(predictor.logits([text, *without]), predictor.facts.temperature)
    best = int(scores[0].argmax())
    return _Measured(features, members, scores[0, best] - scores[1:, best])


def _sets(attention: npt.NDArray[np.float64], chance: np.random.Generator) -> npt.NDArray[np.float64]:
    """[sets, words], 1 for words that are taken out: every single one, and sets drawn by attention."""
    words = len(attention)
    rows = [*np.eye(words)]
    likely = (1 - _CHANCE) * attention / attention.sum() + _CHANCE / words
    for _ in range(_SETS):
        size = min(int(chance.integers(2, _LARGEST_SET + 1)), words - 1)
        row = np.zeros(words)
        row[chance.choice(words, size, replace=False, p=likely / likely.sum())] = 1
        rows.append(row)
    return np.stack(rows)


def _ridge(measured: Sequence[_Measured], used: int) -> npt.NDArray[np.float64]:
    """Weights of the last `used` features, and the bias of a word behind them."""
    rows = np.concatenate(
        [m.members @ np.column_stack([m.features[:, -used:], np.ones(len(m.features))]) for m in measured]
    )
    falls = np.concatenate([m.falls for m in measured])
    scale = rows.std(axis=0) + 1e-9
    scaled = rows / scale
    penalty = _PENALTY * len(scaled) * np.eye(scaled.shape[1])
    solved: npt.NDArray[np.float64] = np.linalg.solve(scaled.T @ scaled + penalty, scaled.T @ falls) / scale
    return solved


def _cross_validated(measured: Sequence[_Measured], used: int) -> float:
    agreements: list[float] = []
    for fold in range(_FOLDS):
        weights = _ridge([m for n, m in enumerate(measured) if n % _FOLDS != fold], used)
        agreements += [
            _agreement(one, one.features[:, -used:] @ weights[:-1] + weights[-1])
            for one in measured[fold::_FOLDS]
        ]
    return float(np.mean(agreements))


def _agreement(one: _Measured, scores: npt.NDArray[np.float64]) -> float:
    """Correlation of measured falls and those that the words' scores foretell; 0 where nothing varies."""
    foretold = one.members @ scores
    if foretold.std() < 1e-12 or one.falls.std() < 1e-12:  # noqa: PLR2004 - numerical zero
        return 0.0
    return float(np.corrcoef(foretold, one.falls)[0, 1])
