"""The network as torch runs it, in float32 or with bfloat16 products."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import torch

from classifier.inference.backends import Forward
from classifier.model.collate import collate
from classifier.model.hardware import autocast
from classifier.model.network import TextClassifier
from classifier.text.tokenize import Encoded


class TorchBackend:
    """Eager torch on one device, with SDPA in all layers but those whose attention is looked at.

    Args:
        network: what to run.
        pad_id: of the tokenizer.
        bf16: whether matrix products are taken in bfloat16, where the hardware has it.
    """

    def __init__(self, network: TextClassifier, pad_id: int, *, bf16: bool = False) -> None:
        self._network = network.eval()
        self._pad_id = pad_id
        self._device = network.head.weight.device
        self._bf16 = bf16

    def forward(self, batch: Sequence[Encoded]) -> Forward:
        """Compute logits, pooled vectors and received attention."""
        with torch.inference_mode(), autocast(self._device) if self._bf16 else contextlib.nullcontext():
            ids, mask = collate(batch, self._pad_id, self._device)
            output = self._network(ids, mask, attention=True)
        assert output.received is not None  # noqa: S101  # asked for above; for the type checker  # nosec B101
        return Forward(
            logits=output.logits.double().cpu().numpy(),
            pooled=output.pooled.float().cpu().numpy(),
            received=output.received.float().cpu().numpy(),
            scored=None if output.scored is None else output.scored.float().cpu().numpy(),
        )
