"""Token batches as tensors, and their order in training."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from classifier.text.tokenize import Encoded, pad


def collate(batch: Sequence[Encoded], pad_id: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad to the batch's longest text: (input_ids, attention_mask), both int64 [B, T]."""
    ids, mask = pad(batch, pad_id)
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)


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
