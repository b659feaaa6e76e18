"""Attention weights out of a forward pass that computes attention with SDPA in all other layers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

_NAME = "fingerpost_sdpa"


@dataclass(slots=True)
class LastLayers:
    """Carries what tokens received out of one forward pass, of the last layer or the last few.

    Layers are counted as they come: not every family numbers its attention modules, and ALBERT runs the
    same one in every layer.
    """

    layers: int
    attention_mask: torch.Tensor
    depth: int
    rows: list[torch.Tensor] = field(default_factory=list)
    """[B, heads, T] of each layer that was looked at, in order."""
    queries: torch.Tensor | None = None
    seen: int = 0

    def wants(self) -> bool:
        """Count a layer; say whether its weights are looked at."""
        self.seen += 1
        return self.seen > self.layers - self.depth

    def take(self, weights: torch.Tensor) -> None:
        """Keep what each token received from each head: the mean over the queries of real tokens.

        `weights` is [B, heads, T, T]; each row of the last dimension sums to 1 and is 0 for padding.
        """
        if self.queries is None:
            real = self.attention_mask.to(weights.dtype)
            self.queries = (real / real.sum(dim=1, keepdim=True))[:, None, None, :]
        self.rows.append((self.queries @ weights).squeeze(2))

    def features(self, states: torch.Tensor) -> torch.Tensor:
        """[B, T, depth * heads + hidden], from what was received and the final vectors."""
        received = torch.cat(self.rows, dim=1).transpose(1, 2)
        return torch.cat([received.to(states.dtype), states], dim=-1)


@dataclass(slots=True)
class EveryLayer:
    """Carries the attention weights of all layers out of one forward pass."""

    weights: list[torch.Tensor] = field(default_factory=list)

    def wants(self) -> bool:
        """Every layer is wanted."""
        return True

    def take(self, weights: torch.Tensor) -> None:
        """Keep a layer's weights, [B, heads, T, T]."""
        self.weights.append(weights)


def use_attention(encoder: PreTrainedModel) -> bool:
    """Let the encoder use the attention below; False where its family brings its own (MPNet, DeBERTa).

    Those give all attention weights when asked, at the price of never using SDPA.
    """
    register_attention()
    if not encoder._supports_attention_backend:
        return False
    encoder.set_attn_implementation(_NAME)
    return True


def register_attention() -> None:
    """Teach transformers an attention that is SDPA but for those layers whose weights a pass asks for.

    With SDPA transformers returns no attention weights, and eager attention in every layer materialises
    all of them. An attention name missing from the mask registry silently gets no mask, so both are set.
    """
    AttentionInterface.register(_NAME, _attention)
    AttentionMaskInterface.register(_NAME, sdpa_mask)


def _attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    received_attention: LastLayers | EveryLayer | None = None,
    scaling: float | None = None,
    **options: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    # ModernBERT's alternation of local and global layers is in the mask, which differs from layer to layer
    if received_attention is None or not received_attention.wants():
        output, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **options
        )
        return output, None
    groups = query.size(1) // key.size(1)
    if groups > 1:  # grouped-query attention: several query heads share a key head
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    scores = query @ key.transpose(-2, -1) * (query.size(-1) ** -0.5 if scaling is None else scaling)
    if attention_mask is not None:
        if attention_mask.dtype == torch.bool:
            scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
        else:
            scores = scores + attention_mask
    weights = scores.softmax(dim=-1)
    received_attention.take(weights)
    return (weights @ value).transpose(1, 2).contiguous(), None
