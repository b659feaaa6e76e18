"""Makes a trained model ready for int8, and measures whether it keeps its answers then; see race."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from classifier.inference.backends.bert_graph import Precision
from classifier.inference.backends.onnx_backend import OnnxGraph, measure_ranges
from classifier.inference.backends.source import Source
from classifier.model.network import TrainedModel
from classifier.text.tokenize import Encoded, batches_by_budget

_BATCH_TOKENS = 1024


def prepare_int8(model: TrainedModel, seen: Sequence[Encoded], unseen: Sequence[Encoded]) -> None:
    """Measure the ranges that int8 needs, and whether it keeps the answers.

    Args:
        model: a trained one; its ranges and its facts are set. They stay None where its encoder is of a
            family that int8 is not known for, or there is no text.
        seen: texts to take the ranges from.
        unseen: other texts, to compare the answers on.
    """
    source = source_of(model)
    if not seen or not unseen or not source.known:
        return
    model.ranges = measure_ranges(source, seen, model.tokenizer.pad_token_id or 0)
    measure_agreement(model, unseen)


def measure_agreement(model: TrainedModel, unseen: Sequence[Encoded]) -> None:
    """Measure whether int8 keeps the answers of a model that has its ranges; its facts are set."""
    source, pad_id = source_of(model), model.tokenizer.pad_token_id or 0
    fp32, int8 = (_categories(source, precision, pad_id, unseen) for precision in _PRECISIONS)
    model.facts = replace(model.facts, int8_agreement=float((fp32 == int8).mean()))


_PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")


def source_of(model: TrainedModel) -> Source:
    """The same as `read_source` gives of the saved model."""
    network = model.network
    scorer = model.facts.word_scorer
    return Source(
        config=network.encoder.config.to_dict(),
        weights=_arrays(network.encoder),
        head=_arrays(network.head),
        scorer=_arrays(network.scorer) if network.scorer is not None else None,
        scorer_layers=scorer.layers if scorer else 1,
        pooling=network.pooling,
        ranges=model.ranges,
        scope=model.scope,
    )


def _arrays(module: torch.nn.Module) -> dict[str, Any]:
    return {name: value.detach().cpu().float().numpy() for name, value in module.state_dict().items()}


def _categories(source: Source, precision: Precision, pad_id: int, encoded: Sequence[Encoded]) -> Any:
    backend = OnnxGraph(source, precision, pad_id, words=False).open()
    found = np.zeros(len(encoded), np.int64)
    for batch in batches_by_budget([len(text.ids) for text in encoded], _BATCH_TOKENS):
        found[batch] = backend.forward([encoded[number] for number in batch]).logits.argmax(axis=1)
    return found
