"""The network as torch runs it, in float32."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from classifier.backends import Forward
from classifier.batching import Encoded, collate
from classifier.model import TextClassifier


class TorchBackend:
    """Eager torch on one device, with SDPA in all layers but the last."""

    def __init__(self, network: TextClassifier, pad_id: int) -> None:
        self._network = network.eval()
        self._pad_id = pad_id
        self._device = network.head.weight.device

    def forward(self, batch: Sequence[Encoded]) -> Forward:
        """Compute logits, pooled vectors and received attention."""
        with torch.inference_mode():
            ids, mask = collate(batch, self._pad_id, self._device)
            output = self._network(ids, mask, attention=True)
        assert output.received is not None  # noqa: S101  # asked for above; for the type checker  # nosec B101
        return Forward(
            logits=output.logits.double().cpu().numpy(),
            pooled=output.pooled.float().cpu().numpy(),
            received=output.received.float().cpu().numpy(),
            scored=None if output.scored is None else output.scored.float().cpu().numpy(),
        )
