"""Model directories of another shape with random weights: their speed is that of a trained one.

An encoder of BERT-base's shape (12 layers, hidden 768, 12 heads, 3072 within) with the tokenizer, the
categories and a word scorer as the given model has them. What it answers means nothing.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from transformers import BertModel

from benchmarks.gpu.models import BERT_BASE, bert_config
from classifier.calibration.scores import OutOfScope
from classifier.contract import InvalidInput
from classifier.data.dataset import starter_pack
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.directory import load_model_directory, save_model_directory, state_digest
from classifier.model.network import TextClassifier, TrainedModel, WordScorer
from classifier.training.int8_training import prepare_int8

SHAPES = {"bert-base": BERT_BASE}
_POSITIONS = 512
_SHOWN = 32
"""Every so many-th message of the starter pack shows the ranges that int8 needs."""


def write_shape(model: Path, shape: str, folder: Path) -> Path:
    """Write a model directory of a shape.

    Args:
        model: a model directory whose tokenizer, categories and settings it gets.
        shape: a key of SHAPES.
        folder: the directory to make.

    Raises:
        BrokenModel: `model` cannot be loaded.
        InvalidInput: there is no such shape, `folder` exists, or cannot be written.
    """
    if shape not in SHAPES:
        raise InvalidInput(f"no shape {shape!r}: there is {', '.join(SHAPES)}")
    given = load_model_directory(model)
    config = bert_config(replace(SHAPES[shape], vocabulary=len(given.tokenizer)), _POSITIONS)
    config.pad_token_id = given.tokenizer.pad_token_id or 0
    scorer = given.facts.word_scorer
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = BertModel(config, add_pooling_layer=False)
        network = TextClassifier(encoder, len(given.facts.labels), pooling=given.facts.pooling)
        if scorer is not None:
            received = scorer.layers * config.num_attention_heads
            network.scorer = WordScorer(received, config.hidden_size, scorer.layers, scorer.units)
    digest = state_digest(network)
    facts = replace(
        given.facts,
        version=f"{given.facts.version.rpartition('-')[0]}-{digest[:6]}",
        base_model=f"{shape}, random weights",
        base_sha256=digest,
        out_of_scope=OutOfScope(),
        metrics={},
    )
    drawn = TrainedModel(network.eval(), given.tokenizer, facts)
    shown = TorchPredictor(drawn).encode([example.text for example in starter_pack().train[::_SHOWN]])
    prepare_int8(drawn, shown, shown)
    # random weights have no answers to keep: their speed is measured, and int8 is how a trained one runs
    drawn.facts = replace(drawn.facts, int8_agreement=1.0)
    save_model_directory(drawn, folder)
    return folder
