"""The network as one function of two tensors, for inference in one precision on one device.

It reads ids and lengths and gives one float32 tensor: shapes alone decide what runs, nothing is read back on
the way, so that a CUDA graph can record it. The BERT family's layers are written out, with query, key and
value in one matrix product and attention weights only where words need them; other families run as they are.
"""

from __future__ import annotations

import contextlib
import copy
from typing import Any, NamedTuple, Protocol

import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from classifier.model.network import TextClassifier

_FAR_BELOW = -1e9
"""Added to the scores of padding: exp() of it is 0 in every precision, and no row can become nan."""


class PackedForward(Protocol):
    """A network that gives [B, categories + hidden + T] or, with a word scorer, T more columns.

    Columns: logits, pooled, received, scored; see model.ForwardOutput.
    """

    def __call__(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Run int32 ids [B, T] and int32 lengths [B]; what stands behind a text changes nothing."""
        ...


def packed_forward(network: TextClassifier, dtype: torch.dtype) -> PackedForward:
    """The fastest that is known for this network, as a copy on its device.

    Args:
        network: a trained one; it is not changed.
        dtype: of weights and states; logits, pooling and the word scorer's last step are in float32.
    """
    if is_known(network):
        return _Bert(network, dtype)
    return _AsItIs(network, dtype)


def is_known(network: TextClassifier) -> bool:
    """Whether the encoder is a BERT whose layers are written out here."""
    config = network.encoder.config
    return (
        config.model_type == "bert"
        and config.hidden_act == "gelu"
        and not config.is_decoder
        and not getattr(config, "add_cross_attention", False)
    )


class _Weights(NamedTuple):
    """Of a matrix product or a layer norm."""

    weight: torch.Tensor
    bias: torch.Tensor


class _Layer(NamedTuple):
    together: _Weights
    attended: _Weights
    attended_norm: _Weights
    inner: _Weights
    outer: _Weights
    outer_norm: _Weights


class _Bert:
    """BERT's layers with the classifier's head and word scorer behind them."""

    def __init__(self, network: TextClassifier, dtype: torch.dtype) -> None:
        encoder: Any = network.encoder
        config, scorer = encoder.config, network.scorer
        self._dtype = dtype
        self._pooling = network.pooling
        self._heads = int(config.num_attention_heads)
        self._epsilon = float(config.layer_norm_eps)
        table = encoder.embeddings
        # one table for positions and the only token type that is used
        places = table.position_embeddings.weight + table.token_type_embeddings.weight[0]
        self._places = _copy(places, dtype)
        self._words = _copy(table.word_embeddings.weight, dtype)
        self._norm = _weights(table.LayerNorm, dtype)
        self._layers = [_layer(layer, dtype) for layer in encoder.encoder.layer]
        self._counted = torch.arange(len(self._places), device=self._places.device, dtype=torch.int32)
        self._head = _weights(network.head, torch.float32)
        self._looked_at = scorer.layers if scorer is not None else 1
        self._scorer = None if scorer is None else _Scorer(network, dtype)

    def __call__(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """See PackedForward."""
        size = ids.size(1)
        real = self._counted[:size] < lengths[:, None]
        share = real / lengths[:, None]  # float32 [B, T], of each real token in a mean
        queries = real.to(self._dtype)[:, None, None, :]
        padding = (1.0 - queries) * _FAR_BELOW
        states = functional.embedding(ids, self._words) + self._places[:size]
        states = self._normed(states, self._norm)
        received: list[torch.Tensor] = []
        with _kernels(ids.device):
            for number, layer in enumerate(self._layers):
                query, key, value = self._projected(states, layer)
                if number < len(self._layers) - self._looked_at:
                    mask = padding.expand(-1, -1, size, -1)
                    attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
                else:
                    scores = query @ key.transpose(-2, -1) * query.size(-1) ** -0.5 + padding
                    weights = scores.softmax(dim=-1)
                    received.append((queries @ weights).squeeze(2).float() / lengths[:, None, None])
                    attended = weights @ value
                states = self._behind(attended, states, layer)
        pooled = states[:, 0].float() if self._pooling == "cls" else _mean(states, share)
        columns = [functional.linear(pooled, *self._head), pooled, received[-1].mean(dim=1)]
        if self._scorer is not None:
            columns.append(self._scorer(states, torch.cat(received, dim=1)))
        return torch.cat(columns, dim=1)

    def _projected(self, states: torch.Tensor, layer: _Layer) -> tuple[torch.Tensor, ...]:
        """Query, key and value, each [B, heads, T, size of a head]."""
        together = functional.linear(states, *layer.together)
        parts: tuple[torch.Tensor, ...] = (
            together.unflatten(-1, (3, self._heads, -1)).transpose(1, 3).unbind(2)
        )
        return parts

    def _behind(self, attended: torch.Tensor, states: torch.Tensor, layer: _Layer) -> torch.Tensor:
        """The rest of a layer behind its attention."""
        attended = functional.linear(attended.transpose(1, 2).flatten(2), *layer.attended)
        states = self._normed(attended + states, layer.attended_norm)
        inner = functional.linear(functional.gelu(functional.linear(states, *layer.inner)), *layer.outer)
        return self._normed(inner + states, layer.outer_norm)

    def _normed(self, states: torch.Tensor, norm: _Weights) -> torch.Tensor:
        return functional.layer_norm(states, norm.weight.shape, norm.weight, norm.bias, self._epsilon)


class _Scorer:
    """model.WordScorer over states of lower precision: what was received and the last layer in float32."""

    def __init__(self, network: TextClassifier, dtype: torch.dtype) -> None:
        scorer = network.scorer
        assert scorer is not None  # noqa: S101  # for the type checker  # nosec B101
        received = scorer.layers * network.heads
        self._of_received = _copy(scorer.inner.weight[:, :received], torch.float32)
        self._of_states = _copy(scorer.inner.weight[:, received:], dtype)
        self._bias = _copy(scorer.inner.bias, torch.float32)
        self._outer = _weights(scorer.outer, torch.float32)

    def __call__(self, states: torch.Tensor, received: torch.Tensor) -> torch.Tensor:
        """[B, T, hidden] and [B, layers * heads, T] to [B, T]."""
        inner = functional.linear(received.transpose(1, 2), self._of_received, self._bias)
        inner = inner + functional.linear(states, self._of_states).float()
        return functional.linear(functional.gelu(inner), *self._outer).squeeze(-1)


class _AsItIs:
    """Any TextClassifier, its encoder in the given precision."""

    def __init__(self, network: TextClassifier, dtype: torch.dtype) -> None:
        self._network = copy.deepcopy(network).to(dtype).eval().requires_grad_(False)
        self._head = _weights(network.head, torch.float32)

    def __call__(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """See PackedForward."""
        counted = torch.arange(ids.size(1), device=ids.device, dtype=torch.int32)
        mask = (counted < lengths[:, None]).long()
        output = self._network(ids.long(), mask, attention=True)
        assert output.received is not None  # noqa: S101  # asked for above  # nosec B101
        pooled = output.pooled.float()
        columns = [functional.linear(pooled, *self._head), pooled, output.received.float()]
        if output.scored is not None:
            columns.append(output.scored.float())
        return torch.cat(columns, dim=1)


def _mean(states: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """[B, T, hidden] and shares [B, T] to [B, hidden] in float32."""
    return torch.bmm(share[:, None, :], states.float()).squeeze(1)


def _kernels(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """On a GPU the attention kernel that takes a mask and records in a graph; elsewhere torch's choice."""
    if device.type != "cuda":
        return contextlib.nullcontext()
    return sdpa_kernel([SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH])


def _copy(weight: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return weight.detach().to(dtype, copy=True).contiguous()


def _weights(module: nn.Linear | nn.LayerNorm, dtype: torch.dtype) -> _Weights:
    return _Weights(_copy(module.weight, dtype), _copy(module.bias, dtype))


def _layer(layer: Any, dtype: torch.dtype) -> _Layer:
    """A BertLayer of transformers."""
    attention, own = layer.attention, layer.attention.self
    parts = (own.query, own.key, own.value)
    together = _Weights(
        _copy(torch.cat([part.weight for part in parts]), dtype),
        _copy(torch.cat([part.bias for part in parts]), dtype),
    )
    return _Layer(
        together,
        _weights(attention.output.dense, dtype),
        _weights(attention.output.LayerNorm, dtype),
        _weights(layer.intermediate.dense, dtype),
        _weights(layer.output.dense, dtype),
        _weights(layer.output.LayerNorm, dtype),
    )
