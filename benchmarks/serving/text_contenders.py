"""The floor: TF-IDF and LogisticRegression, as a contender without torch."""

from __future__ import annotations

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks.turns import Contender, Spec


class TfIdf(Contender):
    """Words and pairs of words, weighed, and a linear model over them."""

    def __init__(self, spec: Spec) -> None:
        self._model = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10.0, max_iter=1000)
        )
        self._model.fit([text for text, _ in spec.labelled], [label for _, label in spec.labelled])

    def classify(self, texts: list[str]) -> list[str]:
        """Categories by the regression."""
        return [str(category) for category in self._model.predict(texts)]
