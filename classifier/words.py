"""Which token belongs to which word, and what a word's tokens come to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.batching import Encoded
from classifier.contract import Word


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
    source = encoded.source
    spans = source.words()
    inside = np.full(len(source.text) + 1, -1)
    for number, (start, end) in enumerate(spans):
        inside[start:end] = number
    owners = [int(inside[start]) if end > start else -1 for start, end in encoded.offsets]
    return spans, np.array(owners, dtype=np.int64)


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
    source = encoded.source
    spans, owner = word_owners(encoded)
    tokens = np.flatnonzero(owner >= 0)
    totals = np.zeros(len(spans))
    np.add.at(totals, owner[tokens], received[tokens])
    hidden = float(np.clip(1.0 - totals.sum(), 0.0, 1.0))
    if scored is not None and len(tokens):
        likely = np.exp(scored[tokens].astype(np.float64) - scored[tokens].max())
        totals = np.zeros(len(spans))
        np.add.at(totals, owner[tokens], likely)
        totals *= (1.0 - hidden) / likely.sum()
    words = []
    for number in np.unique(owner[tokens]).tolist():
        begin, behind = source.span(*spans[number])
        words.append(Word(source.given[begin:behind], begin, behind, float(totals[number])))
    return Attended(tuple(words), hidden)
