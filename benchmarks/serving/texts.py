"""The texts of the serving benchmark: drawn, counted in tokens, put together to long ones."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from benchmarks.turns import PADDED_TO
from classifier.data.dataset import Example
from classifier.text.normalize import model_text


def split(
    examples: Sequence[Example], train: Sequence[Example] | None, seed: int
) -> tuple[list[Example], list[Example]]:
    """(messages to answer, messages to fit simpler models to), each shuffled.

    Args:
        examples: labelled messages that the model has not seen.
        train: what to fit to; None: a third of `examples`, which are not answered then.
        seed: of the order.
    """
    draw = random.Random(seed)  # noqa: S311  # not a secret  # nosec B311
    shuffled = draw.sample(list(examples), len(examples))
    if train is not None:
        return shuffled, draw.sample(list(train), len(train))
    third = len(shuffled) // 3
    return shuffled[third:], shuffled[:third]


def token_lengths(model: Path, texts: Sequence[str]) -> list[int]:
    """Tokens of each text as the model directory's tokenizer cuts it, special ones included."""
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return [len(found.ids) for found in tokenizer.encode_batch([model_text(text).text for text in texts])]


def lengths_summary(lengths: Sequence[int]) -> dict[str, float]:
    """{"mean", "p50", "p95", "max"}."""
    ordered = sorted(lengths)
    last = len(ordered) - 1
    return {
        "mean": sum(ordered) / len(ordered),
        "p50": ordered[last // 2],
        "p95": ordered[round(last * 0.95)],
        "max": ordered[last],
    }


def long_texts(texts: Sequence[str], lengths: Sequence[int], count: int) -> list[str]:
    """Texts of about PADDED_TO tokens, each some messages put together; the last one is begun anew."""
    found: list[str] = []
    parts: list[str] = []
    tokens = 0
    at = 0
    while len(found) < count:
        parts.append(texts[at % len(texts)])
        tokens += max(1, lengths[at % len(texts)] - 2)  # without the special tokens at both ends
        at += 1
        if tokens >= PADDED_TO - 2:
            found.append(" ".join(parts))
            parts, tokens = [], 0
    return found
