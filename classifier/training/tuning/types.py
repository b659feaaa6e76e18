"""What goes into a search for training options and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Literal

from classifier.training.tuning.space import Dimension

Outcome = Literal["complete", "pruned", "failed"]


@dataclass(frozen=True, slots=True)
class TuningPlan:
    """How to search.

    Attributes:
        minutes: wall clock in all; a training is stopped within a step when they are over.
        trials: at most so many in the study; None: as many as the time allows.
        folds: of the cross-validation, 2 or more.
        seed: of the folds, the sampler and the trainings.
        extra: dimensions beside or in place of tuning_space.SPACE.
        confirm: whether to train the best and the default again with another seed.
    """

    minutes: float = 30.0
    trials: int | None = None
    folds: int = 3
    seed: int = 0
    extra: tuple[Dimension, ...] = ()
    confirm: bool = True


@dataclass(frozen=True, slots=True)
class TuningProgress:
    """Where a search is: trial and fold count from 1; `best` is the best mean accuracy so far."""

    trial: int
    fold: int
    folds: int
    epoch: int
    epochs: int
    best: float | None
    seconds_left: float
    confirming: bool = False


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One trial.

    Attributes:
        number: counted from 0; the default recipe is the first.
        outcome: complete, pruned (it fell behind) or failed (interrupted, diverged).
        parameters: fields of TrainingConfig that were searched.
        scores: accuracy on each fold's held-back part, as far as it came.
        default: whether it is the default recipe.
    """

    number: int
    outcome: Outcome
    parameters: Mapping[str, Any]
    scores: tuple[float, ...]
    default: bool

    @property
    def score(self) -> float:
        """Mean accuracy over the folds."""
        return fmean(self.scores) if self.scores else 0.0


@dataclass(frozen=True, slots=True)
class TuningResult:
    """What a search found.

    Attributes:
        trials: all of the study, in order.
        best: the complete trial with the highest mean accuracy.
        default: the default recipe's trial.
        fresh: accuracy of (best, default) on each fold, trained again with another seed; may be empty.
        test_share: held-back messages over those learned from, in each fold.
        importance: share of the spread of the scores that each parameter accounts for; empty where unknown.
        interrupted: whether a person stopped the search.
        seconds: of this run.
    """

    trials: tuple[TrialRecord, ...]
    best: TrialRecord
    default: TrialRecord
    fresh: tuple[tuple[float, float], ...]
    test_share: float
    importance: Mapping[str, float] = field(default_factory=dict)
    interrupted: bool = False
    seconds: float = 0.0

    @property
    def complete(self) -> tuple[TrialRecord, ...]:
        """Trials that were scored on every fold."""
        return tuple(record for record in self.trials if record.outcome == "complete")
