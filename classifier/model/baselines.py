"""Two simpler models that every report shows beside ours, kept in the model directory, without a pickle.

baselines.json         categories, and the terms of the TF-IDF features
baselines.safetensors  tfidf.idf [V], .weight [C, V], .bias [C]; frozen.weight [C, hidden], .bias [C]

The terms are words, pairs of words and parts of words of the training messages that occur in at least two of
them: whoever may read a model directory may read those.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy.sparse import hstack
from scipy.special import softmax
from sklearn.feature_extraction.text import TfidfVectorizer

from classifier.contract import BrokenModel
from classifier.text.normalize import model_text

Array = npt.NDArray[Any]
_Analyzer = Literal["word", "char_wb"]

_JSON, _TENSORS = "baselines.json", "baselines.safetensors"
_FORMAT = 1
TERMS: tuple[tuple[_Analyzer, tuple[int, int], int], ...] = (
    ("word", (1, 2), 8_000),
    ("char_wb", (3, 5), 12_000),
)
"""(analyzer, n-grams, most terms): 20,000 terms in all, 3 MB for 77 categories in float16."""


@dataclass(frozen=True, slots=True)
class Baselines:
    """TF-IDF with logistic regression, and logistic regression on the frozen encoder's vectors.

    Attributes:
        labels: C category slugs, in the order of the rows.
        terms: of each analyzer (word, char_wb), in the order of their columns; V in all.
        idf: float32 [V].
        tfidf_weight: float16 [C, V].
        tfidf_bias: float32 [C].
        frozen_weight: float32 [C, hidden], for pooled vectors as they are.
        frozen_bias: float32 [C].
    """

    labels: tuple[str, ...]
    terms: tuple[tuple[str, ...], ...]
    idf: Array
    tfidf_weight: Array
    tfidf_bias: Array
    frozen_weight: Array
    frozen_bias: Array

    def save(self, folder: Path) -> None:
        """Write two files into a model directory."""
        content = {"format": _FORMAT, "labels": self.labels, "terms": self.terms}
        (folder / _JSON).write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
        save_file(
            {
                "tfidf.idf": self.idf,
                "tfidf.weight": self.tfidf_weight,
                "tfidf.bias": self.tfidf_bias,
                "frozen.weight": self.frozen_weight,
                "frozen.bias": self.frozen_bias,
            },
            folder / _TENSORS,
        )

    def predict_tfidf(self, texts: Sequence[str]) -> Array:
        """Probabilities, float64 [N, C]."""
        plain = [model_text(text).text for text in texts]
        parts, begin = [], 0
        for (analyzer, ngrams, _), terms in zip(TERMS, self.terms, strict=True):
            if terms:
                vectorizer = vectorizer_of(analyzer, ngrams, vocabulary=list(terms))
                vectorizer.idf_ = self.idf[begin : begin + len(terms)]
                parts.append(vectorizer.transform(plain))
            begin += len(terms)
        scores = np.tile(self.tfidf_bias.astype(np.float64), (len(texts), 1))
        if parts:
            scores += hstack(parts, format="csr") @ self.tfidf_weight.astype(np.float32).T
        return _softmax(scores)

    def predict_frozen(self, vectors: Array) -> Array:
        """Probabilities, float64 [N, C].

        Args:
            vectors: [N, hidden] from the frozen base encoder, see baseline_answers.embed_frozen.
        """
        return _softmax(vectors @ self.frozen_weight.T + self.frozen_bias)


def load_baselines(folder: Path) -> Baselines | None:
    """Read the baselines of a model directory; None where it keeps none.

    Raises:
        BrokenModel: their files cannot be read, or do not fit each other.
    """
    if not (folder / _JSON).is_file():
        return None
    try:
        content = json.loads((folder / _JSON).read_text(encoding="utf-8"))
        tensors = load_file(folder / _TENSORS)
        kept = Baselines(
            labels=tuple(content["labels"]),
            terms=tuple(tuple(terms) for terms in content["terms"]),
            idf=tensors["tfidf.idf"],
            tfidf_weight=tensors["tfidf.weight"],
            tfidf_bias=tensors["tfidf.bias"],
            frozen_weight=tensors["frozen.weight"],
            frozen_bias=tensors["frozen.bias"],
        )
        known = content["format"] == _FORMAT and len(kept.terms) == len(TERMS)
        columns = sum(len(terms) for terms in kept.terms)
    except (OSError, ValueError, LookupError, TypeError, SafetensorError) as error:
        raise BrokenModel(f"{folder}/{_JSON} cannot be read: train the model again") from error
    rows = len(kept.labels)
    if not known or kept.tfidf_weight.shape != (rows, columns) or len(kept.frozen_weight) != rows:
        raise BrokenModel(f"{folder}/{_JSON} does not fit {_TENSORS}: train the model again")
    return kept


def vectorizer_of(analyzer: _Analyzer, ngrams: tuple[int, int], **options: Any) -> Any:
    """Scikit-learn's vectorizer of one analyzer; `options` go on to it."""
    return TfidfVectorizer(
        analyzer=analyzer, ngram_range=ngrams, sublinear_tf=True, dtype=np.float32, **options
    )


def _softmax(scores: Array) -> Array:
    result: Array = softmax(scores.astype(np.float64), axis=1)
    return result
