"""What models say about messages that they have not learned from, and the review of labels by it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import softmax

from classifier.contract import OUT_OF_SCOPE_LABEL, InvalidInput
from classifier.data.confident_learning import LabelIssues, review
from classifier.data.dataset import Example
from classifier.data.neighbours import nearest_others
from classifier.inference.predictions import answer
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.embed import embed
from classifier.progress import Progress
from classifier.training.config import FitResult, TrainingConfig
from classifier.training.inputs import prepare
from classifier.training.linear_probe import fit_head, standardised

Floats = npt.NDArray[Any]

FOLDS = 5
NEIGHBOURS = 25

_FEWEST_FOLDS = 2
_SHARPNESS = 0.08
"""Fall of cosine similarity over which a neighbour's voice falls to 1/e."""

_PENALTIES = (1e-3, 1e-2)
"""Wrong labels want more penalty than right ones: the first fold's likelihood chooses."""

_FORGOTTEN = datetime(2000, 1, 1, tzinfo=UTC)
"""Names the versions of models that nobody keeps."""


class FitFunction(Protocol):
    """Makes a model of examples, as `training.fit.fit` does."""

    def __call__(
        self,
        examples: Sequence[Example],
        config: TrainingConfig,
        *,
        created: datetime,
        progress: Callable[[Progress], None] | None = None,
    ) -> FitResult:
        """See `training.fit.fit`."""


def find_suspects(
    examples: Sequence[Example],
    config: TrainingConfig,
    progress: Callable[[Progress], None] | None = None,
    *,
    folds: int = FOLDS,
    fit: FitFunction | None = None,
) -> LabelIssues:
    """Look for wrong labels.

    Args:
        examples: at least `config.minimum_per_label` messages a category.
        config: of the encoder; with `fit`, of the fine-tune too.
        progress: called often from the same thread.
        folds: models that are fitted, each without its part of the messages; 2 or more.
        fit: fine-tunes in every fold, which takes as long as so many trainings; None: a head on the frozen
            encoder.

    Raises:
        InvalidInput: the examples cannot be learned from, or there are too few folds.
        BaseModelUnavailable: the encoder cannot be read.
    """
    if folds < _FEWEST_FOLDS:
        raise InvalidInput(f"{folds} folds leave nothing to learn from: name 2 or more")
    report = progress or (lambda _: None)
    labels = tuple(sorted({example.label for example in examples}))
    if fit is None:
        said = frozen(examples, labels, config, folds, report)
    else:
        said = fine_tuned(examples, labels, config, folds, report, fit)
    found = review(examples, said, labels)
    report(Progress("done", 0, 0, 1, 1, 1.0, 0.0))
    return found


def frozen(
    examples: Sequence[Example],
    labels: Sequence[str],
    config: TrainingConfig,
    folds: int,
    report: Callable[[Progress], None],
) -> Floats:
    """Probabilities [N, C] from the frozen encoder: half logistic regression, half the nearest neighbours.

    The two err differently: together they rank flipped labels better than either (measured on BANKING77).
    """
    prepared = prepare(examples, config)
    network = prepared.network(config).eval()
    texts = [example.text for example in examples]
    pooled = embed(network, prepared.texts, texts, prepared.device, report, first=0.0, last=0.5)

    def show(done: int) -> None:
        report(Progress("train", 0, 0, done, folds, 0.5 + 0.5 * done / folds))

    return probabilities_of(pooled, examples, labels, config.seed, folds, show)


def probabilities_of(
    pooled: torch.Tensor,
    examples: Sequence[Example],
    labels: Sequence[str],
    seed: int,
    folds: int = FOLDS,
    show: Callable[[int], None] = lambda _: None,
) -> Floats:
    """Do the same with vectors that are there already: [N, C].

    Args:
        pooled: float32 [N, hidden] of the frozen encoder.
        examples: N messages.
        labels: the C labels of the columns.
        seed: of the folds.
        folds: see `fold_of`.
        show: called with the number of folds done.
    """
    given = _given(examples, labels)
    regression = from_regression(pooled, given, len(labels), folds, seed, show)
    return 0.5 * regression + 0.5 * from_neighbours(pooled.numpy(), given, len(labels))


def fine_tuned(
    examples: Sequence[Example],
    labels: Sequence[str],
    config: TrainingConfig,
    folds: int,
    report: Callable[[Progress], None],
    fit: FitFunction,
) -> Floats:
    """Probabilities [N, C] from one fine-tune a fold; the column `oos` holds the out-of-scope score."""
    # a fold leaves fewer messages of a category than there are
    config = replace(
        config,
        hold_out_suspects=False,
        baselines=False,
        minimum_per_label=1,
        word_scorer=0,
        int8_check=0,
    )
    column = {label: number for number, label in enumerate(labels)}
    given = _given(examples, labels)
    part = fold_of(given, folds, config.seed)
    result = np.zeros((len(examples), len(labels)))
    for fold in range(folds):
        learned = [example for example, p in zip(examples, part, strict=True) if p != fold]
        rows = np.flatnonzero(part == fold)

        def within(progress: Progress, fold: int = fold) -> None:
            report(replace(progress, fraction=(fold + progress.fraction) / folds, eta_seconds=None))

        model = fit(learned, config, created=_FORGOTTEN, progress=within).model
        answers = answer(TorchPredictor(model), [examples[row].text for row in rows.tolist()])
        inside = 1 - answers.scope if OUT_OF_SCOPE_LABEL in column else np.ones(len(rows))
        for number, label in enumerate(answers.labels):
            result[rows, column[label]] = answers.probabilities[:, number] * inside
        if OUT_OF_SCOPE_LABEL in column:
            result[rows, column[OUT_OF_SCOPE_LABEL]] = answers.scope
    return result


def _given(examples: Sequence[Example], labels: Sequence[str]) -> npt.NDArray[np.int64]:
    """Number of each example's label: [N]."""
    column = {label: number for number, label in enumerate(labels)}
    return np.array([column[example.label] for example in examples], dtype=np.int64)


def fold_of(given: npt.NDArray[np.integer], folds: int, seed: int) -> npt.NDArray[np.int64]:
    """Deal the messages of every label out to the folds, as evenly as they go: [N] in 0..folds-1."""
    random = np.random.default_rng(seed)
    part = np.zeros(len(given), dtype=np.int64)
    for label in np.unique(given):
        members = random.permutation(np.flatnonzero(given == label))
        part[members] = np.arange(len(members)) % folds
    return part


def from_regression(
    pooled: torch.Tensor,
    given: npt.NDArray[np.integer],
    categories: int,
    folds: int,
    seed: int,
    show: Callable[[int], None],
) -> Floats:
    """Multinomial logistic regression without the message's fold: [N, categories].

    Args:
        pooled: [N, hidden].
        given: [N], index of each label.
        categories: number of labels.
        folds: see `fold_of`.
        seed: of the folds.
        show: called with the number of folds done.
    """
    part = torch.from_numpy(fold_of(given, folds, seed))
    targets = torch.from_numpy(given)
    result = np.zeros((len(given), categories))

    def without(fold: int, penalty: float) -> Floats:
        seen = part != fold
        features, mean, scale = standardised(pooled[seen])
        weights = torch.ones(len(features))
        matrix, bias = fit_head(features, targets[seen], weights, categories, penalty)
        logits = ((pooled[~seen] - mean) / scale) @ matrix.T + bias
        return np.asarray(softmax(logits.double().numpy(), axis=1))

    def loss(probabilities: Floats) -> float:
        rows = given[(part == 0).numpy()]
        return -float(np.log(probabilities[np.arange(len(rows)), rows] + 1e-12).mean())

    tried = {penalty: without(0, penalty) for penalty in _PENALTIES}
    penalty = min(_PENALTIES, key=lambda penalty: loss(tried[penalty]))
    for fold in range(folds):
        held_back = (part == fold).numpy()
        if held_back.any():
            result[held_back] = without(fold, penalty) if fold else tried[penalty]
        show(fold + 1)
    return result


def from_neighbours(pooled: Floats, given: npt.NDArray[np.integer], categories: int) -> Floats:
    """Labels of the nearest other messages, the nearer the heavier: [N, categories].

    A message is never its own neighbour, so every row is out of fold.
    """
    nearest, similar = nearest_others(pooled, NEIGHBOURS)
    weights = np.exp((similar - similar.max(axis=1, keepdims=True)) / _SHARPNESS)
    result = np.zeros((len(pooled), categories))
    np.add.at(result, (np.arange(len(pooled))[:, None], given[nearest]), weights)
    shares: Floats = result / result.sum(axis=1, keepdims=True)
    return shares
