"""Model directories of another shape with random weights: their speed is that of a trained one.

An encoder of BERT-base's shape (12 layers, hidden 768, 12 heads, 3072 within) with the tokenizer, the
categories and a word scorer as the given model has them. What it answers means nothing.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import BertConfig, BertModel

from classifier.contract import InvalidInput
from classifier.facts import OutOfScope
from classifier.model import TextClassifier, TrainedModel, WordScorer
from classifier.model_directory import load_model_directory, save_model_directory, state_digest

SHAPES = {
    "bert-base": {
        "num_hidden_layers": 12,
        "hidden_size": 768,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "max_position_embeddings": 512,
    }
}
"""Arguments of BertConfig."""


def write_shape(model: Path, shape: str, folder: Path, *, seed: int = 0) -> Path:
    """Write a model directory of a shape.

    Args:
        model: a model directory whose tokenizer, categories and settings it gets.
        shape: a key of SHAPES.
        folder: the directory to make.
        seed: of the weights.

    Raises:
        BrokenModel: `model` cannot be loaded.
        InvalidInput: there is no such shape, `folder` exists, or cannot be written.
    """
    if shape not in SHAPES:
        raise InvalidInput(f"no shape {shape!r}: there is {', '.join(SHAPES)}")
    given = load_model_directory(model)
    sizes = SHAPES[shape]
    rest: dict[str, Any] = {**sizes, "pad_token_id": given.tokenizer.pad_token_id or 0}
    config = BertConfig(vocab_size=len(given.tokenizer), **rest)
    scorer = given.facts.word_scorer
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = BertModel(config, add_pooling_layer=False)
        network = TextClassifier(encoder, len(given.facts.labels), pooling=given.facts.pooling)
        if scorer is not None:
            received = scorer.layers * sizes["num_attention_heads"]
            network.scorer = WordScorer(received, sizes["hidden_size"], scorer.layers, scorer.units)
    digest = state_digest(network)
    facts = replace(
        given.facts,
        version=f"{given.facts.version.rpartition('-')[0]}-{digest[:6]}",
        base_model=f"{shape}, random weights",
        base_sha256=digest,
        out_of_scope=OutOfScope(),
        metrics={},
    )
    save_model_directory(TrainedModel(network.eval(), given.tokenizer, facts), folder)
    return folder
