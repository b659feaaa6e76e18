"""Fits the two simpler models that every report shows beside ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression

from classifier.contract import OUT_OF_SCOPE_LABEL, InvalidInput
from classifier.data.dataset import Example
from classifier.model.baselines import TERMS, Baselines, vectorizer_of
from classifier.text.normalize import model_text
from classifier.training.linear_probe import fit_head, standardised

Array = npt.NDArray[Any]

_INVERSE_PENALTY = 10.0
"""Scikit-learn's C; 89.1% on a validation part of BANKING77's training file, 88.4% with 30."""


def fit_baselines(
    examples: Sequence[Example], embeddings: Array | torch.Tensor, *, penalty: float = 1e-3
) -> Baselines:
    """Fit both to the messages that the model is trained on; `oos` rows are left out.

    Args:
        examples: N messages; a message's weight counts as in training.
        embeddings: float32 [N, hidden], pooled vectors of the base encoder before any fine-tuning, in the
            examples' order.
        penalty: L2 penalty of the head on the frozen encoder, on standardised features.

    Raises:
        InvalidInput: fewer than two categories, or not as many vectors as examples.
    """
    vectors = torch.as_tensor(embeddings).float()
    if len(vectors) != len(examples):
        raise InvalidInput(f"{len(vectors)} vectors do not fit {len(examples)} examples: embed each one")
    kept = [number for number, example in enumerate(examples) if example.label != OUT_OF_SCOPE_LABEL]
    labels = tuple(sorted({examples[number].label for number in kept}))
    if len(labels) < 2:  # noqa: PLR2004 - a choice needs two
        raise InvalidInput("baselines need messages of at least two categories: add labels")
    index = {label: number for number, label in enumerate(labels)}
    targets = np.array([index[examples[number].label] for number in kept])
    weights = np.array([examples[number].weight for number in kept], dtype=np.float64)
    weights = weights / weights.mean()

    terms, idf, weight, bias = _fit_tfidf([examples[n].text for n in kept], targets, weights, len(labels))
    features, mean, scale = standardised(vectors[kept])
    matrix, shift = fit_head(
        features, torch.from_numpy(targets), torch.from_numpy(weights).float(), len(labels), penalty
    )
    return Baselines(
        labels=labels,
        terms=terms,
        idf=idf.astype(np.float32),
        # safetensors writes an array's memory as it lies, so rows must come first
        tfidf_weight=np.ascontiguousarray(weight, dtype=np.float16),
        tfidf_bias=bias.astype(np.float32),
        frozen_weight=(matrix / scale).contiguous().numpy(),
        frozen_bias=(shift - matrix @ (mean / scale)).numpy(),
    )


def _fit_tfidf(
    texts: Sequence[str], targets: Array, weights: Array, categories: int
) -> tuple[tuple[tuple[str, ...], ...], Array, Array, Array]:
    """(terms of each analyzer, idf [V], weight [C, V], bias [C])."""
    plain = [model_text(text).text for text in texts]
    parts, idf, names = [], [np.zeros(0)], []
    for analyzer, ngrams, most in TERMS:
        vectorizer = vectorizer_of(analyzer, ngrams, min_df=2, max_features=most)
        try:
            parts.append(vectorizer.fit_transform(plain))
        except ValueError:  # no term occurs twice: the other analyzer has to do
            names.append(())
            continue
        idf.append(vectorizer.idf_)
        names.append(tuple(vectorizer.get_feature_names_out().tolist()))
    features = hstack(parts, format="csr") if parts else csr_matrix((len(texts), 1), dtype=np.float32)
    fitted = LogisticRegression(C=_INVERSE_PENALTY, max_iter=100, tol=1e-3)
    fitted.fit(features, targets, sample_weight=weights)
    weight, bias = fitted.coef_, fitted.intercept_
    if categories == 2:  # noqa: PLR2004 - scikit-learn keeps one row for two categories
        weight, bias = np.concatenate([0 * weight, weight]), np.concatenate([0 * bias, bias])
    return tuple(names), np.concatenate(idf), weight[:, : sum(map(len, names))], bias
