"""Train only the embeddings that the messages use: the same result, less memory traffic.

Half of a small encoder's weights are embeddings of tokens that a training set never shows (28,000 of 30,522
on BANKING77). Their gradient is zero, but an optimizer still walks over their weights, gradients and moments
at every step, which takes a quarter of the time on a CPU.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import nn
from transformers import PreTrainedModel

from classifier.text.tokenize import Encoded


class CompactVocabulary:
    """Takes the unused rows out of an encoder's token embeddings, and puts them back.

    Rows that are taken out keep their values: other than in a plain loop, weight decay does not touch them.

    Args:
        encoder: is changed in place until `restore`.
        encoded: every text that will be run in between; others have no token ids.
        keep: ids that must stay, such as the padding token's.
    """

    def __init__(
        self, encoder: PreTrainedModel, encoded: Iterable[Sequence[Encoded]], keep: Sequence[int] = ()
    ) -> None:
        self._encoder = encoder
        self._whole = cast("nn.Embedding", encoder.get_input_embeddings())
        padding = self._whole.padding_idx
        seen = {token for group in encoded for text in group for token in text.ids}
        seen.update(keep)
        if padding is not None:
            # RoBERTa and its like count positions from the padding token's number, so that must not change
            seen.update(range(padding + 1))
        self._used = torch.tensor(sorted(seen))
        self._place = {int(token): place for place, token in enumerate(self._used.tolist())}
        small = nn.Embedding(
            len(self._used),
            self._whole.embedding_dim,
            padding_idx=None if padding is None else self._place[padding],
        )
        device = self._whole.weight.device
        small.weight.data = self._whole.weight.data[self._used.to(device)].clone()
        encoder.set_input_embeddings(small)

    def __len__(self) -> int:
        return len(self._used)

    def place(self, token: int) -> int:
        """Return where a token's row is now."""
        return self._place[token]

    def encode(self, encoded: Sequence[Encoded]) -> list[Encoded]:
        """Return the texts with the ids of the small table."""
        return [replace(text, ids=[self._place[token] for token in text.ids]) for text in encoded]

    def restore(self) -> None:
        """Write the trained rows into the whole table and give it back to the encoder."""
        small = cast("nn.Embedding", self._encoder.get_input_embeddings()).weight.data
        self._whole.weight.data = self._whole.weight.data.to(small.device)
        self._whole.weight.data[self._used.to(small.device)] = small
        self._encoder.set_input_embeddings(self._whole)
