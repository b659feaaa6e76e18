"""What every training begins with: labels, device, encoder, tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import PreTrainedTokenizerBase

from classifier.contract import OUT_OF_SCOPE_LABEL
from classifier.data.dataset import Example, check_trainable, fingerprint
from classifier.feedback.languages import learned_languages
from classifier.model.base_models import load_encoder, readable_tokens, resolve_base_model, weights_sha256
from classifier.model.hardware import choose_device, use_threads
from classifier.model.metadata import ModelFacts, ModelKind
from classifier.model.network import TextClassifier, raw_tokenizer
from classifier.model.ood_distance import ScopeSpace, fit_scope_space
from classifier.text.tokenize import Encoded, TextEncoder
from classifier.training.calibrate import Outputs, outputs_of
from classifier.training.config import TrainingConfig


@dataclass(frozen=True, slots=True)
class Prepared:
    """A training's parts before its first step.

    Attributes:
        labels: category slugs, sorted.
        base: directory of the base encoder.
        tokenizer: its fast tokenizer.
        texts: from messages to tokens.
        max_tokens: longer texts are cut in the middle.
        device: to train on.
    """

    labels: tuple[str, ...]
    base: Path
    tokenizer: PreTrainedTokenizerBase
    texts: TextEncoder
    max_tokens: int
    device: torch.device

    @property
    def kept_ids(self) -> list[int]:
        """Tokens whose embeddings stay in a compact vocabulary whatever the messages say.

        Nothing reads the mask token, but a seed's random numbers hang on how many rows there are.
        """
        mask = self.tokenizer.mask_token_id
        return [self.texts.pad_id] if mask is None else [self.texts.pad_id, mask]

    def network(self, config: TrainingConfig) -> TextClassifier:
        """Read the base encoder again and put a new head on it, both as the seed says."""
        torch.manual_seed(config.seed)
        encoder, _ = load_encoder(self.base)
        network = TextClassifier(encoder, len(self.labels), dropout=config.dropout, pooling=config.pooling)
        return network.to(self.device)

    def encode(self, examples: Sequence[Example]) -> list[Encoded]:
        """Tokens of the examples' texts, in order."""
        return self.texts.encode([example.text for example in examples])

    def outputs(self, network: TextClassifier, examples: Sequence[Example]) -> Outputs:
        """What the network says of the examples, in order, without dropout."""
        return outputs_of(network, self.encode(examples), self.texts.pad_id, self.device)

    def targets(self, examples: Sequence[Example]) -> torch.Tensor:
        """Category numbers, int64 [N]; -1 for out of scope."""
        index = {label: number for number, label in enumerate(self.labels)} | {OUT_OF_SCOPE_LABEL: -1}
        return torch.tensor([index[example.label] for example in examples], dtype=torch.long)

    def facts(
        self, kind: ModelKind, examples: Sequence[Example], config: TrainingConfig, network: TextClassifier
    ) -> ModelFacts:
        """Return what is known of the model before it is calibrated."""
        return ModelFacts(
            version="",
            kind=kind,
            labels=self.labels,
            base_model=config.base_model,
            base_sha256=weights_sha256(self.base),
            max_tokens=self.max_tokens,
            created="",
            training_manifest=fingerprint(examples),
            pooling=network.pooling,
            languages=learned_languages([example.text for example in examples]),
        )


def weights_of(examples: Sequence[Example]) -> torch.Tensor:
    """Return the examples' weights, float32 [N] of mean 1."""
    weights = torch.tensor([example.weight for example in examples])
    return weights / weights.mean()


def prepare(examples: Sequence[Example], config: TrainingConfig) -> Prepared:
    """Check the examples and read the encoder's tokenizer.

    Raises:
        InvalidInput: the examples cannot be learned from.
        BaseModelUnavailable: the encoder cannot be read.
    """
    labels = check_trainable(examples, config.minimum_per_label)
    use_threads(config.threads)
    device = choose_device(config.device)
    base = resolve_base_model(config.base_model)
    encoder, tokenizer = load_encoder(base)
    max_tokens = readable_tokens(encoder, config.max_tokens)
    pad_id = tokenizer.pad_token_id or 0
    texts = TextEncoder(raw_tokenizer(tokenizer), max_tokens, pad_id)
    return Prepared(labels, base, tokenizer, texts, max_tokens, device)


def scope_space_of(
    network: TextClassifier, pooled: npt.NDArray[Any], targets: torch.Tensor
) -> ScopeSpace | None:
    """Fit the out-of-scope distance to training messages, and take the keeper out of the network.

    Args:
        network: that was trained; without a keeper the pooled vectors are taken as they are.
        pooled: float32 [N, hidden], its pooled vectors.
        targets: int64 [N] category numbers, -1 for out of scope.
    """
    hidden = network.head.in_features
    weight, bias = np.eye(hidden, dtype=np.float32), np.zeros(hidden, dtype=np.float32)
    if network.keeper is not None:
        weight = network.keeper.weight.detach().float().cpu().numpy().copy()
        bias = network.keeper.bias.detach().float().cpu().numpy().copy()
        network.keeper = None
    return fit_scope_space(pooled, targets.numpy(), network.head.out_features, weight, bias)
