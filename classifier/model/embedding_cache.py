"""Pooled vectors of training messages, kept between refits: a second new category is learned in a moment.

The file lies in the model home and holds no text: sha256 of each text, and its vector. What is not asked for
again is gone with the next save, so a deleted ticket leaves no trace for longer than until the next refit.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from classifier.model.integrity import sha256_of

Vectors = npt.NDArray[np.float32]

FOLDER = ".embeddings"
"""Below the model home; no version's name begins with a dot."""


def encoder_key(folder: Path) -> str:
    """Name what decides a model directory's vectors: encoder, tokenizer; the head does not."""
    parts = [sha256_of(folder / name) for name in ("model.safetensors", "tokenizer.json", "config.json")]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:24]


class EmbeddingCache:
    """Vectors of one encoder.

    Args:
        home: the model home.
        key: of the encoder, see `encoder_key`.
    """

    def __init__(self, home: Path, key: str) -> None:
        self._file = home / FOLDER / f"{key}.safetensors"
        self._known: dict[bytes, Vectors] = {}
        try:
            content = load_file(self._file)
            keys, vectors = content["keys"], content["vectors"]
            self._known = {row.tobytes(): vector for row, vector in zip(keys, vectors, strict=True)}
        except (OSError, KeyError, ValueError, SafetensorError):
            self._known = {}  # missing or cut short: everything is embedded anew

    def vectors(self, texts: Sequence[str], embed: Callable[[list[str]], npt.NDArray[Any]]) -> Vectors:
        """Return float32 [N, H] of the texts; `embed` is asked for those that are new."""
        hashes = [hashlib.sha256(text.encode()).digest() for text in texts]
        new = {key: text for key, text in zip(hashes, texts, strict=True) if key not in self._known}
        if new:
            found = np.asarray(embed(list(new.values())), np.float32)
            self._known.update(zip(new, found, strict=True))
        return np.stack([self._known[key] for key in hashes])

    def save(self, texts: Sequence[str]) -> None:
        """Keep the vectors of these texts and of no others, nor of other encoders."""
        hashes = dict.fromkeys(hashlib.sha256(text.encode()).digest() for text in texts)
        kept = [key for key in hashes if key in self._known]
        if not kept:
            self._file.unlink(missing_ok=True)
            return
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = self._file.with_name(f"{secrets.token_hex(4)}.partial")
        keys = np.frombuffer(b"".join(kept), np.uint8).reshape(len(kept), -1)
        save_file({"keys": keys, "vectors": np.stack([self._known[key] for key in kept])}, partial)
        partial.chmod(0o600)
        partial.replace(self._file)
        for other in self._file.parent.iterdir():
            if other != self._file:
                other.unlink(missing_ok=True)
