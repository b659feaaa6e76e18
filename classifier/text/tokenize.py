"""Texts to token batches: the one way from a message to token ids, in training and in serving. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from classifier.text.normalize import ModelText, model_text

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text as token ids.

    Attributes:
        source: the model text with its origins.
        ids: token ids, special tokens included, at most max_tokens.
        offsets: (start, end) of each token in the model text, without the spaces around it; special tokens
            have start = end.
        truncated: whether a part of the text was left out.
        unknown: how many of the tokens stand for letters that the tokenizer does not know.
    """

    source: ModelText
    ids: list[int]
    offsets: list[tuple[int, int]]
    truncated: bool
    unknown: int = 0


UNREADABLE = 0.7
"""Share of unknown tokens from which a text is unreadable: English has none, Thai and Chinese have most."""


def unreadable(encoded: Encoded) -> bool:
    """Whether the model could read next to nothing: no letter or digit, or nearly all tokens unknown.

    Whatever the network makes of such a text comes from its special tokens and punctuation.
    """
    text = encoded.source.text
    if not any(character.isalnum() for character in text):
        return True
    if not encoded.unknown:
        return False
    lettered = sum(any(c.isalnum() for c in text[start:end]) for start, end in encoded.offsets)
    return encoded.unknown >= UNREADABLE * lettered


class TextEncoder:
    """Tokenizes model text. Not safe to share between threads: the raw tokenizer is not."""

    def __init__(self, tokenizer: Tokenizer, max_tokens: int, pad_id: int) -> None:
        self.tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._unknown = {tokenizer.token_to_id(token) for token in ("[UNK]", "<unk>")} - {None}
        self.pad_id = pad_id
        self._spaces = not isinstance(tokenizer.pre_tokenizer, BertPreTokenizer)

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Normalise and tokenize.

        A text that is too long keeps its head and its tail (3 to 1), which beats the head alone for
        long messages (Sun et al. 2019, arXiv:1905.05583).
        """
        sources = [model_text(text) for text in texts]
        encodings = self.tokenizer.encode_batch([source.text for source in sources])
        return [self._fit(source, e.ids, e.offsets) for source, e in zip(sources, encodings, strict=True)]

    def _fit(self, source: ModelText, ids: list[int], spans: list[tuple[int, int]]) -> Encoded:
        offsets = [_without_spaces(source.text, *span) for span in spans] if self._spaces else spans
        truncated = source.truncated
        if len(ids) > self._max_tokens:
            tail = self._max_tokens // 4
            head = self._max_tokens - tail
            ids, offsets = ids[:head] + ids[-tail:], offsets[:head] + offsets[-tail:]
            truncated = True
        unknown = 0 if self._unknown.isdisjoint(ids) else sum(token in self._unknown for token in ids)
        return Encoded(source, ids, offsets, truncated, unknown)


def _without_spaces(text: str, start: int, end: int) -> tuple[int, int]:
    """Where a token's letters are: byte-level tokenizers count the space before a word as a part of it."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def pad(batch: Sequence[Encoded], pad_id: int) -> tuple[Ids, Ids]:
    """Pad on the right to the batch's longest text: (input_ids, attention_mask), both int64 [B, T]."""
    if len(batch) == 1:
        alone = np.array([batch[0].ids], np.int64)
        return alone, np.ones_like(alone)
    lengths = np.array([len(encoded.ids) for encoded in batch])
    mask = np.arange(lengths.max()) < lengths[:, None]
    ids = np.full(mask.shape, pad_id, np.int64)
    ids[mask] = [token for encoded in batch for token in encoded.ids]
    return ids, mask.astype(np.int64)


def batches_by_budget(lengths: Sequence[int], budget: int, *, most: int = 256) -> Iterator[list[int]]:
    """Indices in batches of like length, each at most `budget` padded tokens (or a single text)."""
    batch: list[int] = []
    longest = 0
    for index in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if batch and (max(longest, lengths[index]) * (len(batch) + 1) > budget or len(batch) == most):
            yield batch
            batch, longest = [], 0
        batch.append(index)
        longest = max(longest, lengths[index])
    if batch:
        yield batch


def cheapest_batches(lengths: Sequence[int], budget: int, overhead: int) -> list[list[int]]:
    """Indices in batches of like length so that all of them together cost least, padding included.

    Args:
        lengths: of the texts, in tokens.
        budget: padded tokens of a batch at most, or a single text.
        overhead: what a batch costs beside its padded tokens, in tokens.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    # the least cost of the first so many texts, and where the last of their batches begins
    costs, begins = [0.0], [0]
    for end in range(1, len(order) + 1):
        longest = lengths[order[end - 1]]
        first = max(0, min(end - 1, end - budget // max(longest, 1)))
        cost, begin = min((costs[at] + (end - at) * longest, -at) for at in range(first, end))
        costs.append(cost + overhead)
        begins.append(-begin)
    batches: list[list[int]] = []
    end = len(order)
    while end:
        batches.append(order[begins[end] : end])
        end = begins[end]
    return batches[::-1]
