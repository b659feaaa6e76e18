"""Answers as JSON: the one description of it, for the service, its client and the command line."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from classifier.contract import (
    RECALL_NEAR,
    RECALL_THRESHOLD,
    Decisive,
    Explanation,
    ModelInfo,
    Picture,
    Prediction,
    Word,
)


def prediction_fields(prediction: Prediction) -> dict[str, Any]:
    """What a person or a script reads of a prediction."""
    return {**_fields(prediction), "words": [asdict(word) for word in prediction.words]}


def _fields(prediction: Prediction) -> dict[str, Any]:
    """The same, nothing copied: words are still objects, which orjson reads as they are."""
    return {
        "category": prediction.category,
        "confidence": prediction.confidence,
        "alternatives": prediction.alternatives,
        "candidates": prediction.candidates,
        "out_of_scope": prediction.out_of_scope,
        "words": prediction.words,
        "model_version": prediction.model_version,
        "truncated": prediction.truncated,
    }


def explanation_fields(explanation: Explanation) -> dict[str, Any]:
    """What a person or a script reads of an explanation."""
    return {
        "prediction": prediction_fields(explanation.prediction),
        "method": explanation.method,
        "words": [asdict(word) for word in explanation.words],
        "removed": list(explanation.removed),
        "probability_without": explanation.probability_without,
        "category_without": explanation.category_without,
        "hidden_attention": explanation.hidden_attention,
        "decisive": asdict(explanation.decisive) if explanation.decisive else None,
        "tried": explanation.tried,
        "read": explanation.read,
        "cut_short": explanation.cut_short,
    }


def pack_prediction(
    prediction: Prediction, *, top: int | None = None, embedding: bool = True
) -> dict[str, Any]:
    """All of a prediction, for orjson; the embedding is base64 of little-endian float32.

    Args:
        prediction: to pack.
        top: that many alternatives at most; None: all.
        embedding: whether it has its embedding.
    """
    fields = _fields(prediction)
    if top is not None:
        fields["alternatives"] = prediction.alternatives[:top]
    fields["threshold"] = prediction.threshold
    fields["recall_threshold"] = prediction.recall_threshold
    fields["recall_near"] = prediction.recall_near
    fields["languages"] = prediction.languages
    if embedding:
        vector = np.asarray(prediction.embedding, dtype="<f4")
        fields["embedding"] = base64.b64encode(vector.tobytes()).decode("ascii")
    return fields


def unpack_prediction(fields: Mapping[str, Any]) -> Prediction:
    """The inverse of pack_prediction; raises KeyError, TypeError or ValueError for anything else."""
    embedding = np.frombuffer(base64.b64decode(fields["embedding"]), dtype="<f4").astype(np.float32)
    return Prediction(
        category=fields["category"],
        confidence=fields["confidence"],
        alternatives=tuple((category, share) for category, share in fields["alternatives"]),
        words=tuple(Word(**word) for word in fields["words"]),
        out_of_scope=fields["out_of_scope"],
        embedding=embedding,
        model_version=fields["model_version"],
        truncated=fields["truncated"],
        threshold=fields["threshold"],
        # an older service sends none of these
        candidates=tuple(fields.get("candidates", ())),
        recall_threshold=fields.get("recall_threshold", RECALL_THRESHOLD),
        recall_near=fields.get("recall_near", RECALL_NEAR),
        languages=tuple(fields.get("languages", ("en",))),
    )


def pack_explanation(explanation: Explanation) -> dict[str, Any]:
    """All of an explanation, for orjson."""
    return {**explanation_fields(explanation), "prediction": pack_prediction(explanation.prediction)}


def unpack_explanation(fields: Mapping[str, Any]) -> Explanation:
    """The inverse of pack_explanation."""
    return Explanation(
        prediction=unpack_prediction(fields["prediction"]),
        method=fields["method"],
        words=tuple(Word(**word) for word in fields["words"]),
        removed=tuple(fields["removed"]),
        probability_without=fields["probability_without"],
        category_without=fields["category_without"],
        hidden_attention=fields["hidden_attention"],
        # an older service sends none of these
        decisive=_unpack_decisive(fields.get("decisive")),
        tried=fields.get("tried", 0),
        read=fields.get("read", 0),
        cut_short=fields.get("cut_short", False),
    )


def _unpack_decisive(fields: Mapping[str, Any] | None) -> Decisive | None:
    if fields is None:
        return None
    return Decisive(**{**fields, "words": tuple(Word(**word) for word in fields["words"])})


def pack_picture(picture: Picture) -> dict[str, Any]:
    """A picture; the file is base64."""
    return {"png": base64.b64encode(picture.png).decode("ascii"), "description": picture.description}


def unpack_picture(fields: Mapping[str, Any]) -> Picture:
    """The inverse of pack_picture."""
    return Picture(base64.b64decode(fields["png"]), str(fields["description"]))


def pack_model(info: ModelInfo) -> dict[str, Any]:
    """All of a model's description."""
    return asdict(info)


def unpack_model(fields: Mapping[str, Any]) -> ModelInfo:
    """The inverse of pack_model."""
    return ModelInfo(**{**fields, "labels": tuple(fields["labels"])})
