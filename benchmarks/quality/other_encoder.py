"""An encoder of another kind to measure with: a small BERT with [CLS] pooling and its own word pieces.

Its weights are random: all it knows it learns in the fine-tune. So nothing that was tuned to the sentence
encoder of the product, which pools by the mean, is at home in it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from classifier.training.config import TrainingConfig

_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_PIECES = 6000
_LAYERS, _HIDDEN, _HEADS = 4, 256, 8


def write_encoder(folder: Path, texts: Sequence[str], *, seed: int = 0) -> Path:
    """Write the encoder, its pieces learned from the texts, and the declaration that it pools by [CLS]."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106  # nosec B106
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=_PIECES, special_tokens=_SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",  # noqa: S106  # nosec B106
        unk_token="[UNK]",  # noqa: S106  # nosec B106
        cls_token="[CLS]",  # noqa: S106  # nosec B106
        sep_token="[SEP]",  # noqa: S106  # nosec B106
        mask_token="[MASK]",  # noqa: S106  # nosec B106
    )
    config = BertConfig(
        vocab_size=len(fast),
        hidden_size=_HIDDEN,
        num_hidden_layers=_LAYERS,
        num_attention_heads=_HEADS,
        intermediate_size=4 * _HIDDEN,
        max_position_embeddings=256,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = BertModel(config)
    encoder.save_pretrained(folder)
    fast.save_pretrained(folder)
    (folder / "1_Pooling").mkdir()
    pooled = {f"pooling_mode_{how}": how == "cls_token" for how in ("cls_token", "mean_tokens")}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooled), encoding="utf-8")
    return folder


def recipe(base: Path, **changes: object) -> TrainingConfig:
    """A training for weights that begin from nothing: faster, longer, nothing of the base to keep."""
    return TrainingConfig(
        **{
            "base_model": str(base),
            "pooling": "auto",
            "epochs": 15,
            "learning_rate": 4e-4,
            "head_learning_rate": 1.0,
            "sharpness": 0.0,
            "preserve": 0.0,
            "probe_share": 0.0,
            "baselines": False,
            **changes,
        }  # type: ignore[arg-type]
    )
