"""Who looked at whom: the attention of every layer and head over the words of one message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.collate import collate
from classifier.model.network import TrainedModel
from classifier.text.tokenize import Encoded, TextEncoder

MOST_WORDS = 120
"""Words of which maps are made; the rest of a longer message is left out, and said to be."""


@dataclass(frozen=True, slots=True)
class AttentionMaps:
    """Attention between words.

    Attributes:
        words: as they stand in the message, special tokens and punctuation between them.
        special: whether each is no word of the message: a special token or punctuation.
        weights: float32 [layers, heads, N, N]; how much of a word's attention (row) went to each word.
        category: that the model named.
        confidence: of it.
        cut: whether words were left out.
    """

    words: tuple[str, ...]
    special: tuple[bool, ...]
    weights: npt.NDArray[np.float32]
    category: str
    confidence: float
    cut: bool


def attention_maps(model: TrainedModel, text: str) -> AttentionMaps:
    """Run one message and merge its pieces of words.

    What a word received is the sum over its pieces, what it gave their mean, so that rows still sum to 1
    (Clark et al. 2019, arXiv:1906.04341).
    """
    pad_id = model.tokenizer.pad_token_id or 0
    encoder = TextEncoder(model.raw_tokenizer(), model.facts.max_tokens, pad_id)
    [encoded] = encoder.encode([text])
    network = model.network.eval()
    ids, mask = collate([encoded], pad_id, network.head.weight.device)
    with torch.inference_mode():
        tokens = network.attention_weights(ids, mask)[:, 0].cpu().numpy()
    words, special, owner = _owners(encoded, model)
    weights = merged(tokens, owner)
    [answer] = TorchPredictor(model).predict([text])
    cut = len(words) > MOST_WORDS
    return AttentionMaps(
        tuple(words[:MOST_WORDS]),
        tuple(special[:MOST_WORDS]),
        weights[:, :, :MOST_WORDS, :MOST_WORDS],
        answer.category,
        answer.confidence,
        cut or encoded.truncated,
    )


def merged(tokens: npt.NDArray[Any], owner: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
    """Merge pieces into words.

    Args:
        tokens: [layers, heads, T, T].
        owner: [T], which word each token belongs to, 0..N-1.

    Returns:
        [layers, heads, N, N].
    """
    member = np.eye(int(owner.max()) + 1, dtype=np.float32)[owner]
    given = tokens @ member
    each: npt.NDArray[np.float32] = (member.T / member.sum(axis=0)[:, None]) @ given
    return each


def _owners(encoded: Encoded, model: TrainedModel) -> tuple[list[str], list[bool], npt.NDArray[np.integer]]:
    """(texts, whether special, [T] owner) of words and of all tokens that belong to none."""
    source = encoded.source
    spans = source.words()
    inside = np.full(len(source.text) + 1, -1)
    for number, (start, end) in enumerate(spans):
        inside[start:end] = number
    words: list[str] = []
    special: list[bool] = []
    owner: list[int] = []
    last = -1
    names = model.tokenizer.convert_ids_to_tokens(encoded.ids)
    for (start, end), name in zip(encoded.offsets, names, strict=True):
        word = int(inside[start]) if end > start else -1
        if word < 0:
            words.append(source.text[start:end] if end > start else str(name))
            special.append(True)
        elif word != last:
            begin, finish = source.span(*spans[word])
            words.append(source.given[begin:finish])
            special.append(False)
        last = word
        owner.append(len(words) - 1)
    return words, special, np.array(owner)
