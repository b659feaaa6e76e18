"""Whether a model keeps its answers in int8: measured at the end of its training, see race."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from classifier.backends.bert_graph import Precision, Source
from classifier.backends.onnx_backend import OnnxGraph
from classifier.batching import Encoded, batches_by_budget
from classifier.model import TrainedModel

_BATCH_TOKENS = 1024


def int8_agreement(model: TrainedModel, encoded: Sequence[Encoded]) -> float | None:
    """Share of texts whose category is the same in int8 as in float32.

    Args:
        model: the trained one.
        encoded: texts that it was not trained on, best; at least one.

    Returns:
        None where its encoder is of a family that int8 is not known for, or there is no text.
    """
    source = source_of(model)
    if not encoded or not source.known:
        return None
    pad_id = model.tokenizer.pad_token_id or 0
    fp32, int8 = (_categories(source, precision, pad_id, encoded) for precision in _PRECISIONS)
    return float((fp32 == int8).mean())


_PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")


def source_of(model: TrainedModel) -> Source:
    """The same as `bert_graph.read_source` gives of the saved model."""
    network = model.network
    scorer = model.facts.word_scorer
    return Source(
        config=network.encoder.config.to_dict(),
        weights=_arrays(network.encoder),
        head=_arrays(network.head),
        scorer=_arrays(network.scorer) if network.scorer is not None else None,
        scorer_layers=scorer.layers if scorer else 1,
        pooling=network.pooling,
    )


def _arrays(module: torch.nn.Module) -> dict[str, Any]:
    return {name: value.detach().cpu().float().numpy() for name, value in module.state_dict().items()}


def _categories(source: Source, precision: Precision, pad_id: int, encoded: Sequence[Encoded]) -> Any:
    backend = OnnxGraph(source, precision, pad_id, words=False).open()
    found = np.zeros(len(encoded), np.int64)
    for batch in batches_by_budget([len(text.ids) for text in encoded], _BATCH_TOKENS):
        found[batch] = backend.forward([encoded[number] for number in batch]).logits.argmax(axis=1)
    return found
