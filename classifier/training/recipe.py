"""The default recipe: what it chooses by the number of messages, from one a category to thousands."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from classifier.training.config import TrainingConfig

_FEWEST_EPOCHS, _MOST_EPOCHS = 5, 30
_EPOCHS_OF_A_THOUSAND, _FALL = 7.0, 0.4
"""Small sets need more passes, though fewer steps: epochs fall with this power of the number of messages."""

_FEW = 30
"""Messages a category below which a set is small: a faster rate, several seeds, and a refit."""

_RATE, _RATE_OF_FEW = 1e-4, 2e-4
_SHARE_WITH_REFIT = 0.2
_SOUP_OF_FEW = 3


@dataclass(frozen=True, slots=True)
class Recipe(TrainingConfig):
    """A configuration that leaves nothing open."""

    epochs: int = _FEWEST_EPOCHS
    learning_rate: float = _RATE
    soup: int = 1
    refit: bool = False


def epochs_for(examples: int) -> int:
    """Passes over so many training messages, before early stopping."""
    passes = _EPOCHS_OF_A_THOUSAND * (1000 / max(examples, 1)) ** _FALL
    return int(np.clip(round(passes), _FEWEST_EPOCHS, _MOST_EPOCHS))


def adapted(config: TrainingConfig, examples: int, categories: int) -> Recipe:
    """Fill in what the configuration leaves open.

    Args:
        config: as asked for.
        examples: messages in all.
        categories: that they belong to.
    """
    small = examples < _FEW * categories
    chosen = asdict(config)
    chosen["epochs"] = config.epochs or epochs_for(examples)
    chosen["learning_rate"] = config.learning_rate or (_RATE_OF_FEW if small else _RATE)
    chosen["soup"] = config.soup or (_SOUP_OF_FEW if small else 1)
    if config.refit is None:
        chosen["refit"] = small
    if chosen["refit"] and config.validation_share > 0:
        chosen["validation_share"] = max(config.validation_share, _SHARE_WITH_REFIT)
    return Recipe(**chosen)


def rate_factor(step: int, total: int, warmup: float) -> float:
    """Share of the peak rate at a step: a linear rise over the first steps, then a linear fall to zero.

    Args:
        step: counted from 0.
        total: steps in all.
        warmup: share of them in which the rate rises.
    """
    rise = max(1, round(warmup * total))
    return (step + 1) / rise if step < rise else max(0.0, (total - step) / max(1, total - rise))
