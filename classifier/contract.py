"""What a classifier promises to its callers.

Imports no torch, so that a bot with a remote classifier stays small, and no numpy, so that a command line
that only shows its help is quick.

ClassifierError
├── InvalidInput             the caller's texts, file or options cannot be used
│   └── UnknownVersion       no model version of that name is there
├── BrokenModel              a model directory is missing, changed or not ours
├── BaseModelUnavailable     the encoder to start from cannot be read
├── TrainingDiverged         the loss of a training is no number any more
└── ClassifierUnavailable    no answer now; trying again later is safe
    ├── ClassifierOverloaded the queue is full
    └── ClassifierTimeout    the answer did not come in time
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

OUT_OF_SCOPE_LABEL = "oos"
"""The label of a CSV row that belongs to no category: always a negative."""

OUT_OF_SCOPE_THRESHOLD = 0.5
"""Out-of-scope scores from here on mean "none of the categories", unless an operator says otherwise."""

RECALL_THRESHOLD = 0.97
"""Similarity from which what people said of a message overrules the model, where it has measured none."""

RECALL_NEAR = 0.95
"""Similarity from which the model does not repeat what people rejected nearby, where it has measured none."""

ExplanationMethod = Literal["attention", "leave_one_out"]


class ClassifierError(Exception):
    """Something went wrong in the classifier. The text says what to do next."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class InvalidInput(ClassifierError):
    """The input cannot be used. Correct it and try again."""


class UnknownVersion(InvalidInput):
    """There is no such model version. Name one of those that are there."""


class BrokenModel(ClassifierError):
    """The model directory is incomplete or was changed. Train it again or activate another version."""


class BaseModelUnavailable(ClassifierError):
    """The base encoder cannot be read. Name a local directory, or install the package that holds it."""


class TrainingDiverged(ClassifierError):
    """The training came apart. Lower the learning rate and train again."""


class ClassifierUnavailable(ClassifierError):
    """The classifier does not answer at the moment. Try again shortly."""

    def __init__(self, message: str | None = None, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ClassifierOverloaded(ClassifierUnavailable):
    """The classifier's queue is full. Try again shortly."""


class ClassifierTimeout(ClassifierUnavailable):
    """The classifier did not answer in time. Try again shortly."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the given text and how much it counted.

    Attributes:
        text: the word as it stands in the given text.
        start: offset of its first character in the given text.
        end: offset behind its last character.
        score: share of the attention (0..1), or a signed score for methods that have a sign.
    """

    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model said about one text.

    Attributes:
        category: the most likely category's slug.
        confidence: its calibrated probability, 0..1.
        alternatives: (category, probability), best first, the predicted category included.
        words: the words that the model attended to, best first, offsets into the given text.
        out_of_scope: 0 (surely one of the categories) .. 1 (surely none of them, or a text that the model
            cannot read: without a letter or digit, or in a script that its tokenizer does not know).
        embedding: float32[hidden], the pooled sentence embedding, L2-normalised.
        model_version: version name of the model that answered.
        truncated: whether the text was longer than the model reads.
        threshold: confidence from which this model may route a message of this category by itself (from its
            calibration).
        candidates: the prediction set, best first: over all messages it holds the right category with the
            frequency that the model promises (98%). Empty where the model has not measured any.
        recall_threshold: cosine similarity in this model's space from which a labelled message may overrule,
            where there are few to compare with; see classifier.feedback.correction_memory.
        recall_near: the same, from which it only keeps the model from what people rejected there.
        languages: that the model learned in (ISO 639-1); of a message in another one its scores say little.
    """

    category: str
    confidence: float
    alternatives: tuple[tuple[str, float], ...]
    words: tuple[Word, ...]
    out_of_scope: float
    embedding: npt.NDArray[np.float32] = field(repr=False, compare=False)
    model_version: str
    truncated: bool = False
    threshold: float = 0.5
    candidates: tuple[str, ...] = ()
    recall_threshold: float = RECALL_THRESHOLD
    recall_near: float = RECALL_NEAR
    languages: tuple[str, ...] = ("en",)


@dataclass(frozen=True, slots=True)
class Decisive:
    """The fewest words without which the decision is another one, and what was measured without them.

    Attributes:
        words: in reading order.
        category: what the decision changes to; None: the text looks like no category's message then.
        probability: of the explained category without them.
        probability_of_new: of the likeliest category without them.
        out_of_scope: the score without them.
        smallest: whether it is proven that no fewer words change it; a larger set is only known to hold no
            word that could stay.
    """

    words: tuple[Word, ...]
    category: str | None
    probability: float
    probability_of_new: float
    out_of_scope: float
    smallest: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why the model said what it said, for one text.

    Attributes:
        prediction: the prediction that is explained.
        method: how `words` were scored.
        words: in reading order, with scores of `method` (leave_one_out: positive speaks for it).
        removed: the top words that were taken out for the measurement.
        probability_without: the measured probability of the category without `removed`.
        category_without: what the model says without them.
        hidden_attention: share of the attention that lay on special tokens and punctuation, 0..1.
        decisive: None where no few words change the decision, or where they were not looked for.
        tried: words that were left out one at a time, those with the most attention first.
        read: words of the text that the model read.
        cut_short: whether the time was over before everything was tried: `words` are those that were, and
            fewer words than `decisive` may do.
    """

    prediction: Prediction
    method: ExplanationMethod
    words: tuple[Word, ...]
    removed: tuple[str, ...]
    probability_without: float
    category_without: str
    hidden_attention: float
    decisive: Decisive | None = None
    tried: int = 0
    read: int = 0
    cut_short: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A message with its words shaded by what they did to the decision.

    Attributes:
        png: the file.
        description: the same in words, for those who cannot see it.
    """

    png: bytes = field(repr=False)
    description: str


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The model that answers now."""

    version: str
    kind: str
    labels: tuple[str, ...]
    base_model: str
    threshold: float
    out_of_scope_threshold: float = OUT_OF_SCOPE_THRESHOLD


@runtime_checkable
class Classifier(Protocol):
    """Anything that classifies: in this process, behind HTTP, or scripted for a test.

    Every method raises ClassifierError only; ClassifierUnavailable means that a later try may work.
    """

    async def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """Answer each text, in order. An empty text gets an honest "not sure" (out_of_scope 1.0)."""
        ...

    async def explain(
        self, text: str, method: ExplanationMethod = "leave_one_out", *, seconds: float | None = None
    ) -> Explanation:
        """Say which words decided, with the probability measured without the top ones.

        The best that fits the time, marked by `cut_short`: the classifier's own limit, and `seconds`.
        """
        ...

    async def picture(
        self, text: str, *, title: str = "", dark: bool = False, seconds: float | None = None
    ) -> Picture:
        """Draw the text with its words shaded as `explain` scores them; `title` names the decision."""
        ...

    async def model(self) -> ModelInfo:
        """Say which model answers now."""
        ...

    async def close(self) -> None:
        """Give back threads and connections."""
        ...


@dataclass(frozen=True, slots=True)
class Versions:
    """Model versions.

    Attributes:
        names: oldest first.
        active: the one that answers; None where none does yet.
    """

    names: tuple[str, ...]
    active: str | None


@runtime_checkable
class ModelControl(Protocol):
    """Anything that lets another model version answer. Every method raises ClassifierError only."""

    async def activate(self, version: str) -> str:
        """Let a version answer from now on; returns its name.

        Raises:
            UnknownVersion: there is none of that name.
            BrokenModel: it cannot be loaded; the old one goes on answering.
        """
        ...

    async def rollback(self) -> str:
        """Let the version answer that answered before; returns its name.

        Raises:
            InvalidInput: there is no earlier one.
            BrokenModel: it cannot be loaded; the present one goes on answering.
        """
        ...

    async def versions(self) -> Versions:
        """Say which versions there are."""
        ...
