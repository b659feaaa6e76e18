"""A predictor over a network in torch."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from classifier.inference.backends import Backend
from classifier.inference.backends.torch_backend import TorchBackend
from classifier.inference.predictor import Predictor
from classifier.model.neighbor_smoothing import Surroundings
from classifier.model.network import TrainedModel
from classifier.text.tokenize import TextEncoder


def around_of(model: TrainedModel) -> tuple[Surroundings, npt.NDArray[Any]] | None:
    """The messages around, with the head's weight; None in models that have none."""
    if model.surroundings is None:
        return None
    return model.surroundings, model.network.head_weight


class TorchPredictor(Predictor):
    """A trained model ready to answer, with its network at hand. For one thread at a time.

    Args:
        model: what answers.
        backend: runs the network; None: torch, on the device that the network is on.
        batch_tokens: padded tokens in one forward pass at most.
    """

    def __init__(
        self, model: TrainedModel, *, backend: Backend | None = None, batch_tokens: int = 4096
    ) -> None:
        pad_id = model.tokenizer.pad_token_id or 0
        super().__init__(
            model.facts,
            TextEncoder(model.raw_tokenizer(), model.facts.max_tokens, pad_id),
            backend or TorchBackend(model.network, pad_id),
            scope=model.scope,
            around=around_of(model),
            batch_tokens=batch_tokens,
        )
        self.model = model

    @property
    def shape(self) -> str:
        """What decides how long a message takes."""
        return self.model.shape
