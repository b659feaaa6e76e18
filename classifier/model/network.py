"""The model: a BERT-like encoder, pooling (mean over real tokens, or [CLS]), dropout, one linear layer."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from classifier.model.attention import EveryLayer, LastLayers, use_attention
from classifier.model.base_models import resolve_pooling
from classifier.model.metadata import ModelFacts, Pooling

if TYPE_CHECKING:
    from classifier.model.baselines import Baselines
    from classifier.model.neighbor_smoothing import Surroundings
    from classifier.model.ood_distance import ScopeSpace
    from classifier.model.quantization import Ranges


_SIZES = re.compile("model_type|hidden|layers|heads|intermediate|dim|act|attention|window")
"""In the names of what an encoder's configuration says of its size; its vocabulary takes no time."""


@dataclass(frozen=True, slots=True)
class ForwardOutput:
    """What one forward pass gives for a batch of B texts with T tokens.

    Attributes:
        logits: [B, categories], not yet divided by the temperature.
        pooled: [B, hidden], mean over the real tokens, or the vector of the first one.
        received: [B, T], attention that each token received in the last layer, mean over heads and over
            the queries of real tokens; each row sums to 1. None where it was not asked for.
        kept: [B, hidden], the pooled vectors behind the keeper; None without one.
        scored: [B, T], what tokens count by the word scorer; None without one, and where attention was not
            asked for. What stands at padding and special tokens means nothing.
    """

    logits: torch.Tensor
    pooled: torch.Tensor
    received: torch.Tensor | None
    kept: torch.Tensor | None = None
    scored: torch.Tensor | None = None


class WordScorer(nn.Module):
    """Two layers over what a token received from each head and its final vector, see word_scorer.

    Args:
        received: features that say what the token received.
        hidden: size of its final vector.
        layers: of the encoder that `received` covers.
        units: of the hidden layer.
        dropout: in training.
    """

    def __init__(self, received: int, hidden: int, layers: int, units: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = layers
        self.dropout = nn.Dropout(dropout)
        self.inner = nn.Linear(received + hidden, units)
        self.outer = nn.Linear(units, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """[B, T, received + hidden] to [B, T]: the higher, the more the token's word decides."""
        inner = self.inner(self.dropout(features))
        scores: torch.Tensor = self.outer(self.dropout(nn.functional.gelu(inner))).squeeze(-1)
        return scores

    def standardise(self, mean: torch.Tensor, scale: torch.Tensor) -> None:
        """Take features as they come where it learned from standardised ones.

        Args:
            mean: [received + hidden], of the features.
            scale: [received + hidden], their standard deviation.
        """
        with torch.no_grad():
            self.inner.weight.div_(scale)
            self.inner.bias.sub_(self.inner.weight @ mean)


class TextClassifier(nn.Module):
    """Encoder, pooling, dropout, linear head.

    Args:
        encoder: a bidirectional encoder, see base_models.load_encoder.
        categories: outputs of the head.
        dropout: before the head.
        pooling: mean, cls, or auto: what the directory that the encoder came from declares, see
            base_models.resolve_pooling. The attribute `pooling` says what it came to.
    """

    def __init__(
        self, encoder: PreTrainedModel, categories: int, *, dropout: float = 0.1, pooling: str = "mean"
    ) -> None:
        super().__init__()
        self.pooling: Pooling = resolve_pooling(pooling, Path(encoder.config.name_or_path or ""))
        self._hooked = use_attention(encoder)
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.config.hidden_size, categories)
        self.keeper: nn.Linear | None = None
        """In training only: the map back to the base encoder's vectors, see scope_space."""
        self.scorer: WordScorer | None = None
        """Scores words, see word_scorer; without one plain attention does."""

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, *, attention: bool = False
    ) -> ForwardOutput:
        """Run a batch.

        Args:
            input_ids: [B, T] token ids, padded on the right.
            attention_mask: [B, T], 1 for real tokens.
            attention: whether to compute `received` too.
        """
        states, received, scored = self._encode(input_ids, attention_mask, attention=attention)
        pooled = states[:, 0] if self.pooling == "cls" else mean_pool(states, attention_mask)
        kept = self.keeper(pooled) if self.keeper is not None else None
        return ForwardOutput(self.head(self.dropout(pooled)), pooled, received, kept, scored)

    @property
    def head_weight(self) -> npt.NDArray[Any]:
        """Of the linear head, float32 [C, hidden]."""
        weight: npt.NDArray[Any] = self.head.weight.detach().float().cpu().numpy()
        return weight

    @property
    def heads(self) -> int:
        """Attention heads of a layer."""
        return int(self.encoder.config.num_attention_heads)

    def word_features(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, layers: int
    ) -> torch.Tensor:
        """What a word scorer sees, [B, T, layers * heads + hidden]."""
        states, sink = self._attended(input_ids, attention_mask, layers)
        return sink.features(states)

    def attention_weights(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """All attention of a batch, float32 [layers, B, heads, T, T]; rows sum to 1."""
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        if not self._hooked:
            return torch.stack(self.encoder(**inputs, output_attentions=True).attentions).float()
        sink = EveryLayer()
        self.encoder(**inputs, received_attention=sink)
        return torch.stack(sink.weights).float()

    def keep_base_vectors(self) -> None:
        """Add the keeper, as the identity."""
        hidden = self.head.in_features
        self.keeper = nn.Linear(hidden, hidden).to(self.head.weight.device)
        nn.init.eye_(self.keeper.weight)
        nn.init.zeros_(self.keeper.bias)

    def _encode(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, *, attention: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        """Last hidden states [B, T, hidden]; where asked for, received and scored attention [B, T]."""
        if not attention:
            output = self.encoder(input_ids=input_ids, attention_mask=attention_mask)
            return output.last_hidden_state, None, None
        states, sink = self._attended(input_ids, attention_mask, self.scorer.layers if self.scorer else 1)
        scored = self.scorer(sink.features(states)) if self.scorer is not None else None
        return states, sink.rows[-1].mean(dim=1), scored

    def _attended(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, layers: int
    ) -> tuple[torch.Tensor, LastLayers]:
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        sink = LastLayers(int(self.encoder.config.num_hidden_layers), attention_mask, layers)
        if self._hooked:
            output = self.encoder(**inputs, received_attention=sink)
        else:
            output = self.encoder(**inputs, output_attentions=True)
            for weights in output.attentions:
                if sink.wants():
                    sink.take(weights)
        return output.last_hidden_state, sink


@dataclass(slots=True)
class TrainedModel:
    """A network that can answer, with its tokenizer and what it says about itself.

    `baselines` are the simpler models that reports show beside it; None in directories that keep none.
    `scope` is the space in which messages out of scope lie far away; None in older directories. `ranges` is
    what int8 needs; None where it was not measured. `surroundings` are the messages that steady its answers;
    None where there were none, or they did not help.
    """

    network: TextClassifier
    tokenizer: PreTrainedTokenizerBase
    facts: ModelFacts
    baselines: Baselines | None = None
    scope: ScopeSpace | None = None
    ranges: Ranges | None = None
    surroundings: Surroundings | None = None

    @property
    def shape(self) -> str:
        """What decides how long one message takes: models of one shape take the same time."""
        config = self.network.encoder.config.to_dict()
        sizes = {
            name: value
            for name, value in config.items()
            if isinstance(value, (int, float, str)) and _SIZES.search(name) and "dropout" not in name
        }
        scorer = self.network.scorer
        parts = {
            "tokens": self.facts.max_tokens,
            "precision": str(self.network.head.weight.dtype),
            "scorer": scorer.inner.weight.numel() if scorer is not None else 0,
            "around": self.surroundings is not None,
        }
        return json.dumps(sizes | parts, sort_keys=True)

    def raw_tokenizer(self) -> Tokenizer:
        """A copy of the fast tokenizer without padding and truncation; one is needed for each thread."""
        return raw_tokenizer(self.tokenizer)


def raw_tokenizer(tokenizer: PreTrainedTokenizerBase) -> Tokenizer:
    """Copy the fast tokenizer inside a Hugging Face one, without its padding and truncation."""
    copy = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    copy.no_padding()
    copy.no_truncation()
    return copy


def mean_pool(states: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Mean over the real tokens: [B, T, hidden] and [B, T] to [B, hidden]."""
    mask = attention_mask.unsqueeze(-1).to(states.dtype)
    return (states * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1.0)
