"""Texts to token batches: the one way from a message to tensors, in training and in serving."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer

from classifier.text import ModelText, model_text


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text as token ids.

    Attributes:
        source: the model text with its origins.
        ids: token ids, special tokens included, at most max_tokens.
        offsets: (start, end) of each token in the model text; special tokens have (0, 0).
        truncated: whether a part of the text was left out.
    """

    source: ModelText
    ids: list[int]
    offsets: list[tuple[int, int]]
    truncated: bool


class TextEncoder:
    """Tokenizes model text. Not safe to share between threads: the raw tokenizer is not."""

    def __init__(self, tokenizer: Tokenizer, max_tokens: int, pad_id: int) -> None:
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self.pad_id = pad_id

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Normalise and tokenize.

        A text that is too long keeps its head and its tail (3 to 1), which beats the head alone for
        long messages (Sun et al. 2019, arXiv:1905.05583).
        """
        sources = [model_text(text) for text in texts]
        encodings = self._tokenizer.encode_batch([source.text for source in sources])
        return [self._fit(source, e.ids, e.offsets) for source, e in zip(sources, encodings, strict=True)]

    def _fit(self, source: ModelText, ids: list[int], offsets: list[tuple[int, int]]) -> Encoded:
        if len(ids) <= self._max_tokens:
            return Encoded(source, ids, offsets, source.truncated)
        tail = self._max_tokens // 4
        head = self._max_tokens - tail
        return Encoded(source, ids[:head] + ids[-tail:], offsets[:head] + offsets[-tail:], truncated=True)


def collate(batch: Sequence[Encoded], pad_id: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad to the batch's longest text: (input_ids, attention_mask), both int64 [B, T]."""
    longest = max(len(encoded.ids) for encoded in batch)
    ids = torch.full((len(batch), longest), pad_id, dtype=torch.long)
    mask = torch.zeros((len(batch), longest), dtype=torch.long)
    for row, encoded in enumerate(batch):
        ids[row, : len(encoded.ids)] = torch.tensor(encoded.ids, dtype=torch.long)
        mask[row, : len(encoded.ids)] = 1
    return ids.to(device), mask.to(device)


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


def shuffled_by_length(
    lengths: Sequence[int], size: int, generator: torch.Generator, *, pool: int = 32
) -> list[list[int]]:
    """Indices in random batches of `size` texts of like length.

    The order is shuffled, cut into pools of `pool` batches, sorted by length within a pool, and the batches
    are shuffled again: batches differ from epoch to epoch, and padding stays small.
    """
    order = torch.randperm(len(lengths), generator=generator).tolist()
    batches = []
    for begin in range(0, len(order), size * pool):
        chunk = sorted(order[begin : begin + size * pool], key=lambda i: lengths[i])
        batches += [chunk[at : at + size] for at in range(0, len(chunk), size)]
    return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]
