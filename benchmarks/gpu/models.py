"""Models for the GPU benchmark, made on the spot: real shapes, random weights, nothing to download.

The tokenizer knows words made of syllables. Texts are about one of the categories, whose own words they draw
from, and the head is fitted to them in closed form: a random encoder keeps apart what texts are about, so
that answers are as decided as a trained model's, and agreement between precisions means something.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from classifier.model.collate import collate
from classifier.model.metadata import ModelFacts, WordScorerFacts
from classifier.model.network import TextClassifier, TrainedModel, WordScorer
from classifier.text.tokenize import TextEncoder
from classifier.training.word_scorer import LAYERS, UNITS

CATEGORIES = 77
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_OWN_WORDS = 16
_SHARE_OF_OWN = 0.5
_SHARE_OF_TWO_PIECES = 0.2
_SHOWN_EACH = 24
_RIDGE = 1e-2
_SHARPNESS = 16.0
"""The head's targets are this and 0: fitted logits then give probabilities that are sure where it is."""


@dataclass(frozen=True, slots=True)
class Size:
    """An encoder's shape.

    Attributes:
        name: as people know it.
        layers: of the encoder.
        hidden: size of its states.
        heads: of attention in each layer.
        inner: size within a layer's feed-forward part.
        vocabulary: pieces of its tokenizer.
    """

    name: str
    layers: int
    hidden: int
    heads: int
    inner: int
    vocabulary: int = 30522


BERT_BASE = Size("BERT-base", 12, 768, 12, 3072)
MINILM = Size("MiniLM-L6", 6, 384, 12, 1536)
TINY = Size("tiny", 2, 128, 4, 256, 4000)


class Texts:
    """Draws texts of an exact number of tokens.

    Args:
        vocabulary: pieces in all.
        seed: of the draws.
    """

    def __init__(self, vocabulary: int, seed: int = 0) -> None:
        self._chance = np.random.default_rng(seed)
        spoken = _spoken()
        behind = [f"##{word}" for word, _ in zip(spoken, range(vocabulary // 20), strict=False)]
        words = [next(spoken) for _ in range(vocabulary - len(behind) - len(_SPECIAL))]
        self.pieces = [*_SPECIAL, *words, *behind]
        self._whole = np.array(words, dtype=object)
        self._doubled = np.array(
            [words[-1 - n] + piece[2:] for n, piece in enumerate(behind)], dtype=object
        )  # two pieces each: none of these is a piece itself

    def draw(self, count: int, tokens: int) -> tuple[list[str], list[int]]:
        """So many texts of so many tokens, two of them special; what each is about."""
        size = tokens - len(("[CLS]", "[SEP]"))
        topics = self._chance.integers(CATEGORIES, size=count)
        own = topics[:, None] * _OWN_WORDS + self._chance.integers(_OWN_WORDS, size=(count, size))
        other = self._chance.integers(CATEGORIES * _OWN_WORDS, len(self._whole), size=(count, size))
        words = self._whole[np.where(self._chance.random((count, size)) < _SHARE_OF_OWN, own, other)]
        doubled = self._doubled[self._chance.integers(len(self._doubled), size=(count, size))]
        pairs = int(size * _SHARE_OF_TWO_PIECES / 2)
        # a word of two pieces takes the place of two words
        texts = [
            " ".join([*row[: size - 2 * pairs], *more[:pairs]])
            for row, more in zip(words, doubled, strict=True)
        ]
        return texts, topics.tolist()

    def tokenizer(self, longest: int) -> PreTrainedTokenizerFast:
        """A WordPiece tokenizer that knows the pieces."""
        numbers = {piece: number for number, piece in enumerate(self.pieces)}
        raw = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))  # noqa: S106  # no secret  # nosec B106
        raw.normalizer = normalizers.BertNormalizer(lowercase=True)
        raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        raw.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[(piece, numbers[piece]) for piece in ("[CLS]", "[SEP]")]
        )
        names = dict(zip(("pad", "unk", "cls", "sep", "mask"), _SPECIAL, strict=True))
        return PreTrainedTokenizerFast(
            tokenizer_object=raw,
            model_max_length=longest,
            **{f"{name}_token": piece for name, piece in names.items()},
        )


def random_model(size: Size, texts: Texts, lengths: tuple[int, ...], device: torch.device) -> TrainedModel:
    """A model of this size that tells what texts of these lengths are about, in float32."""
    torch.manual_seed(0)
    encoder = BertModel(bert_config(size, max(512, *lengths)), add_pooling_layer=False)
    network = TextClassifier(encoder, CATEGORIES).to(device).eval().requires_grad_(False)
    tokenizer = texts.tokenizer(encoder.config.max_position_embeddings)
    layers = min(LAYERS, size.layers)
    facts = ModelFacts(
        version="random",
        kind="fine_tune",
        labels=tuple(f"category-{number}" for number in range(CATEGORIES)),
        base_model=size.name,
        base_sha256="",
        max_tokens=encoder.config.max_position_embeddings,
        created="",
        word_scorer=WordScorerFacts(layers, UNITS, 0.0, 0.0, 0),
    )
    model = TrainedModel(network, tokenizer, facts)
    _fit(model, texts, lengths, layers)
    return model


def bert_config(size: Size, positions: int) -> BertConfig:
    """The encoder's configuration."""
    return BertConfig(
        vocab_size=size.vocabulary,
        hidden_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=size.inner,
        max_position_embeddings=positions,
        pad_token_id=0,
    )


def _fit(model: TrainedModel, texts: Texts, lengths: tuple[int, ...], layers: int) -> None:
    """The head by ridge regression, and a random word scorer over standardised features."""
    network, device = model.network, model.network.head.weight.device
    encoder = TextEncoder(model.raw_tokenizer(), model.facts.max_tokens, 0)
    pooled, targets, features = [], [], []
    for length in lengths:
        shown, topics = texts.draw(_SHOWN_EACH * CATEGORIES, length)
        targets += topics
        for at in range(0, len(shown), 256):
            ids, mask = collate(encoder.encode(shown[at : at + 256]), 0, device)
            pooled.append(network(ids, mask).pooled)
            if at == 0:
                features.append(network.word_features(ids, mask, layers).flatten(0, 1))
    seen = torch.cat(pooled).double()
    middle, spread = seen.mean(dim=0), seen.std(dim=0) + 1e-9
    standard = (seen - middle) / spread
    wanted = _SHARPNESS * torch.nn.functional.one_hot(torch.tensor(targets), CATEGORIES).double().to(device)
    level = wanted.mean(dim=0)
    gram = standard.T @ standard + _RIDGE * len(standard) * torch.eye(standard.shape[1], device=device)
    weight = torch.linalg.solve(gram, standard.T @ (wanted - level)).T / spread
    network.head.weight.copy_(weight)
    network.head.bias.copy_(level - weight @ middle)
    told = torch.cat(features)
    scorer = WordScorer(layers * network.heads, network.head.in_features, layers, UNITS).to(device)
    scorer.standardise(told.mean(dim=0), told.std(dim=0) + 1e-6)
    network.scorer = scorer.eval().requires_grad_(False)


def _spoken() -> Iterator[str]:
    """Words of three syllables, each a consonant and a vowel, without end for our purposes (343,000)."""
    syllables = [consonant + vowel for consonant, vowel in product("bdfgklmnprstvz", "aeiou")]
    return ("".join(word) for word in product(syllables, repeat=3))
