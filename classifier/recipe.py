"""The default recipe: what it chooses by the number of messages, from one a category to thousands."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from classifier.training_types import TrainingConfig

_MOST_EPOCHS, _FEWEST_EPOCHS = 20, 6
_EXAMPLES_TO_SEE = 16_000
"""Small sets need more passes: seed variance falls several times (Mosbach et al. 2021, arXiv:2006.04884)."""

_FEW = 30
"""Messages a category below which a set is small: a faster rate, a larger part held back, and a refit."""


_MANY = 6_000
"""Messages from which R-Drop is on: its gain there is sure, and such a training takes minutes anyway."""

_RATE, _RATE_OF_FEW = 1e-4, 2e-4


@dataclass(frozen=True, slots=True)
class Adapted:
    """A configuration without open choices.

    Attributes:
        config: what was asked for, with `share` where the set is small.
        epochs: passes over the messages at most.
        learning_rate: peak for the encoder.
        refit: whether to train once more on all messages.
    """

    config: TrainingConfig
    epochs: int
    learning_rate: float
    refit: bool


def epochs_for(examples: int) -> int:
    """Passes over so many training messages, before early stopping."""
    return int(np.clip(round(_EXAMPLES_TO_SEE / max(examples, 1)), _FEWEST_EPOCHS, _MOST_EPOCHS))


def adapted(config: TrainingConfig, examples: int, categories: int) -> Adapted:
    """Fill in what the configuration leaves open.

    Args:
        config: as asked for.
        examples: messages in all.
        categories: that they belong to.
    """
    small = examples < _FEW * categories
    epochs = config.epochs or epochs_for(examples)
    rate = config.learning_rate or (_RATE_OF_FEW if small else _RATE)
    refit = small if config.refit is None else config.refit
    share = (
        max(config.validation_share, 0.2)
        if small and config.validation_share > 0
        else config.validation_share
    )
    # two passes that must agree help a little at twice the time: not where somebody waits for a first model
    r_drop = float(not small and examples >= _MANY) if config.r_drop is None else config.r_drop
    chosen = replace(
        config, epochs=epochs, learning_rate=rate, refit=refit, validation_share=share, r_drop=r_drop
    )
    return Adapted(chosen, epochs, rate, refit)


def rate_of(config: TrainingConfig) -> float:
    """The encoder's learning rate of an adapted configuration."""
    return config.learning_rate if config.learning_rate is not None else _RATE
