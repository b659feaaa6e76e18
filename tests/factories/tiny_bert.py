"""A real BERT of two layers with a real WordPiece tokenizer, made in a moment, and messages it can learn."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from classifier.data.dataset import Example
from classifier.model.integrity import MANIFEST, sha256_of
from classifier.model.network import TextClassifier, TrainedModel, WordScorer
from classifier.training.fit import TrainingConfig, fit

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

TOPICS = {
    "billing": ("invoice", "refund", "charged", "payment", "receipt"),
    "login": ("password", "login", "account", "locked", "code"),
    "network": ("vpn", "wifi", "connection", "network", "proxy"),
}
CHATTER = ("thanks", "hello", "lunch", "friday", "coffee")
FILLERS = ("my", "the", "is", "please", "help", "again", "it", "not", "working", "with", "since", "today")
PIECES = ("##s", "##ing", "##ed", *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz0123456789"))


def tiny_bert(path: Path, *, positions: int = 64) -> Path:
    """Write an encoder (2 layers, hidden 32) with its tokenizer as a Hugging Face directory."""
    words = [word for topic in TOPICS.values() for word in topic] + [*CHATTER, *FILLERS]
    letters = [*"abcdefghijklmnopqrstuvwxyz0123456789", *"@#.,!?'-&<>:"]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, *letters, *PIECES]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=positions,
        pad_token_id=0,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(path)
    fast.save_pretrained(path)
    return path


def messages(each: int = 20, *, out_of_scope: int = 0, seed: int = 0) -> list[Example]:
    """Messages about the topics, each with a topic's word among fillers."""
    draw = random.Random(seed)  # noqa: S311 - test data
    made = []
    for label, words in (*TOPICS.items(), ("oos", CHATTER)):
        for number in range(out_of_scope if label == "oos" else each):
            chosen = [*draw.sample(FILLERS, draw.randint(1, 5)), words[number % len(words)]]
            draw.shuffle(chosen)
            made.append(Example(" ".join(chosen), label))
    return made


def write_messages(path: Path, examples: Iterable[Example]) -> Path:
    """Write a CSV file with the columns text and label."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *((e.text, e.label) for e in examples)])
    return path


def config_for(base: Path, **changes: object) -> TrainingConfig:
    """A configuration with which the tiny encoder learns in about a second."""
    return TrainingConfig(
        **{
            "base_model": str(base),
            "epochs": 12,
            "learning_rate": 5e-3,
            "max_tokens": 32,
            "device": "cpu",
            "soup": 1,
            "sharpness": 0.0,
            "word_scorer": 0,
            "threads": 1,  # more only wait for each other over such small matrices
            **changes,
        }
    )


def tiny_model(base: Path, *, seed: int = 0, **changes: object) -> TrainedModel:
    """A model that tells the topics apart."""
    examples = messages(20, out_of_scope=20)
    return fit(examples, config_for(base, seed=seed, **changes), created=NOW).model


def seal(path: Path) -> None:
    """Write a manifest that lists every file as it is now, as somebody would who wants it read."""
    files = sorted(file for file in path.iterdir() if file.name != MANIFEST)
    (path / MANIFEST).write_text("".join(f"{sha256_of(file)}  {file.name}\n" for file in files))


def add_word_scorer(network: TextClassifier, *, layers: int) -> None:
    """Give a network a word scorer with random weights over its last layers."""
    torch.manual_seed(3)
    scorer = WordScorer(layers * network.heads, network.head.in_features, layers, 16)
    network.scorer = scorer.requires_grad_(False).eval()
