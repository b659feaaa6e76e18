"""Which token belongs to which word, and what a word's tokens come to. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.contract import Word
from classifier.text.tokenize import Encoded


@dataclass(frozen=True, slots=True)
class Attended:
    """A text's words with the attention they received.

    Attributes:
        words: in reading order, score = share of the text's attention, or of what the model's word scorer
            made of it, see word_scorer.
        hidden: share of the attention on everything else: special tokens, punctuation, mentions.
    """

    words: tuple[Word, ...]
    hidden: float


def word_owners(encoded: Encoded) -> tuple[list[tuple[int, int]], npt.NDArray[np.integer]]:
    """(spans of the words in the model text, [T] which of them a token belongs to or -1)."""
    spans, owners = _owners(encoded)
    return spans, np.array(owners, dtype=np.int64)


def _owners(encoded: Encoded) -> tuple[list[tuple[int, int]], list[int]]:
    source = encoded.source
    spans = source.words()
    inside = [-1] * (len(source.text) + 1)
    for number, (start, end) in enumerate(spans):
        inside[start:end] = [number] * (end - start)
    return spans, [inside[start] if end > start else -1 for start, end in encoded.offsets]


def attended_words(
    encoded: Encoded, received: npt.NDArray[Any], scored: npt.NDArray[Any] | None = None
) -> Attended:
    """Sum what a text's tokens received over its words.

    Args:
        encoded: the text.
        received: [T] or longer, the attention that each token received; padding is ignored.
        scored: [T] or longer, the log of how likely each token's word decides most, by the model's word
            scorer; None: words are scored by attention.

    Returns:
        The words; by the scorer they share among them what attention fell on words.
    """
    # plain lists: a message has a dozen tokens, for which arrays only cost
    source = encoded.source
    spans, owners = _owners(encoded)
    totals = _totals(owners, received[: len(owners)].tolist(), len(spans))
    hidden = min(max(1.0 - sum(totals), 0.0), 1.0)
    seen = sorted({owner for owner in owners if owner >= 0})
    if scored is not None and seen:
        pairs = list(zip(scored[: len(owners)].tolist(), owners, strict=True))
        highest = max(value for value, owner in pairs if owner >= 0)
        likely = [math.exp(value - highest) if owner >= 0 else 0.0 for value, owner in pairs]
        shared = (1.0 - hidden) / sum(likely)
        totals = [total * shared for total in _totals(owners, likely, len(spans))]
    words = []
    for number in seen:
        begin, behind = source.span(*spans[number])
        words.append(Word(source.given[begin:behind], begin, behind, totals[number]))
    return Attended(tuple(words), hidden)


def _totals(owners: Sequence[int], values: Sequence[float], words: int) -> list[float]:
    """Sum of the values of each word's tokens."""
    totals = [0.0] * words
    for owner, value in zip(owners, values, strict=True):
        if owner >= 0:
            totals[owner] += value
    return totals
