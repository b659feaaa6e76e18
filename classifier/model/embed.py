"""Pooled vectors of many messages, with progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch

from classifier.model.collate import collate
from classifier.model.network import TextClassifier
from classifier.progress import Progress
from classifier.text.tokenize import Encoded, TextEncoder, batches_by_budget


def embed(
    network: TextClassifier,
    texts: TextEncoder,
    messages: Sequence[str],
    device: torch.device,
    report: Callable[[Progress], None],
    *,
    first: float = 0.05,
    last: float = 0.85,
) -> torch.Tensor:
    """Pooled vectors of all messages in order, float32 [N, hidden] on the CPU.

    `first` and `last` are the fractions of the whole work between which this part lies.
    """
    return embed_encoded(
        network, texts.encode(messages), texts.pad_id, device, report, first=first, last=last
    )


def embed_encoded(
    network: TextClassifier,
    encoded: Sequence[Encoded],
    pad_id: int,
    device: torch.device,
    report: Callable[[Progress], None],
    *,
    first: float,
    last: float,
) -> torch.Tensor:
    """Do the same for texts that are tokens already."""
    network.eval()
    pooled = torch.zeros(len(encoded), network.head.in_features)
    batches = list(batches_by_budget([len(e.ids) for e in encoded], 4096))
    total, done, began = sum(len(e.ids) for e in encoded), 0, time.monotonic()
    with torch.inference_mode():
        for step, batch in enumerate(batches, start=1):
            ids, mask = collate([encoded[i] for i in batch], pad_id, device)
            pooled[batch] = network(ids, mask).pooled.float().cpu()
            done += sum(len(encoded[i].ids) for i in batch)
            eta = (time.monotonic() - began) / done * (total - done)
            share = done / total
            report(Progress("embed", 0, 0, step, len(batches), first + (last - first) * share, eta))
    return pooled.clone()
