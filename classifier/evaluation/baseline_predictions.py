"""What the baselines of a model directory say to the messages of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from classifier.contract import BaseModelUnavailable
from classifier.model.base_models import load_encoder, resolve_base_model, weights_sha256
from classifier.model.baselines import Baselines
from classifier.model.embed import embed
from classifier.model.hardware import choose_device
from classifier.model.metadata import ModelFacts
from classifier.model.network import TextClassifier, raw_tokenizer
from classifier.text.tokenize import TextEncoder

Array = npt.NDArray[Any]

KEYS = ("tfidf", "frozen_encoder")
_NAMES = {
    "tfidf": "TF-IDF + logistic regression",
    "frozen_encoder": "frozen encoder + logistic regression",
}
_NOT_KEPT = "not kept in this directory"


@dataclass(frozen=True, slots=True)
class BaselineAnswers:
    """What a baseline said to N messages.

    Attributes:
        key: tfidf or frozen_encoder.
        name: for people.
        labels: its C category slugs.
        probabilities: float64 [N, C], not calibrated; None where it could not answer.
        note: why it could not; else empty.
    """

    key: str
    name: str
    labels: tuple[str, ...] = ()
    probabilities: Array | None = None
    note: str = ""


def answer_baselines(
    kept: Baselines | None, facts: ModelFacts, texts: Sequence[str], *, device: str = "cpu"
) -> tuple[BaselineAnswers, ...]:
    """Let both baselines answer; one that cannot says so in its note.

    Args:
        kept: what the model directory holds.
        facts: of the model beside which they stand: they name the base encoder.
        texts: N messages as they were written.
        device: for the frozen encoder.
    """
    tfidf, frozen = (BaselineAnswers(key, _NAMES[key], note=_NOT_KEPT) for key in KEYS)
    if kept is None:
        return tfidf, frozen
    tfidf = BaselineAnswers("tfidf", _NAMES["tfidf"], kept.labels, kept.predict_tfidf(texts))
    try:
        vectors = embed_frozen(facts, texts, device=device)
    except BaseModelUnavailable as error:
        return tfidf, BaselineAnswers(frozen.key, frozen.name, note=" ".join(str(error).split()))
    if vectors.shape[1] != kept.frozen_weight.shape[1]:
        return tfidf, BaselineAnswers(frozen.key, frozen.name, note="the base encoder has another width now")
    answers = kept.predict_frozen(vectors)
    return tfidf, BaselineAnswers(frozen.key, frozen.name, kept.labels, answers)


def embed_frozen(facts: ModelFacts, texts: Sequence[str], *, device: str = "cpu") -> Array:
    """Pooled vectors of a model's base encoder as it was before training, float32 [N, hidden].

    Raises:
        BaseModelUnavailable: the encoder cannot be read, or is no longer the one the model began from.
    """
    path = resolve_base_model(facts.base_model)
    if weights_sha256(path) != facts.base_sha256:
        raise BaseModelUnavailable(
            f"the base model {facts.base_model} is not the one that this model began from: restore it"
        )
    encoder, tokenizer = load_encoder(path)
    place = choose_device(device)
    network = TextClassifier(encoder, 1, pooling=facts.pooling).to(place).eval()
    encode = TextEncoder(raw_tokenizer(tokenizer), facts.max_tokens, tokenizer.pad_token_id or 0)
    vectors: Array = embed(network, encode, texts, place, lambda _: None).numpy()
    return vectors
