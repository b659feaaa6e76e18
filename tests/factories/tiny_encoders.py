"""Small random encoders of many families with real tokenizers of their kinds, as Hugging Face directories.

Each has the family's own configuration, weights in safetensors and a tokenizer.json whose pieces
(WordPiece, byte-level BPE, unigram) were learned from a few sentences.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AlbertConfig,
    AutoModel,
    DebertaV2Config,
    DistilBertConfig,
    EuroBertConfig,
    ModernBertConfig,
    MPNetConfig,
    PretrainedConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
    XLMRobertaConfig,
)

from tests.factories.tiny_bert import messages, tiny_bert

SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
SENTENCES = [
    *(example.text for example in messages(20, out_of_scope=20)),
    "My VPN isn't working since today!",
    "Zażółć gęślą jaźń: the invoice #42 was charged twice, 50 € too much.",
    "login-code please?",
]


def bert(path: Path) -> Path:
    """WordPiece, absolute positions, token types."""
    return tiny_bert(path)


def bge(path: Path) -> Path:
    """A BERT whose sentence-transformers files declare pooling by [CLS], as bge's do."""
    return declare_pooling(
        tiny_bert(path), {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    )


def distilbert(path: Path) -> Path:
    """No token types, no numbers on its attention modules, names of its own in its configuration."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tiny_bert(path / "bert"))
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    config = DistilBertConfig(
        vocab_size=len(tokenizer), dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=64
    )
    return _save(path, config, tokenizer)


def roberta(path: Path) -> Path:
    """Byte-level BPE, padding is 1, positions begin at 2."""
    tokenizer = _byte_level(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False
    )
    config = RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=66, type_vocab_size=1, **SIZES
    )
    return _save(path, config, _fast(tokenizer, "<s>", "</s>", "<pad>", "<unk>", "<mask>"))


def modernbert(path: Path, *, layers: int = 4) -> Path:
    """Byte-level BPE whose offsets include the space before a word; local and global layers."""
    tokenizer = _byte_level(["[UNK]", "[CLS]", "[SEP]", "[MASK]", "[PAD]"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    config = ModernBertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        max_position_embeddings=64,
        local_attention=4,
        global_attn_every_n_layers=3,
        pad_token_id=4,
        bos_token_id=1,
        cls_token_id=1,
        eos_token_id=2,
        sep_token_id=2,
        **{**SIZES, "num_hidden_layers": layers},
    )
    return _save(path, config, _fast(tokenizer, "[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]"))


def modernbert_local(path: Path) -> Path:
    """A ModernBERT whose last layer is a local one."""
    return modernbert(path, layers=3)


def xlm_roberta(path: Path) -> Path:
    """SentencePiece unigram, padding is 1, positions begin at 2."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=200, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    config = XLMRobertaConfig(
        vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=66, type_vocab_size=1, **SIZES
    )
    return _save(path, config, _fast(tokenizer, "<s>", "</s>", "<pad>", "<unk>", "<mask>"))


def mpnet(path: Path) -> Path:
    """WordPiece, padding is 1, positions begin at 2, an attention of its own with relative positions."""
    special = ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), trim_offsets=False, add_prefix_space=False
    )
    config = MPNetConfig(vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=66, **SIZES)
    return _save(path, config, _fast(tokenizer, "<s>", "</s>", "<pad>", "[UNK]", "<mask>"))


def albert(path: Path) -> Path:
    """The same weights in every layer."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tiny_bert(path / "bert"))
    config = AlbertConfig(
        vocab_size=len(tokenizer), embedding_size=16, max_position_embeddings=64, pad_token_id=0, **SIZES
    )
    return _save(path, config, tokenizer)


def deberta(path: Path) -> Path:
    """Disentangled attention of its own."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tiny_bert(path / "bert"))
    config = DebertaV2Config(
        vocab_size=len(tokenizer),
        max_position_embeddings=64,
        relative_attention=True,
        pos_att_type=["p2c", "c2p"],
        position_biased_input=False,
        **SIZES,
    )
    return _save(path, config, tokenizer)


def eurobert(path: Path) -> Path:
    """A Llama's layers without the causal mask; several query heads share a key head."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tiny_bert(path / "bert"))
    config = EuroBertConfig(
        vocab_size=len(tokenizer), max_position_embeddings=64, num_key_value_heads=2, pad_token_id=0, **SIZES
    )
    return _save(path, config, tokenizer)


FAMILIES: dict[str, Callable[[Path], Path]] = {
    family.__name__: family
    for family in (
        bert,
        bge,
        distilbert,
        roberta,
        xlm_roberta,
        modernbert,
        modernbert_local,
        mpnet,
        albert,
        deberta,
        eurobert,
    )
}


def declare_pooling(path: Path, config: dict[str, Any], folder: str = "1_Pooling") -> Path:
    """Add the files with which sentence-transformers declares a pooling."""
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": folder, "type": "sentence_transformers.models.Pooling"},
    ]
    (path / "modules.json").write_text(json.dumps(modules))
    (path / folder).mkdir()
    (path / folder / "config.json").write_text(json.dumps(config))
    return path


def _byte_level(special: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


def _fast(
    tokenizer: Tokenizer, cls: str, sep: str, pad: str, unknown: str, mask: str
) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        cls_token=cls,
        sep_token=sep,
        pad_token=pad,
        unk_token=unknown,
        mask_token=mask,
    )


def _save(path: Path, config: PretrainedConfig, tokenizer: PreTrainedTokenizerFast) -> Path:
    torch.manual_seed(0)
    AutoModel.from_config(config).float().save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path
