"""Bodies of the service's requests, which are checked, and of its answers, which are documented by these."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from classifier.contract import ExplanationMethod

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_TEXTS = 1024
MAX_CHARACTERS = 100_000
"""Of one text; Slack's longest message has 40,000."""

_VERSION = "20261121T101500Z-ab12cd"
_WORD = {"text": "vpn", "start": 3, "end": 6, "score": 0.61}
_PREDICTION = {
    "category": "network",
    "confidence": 0.93,
    "alternatives": [["network", 0.93], ["login", 0.04], ["hardware", 0.03]],
    "candidates": ["network"],
    "out_of_scope": 0.02,
    "words": [_WORD],
    "model_version": _VERSION,
    "truncated": False,
    "threshold": 0.71,
    "recall_threshold": 0.84,
    "recall_near": 0.62,
    "languages": ["en"],
}
_EXPLANATION = {
    "prediction": _PREDICTION,
    "method": "leave_one_out",
    "words": [_WORD],
    "removed": ["vpn"],
    "probability_without": 0.21,
    "category_without": "login",
    "hidden_attention": 0.12,
    "decisive": {
        "words": [_WORD],
        "category": "login",
        "probability": 0.21,
        "probability_of_new": 0.48,
        "out_of_scope": 0.3,
        "smallest": True,
    },
    "tried": 5,
    "read": 5,
    "cut_short": False,
}
_MODEL = {
    "version": _VERSION,
    "kind": "fine_tune",
    "labels": ["hardware", "login", "network"],
    "base_model": "all-MiniLM-L6-v2",
    "threshold": 0.71,
    "out_of_scope_threshold": 0.5,
}

Text = Annotated[str, Field(max_length=MAX_CHARACTERS)]
Most = Annotated[
    int,
    Field(ge=1, le=10_000),
    # in JSON 10.0 is a whole number, too
    BeforeValidator(lambda v: int(v) if isinstance(v, float) and v.is_integer() else v),
]
Share = Annotated[float, Field(ge=0, le=1)]


def _example(**content: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [content]})


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ClassifyRequest(_Request):
    """Texts to classify."""

    model_config = _example(texts=["my vpn drops every hour", "refund please"], top=3)
    texts: list[Text] = Field(
        min_length=1, max_length=MAX_TEXTS, description="messages as they were written, markup included"
    )
    top: Most | None = Field(None, description="that many alternatives a text at most; null: all of them")
    embedding: bool = Field(True, description="whether each answer holds the text's embedding")


class ExplainRequest(_Request):
    """A text whose answer is to be explained."""

    model_config = _example(text="my vpn drops every hour")
    text: Text = Field(description="a message as it was written")
    method: ExplanationMethod = Field(
        "leave_one_out", description="how words are scored: by attention, or by leaving each out"
    )


class PictureRequest(_Request):
    """A text to draw with its words shaded."""

    model_config = _example(text="my vpn drops every hour", title="Network")
    text: Text = Field(description="a message as it was written")
    title: Annotated[str, Field(max_length=200)] = Field("", description="names the decision")
    dark: bool = Field(False, description="for a dark background")


class WordAnswer(BaseModel):
    """A word of the text."""

    text: str
    start: int = Field(ge=0, description="offset of its first character in the given text")
    end: int = Field(ge=0, description="offset behind its last character")
    score: float = Field(description="share of the attention, or a signed score")


class PredictionAnswer(BaseModel):
    """What the model says about one text."""

    category: str = Field(description="slug of the likeliest category")
    confidence: Share = Field(description="its calibrated probability")
    alternatives: list[tuple[str, float]] = Field(description="[category, probability], best first")
    candidates: list[str] = Field(description="the prediction set, best first")
    out_of_scope: Share = Field(description="0: surely one of the categories, 1: surely none of them")
    words: list[WordAnswer] = Field(description="the words that decided, best first")
    model_version: str = Field(examples=[_VERSION])
    truncated: bool = Field(description="whether a part of the text was left out")
    threshold: float = Field(description="from this confidence on a message is routed without asking")
    recall_threshold: float = Field(
        description="cosine similarity from which a labelled message may overrule the model"
    )
    recall_near: float = Field(
        description="cosine similarity from which a message may be asked about if people rejected it nearby"
    )
    languages: list[str] = Field(description="ISO 639-1 codes of the languages that the model learned in")
    embedding: str | None = Field(
        None,
        description="base64 of float32, little-endian, L2-normalised; missing where it was not asked for",
    )


class ClassifyAnswer(BaseModel):
    """One prediction a text, in order."""

    model_config = _example(predictions=[_PREDICTION])
    predictions: list[PredictionAnswer]


class DecisiveAnswer(BaseModel):
    """The fewest words without which the decision is another one."""

    words: list[WordAnswer]
    category: str | None = Field(description="what it changes to; null: no category's message")
    probability: Share
    probability_of_new: Share
    out_of_scope: Share
    smallest: bool = Field(description="whether it is proven that no fewer words change it")


class ExplanationFields(BaseModel):
    """Why the model said what it said."""

    prediction: PredictionAnswer
    method: ExplanationMethod
    words: list[WordAnswer] = Field(description="in reading order, with scores of the method")
    removed: list[str] = Field(description="the words that were taken out for the measurement")
    probability_without: Share
    category_without: str
    hidden_attention: Share = Field(description="on special tokens and punctuation")
    decisive: DecisiveAnswer | None = None
    tried: int = Field(ge=0, description="words that were left out one at a time")
    read: int = Field(ge=0, description="words that the model read")
    cut_short: bool = Field(description="whether the time was over before everything was tried")


class ExplainAnswer(BaseModel):
    """An explanation."""

    model_config = _example(explanation=_EXPLANATION)
    explanation: ExplanationFields


class PictureFields(BaseModel):
    """A picture with words for those who cannot see it."""

    png: str = Field(description="base64 of the PNG file")
    description: str


class PictureAnswer(BaseModel):
    """A picture."""

    model_config = _example(
        picture={"png": "iVBORw0KGgo=", "description": "network, 93%. Words by their weight: vpn +0.61."}
    )
    picture: PictureFields


class ModelFields(BaseModel):
    """The model that answers."""

    version: str = Field(examples=[_VERSION])
    kind: str
    labels: list[str]
    base_model: str
    threshold: float
    out_of_scope_threshold: float


class ModelAnswer(BaseModel):
    """The model that answers."""

    model_config = _example(model=_MODEL)
    model: ModelFields


class VersionFields(BaseModel):
    """A model version on disk."""

    version: str = Field(examples=[_VERSION])
    active: bool


class VersionsAnswer(BaseModel):
    """The versions on disk, oldest first."""

    model_config = _example(models=[{"version": _VERSION, "active": True}], active=_VERSION)
    models: list[VersionFields]
    active: str | None = Field(description="the version that answers", examples=[_VERSION])


class ActivatedAnswer(BaseModel):
    """The version that answers from now on."""

    model_config = _example(version=_VERSION)
    version: str = Field(examples=[_VERSION])


class HealthAnswer(BaseModel):
    """The process runs."""

    model_config = _example(status="ok")
    status: Literal["ok"]


class ReadyAnswer(BaseModel):
    """The model is loaded and warm."""

    model_config = _example(status="ready", version=_VERSION)
    status: Literal["ready"]
    version: str = Field(examples=[_VERSION])


class ErrorFields(BaseModel):
    """What went wrong."""

    code: str = Field(description="for programs", examples=["invalid_input"])
    message: str = Field(description="for people: what to do next")


class ErrorAnswer(BaseModel):
    """Every error has this form."""

    error: ErrorFields
