"""The parts of a search: folds to score trials on, a watch that gives up on them early, their records."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from classifier.contract import OUT_OF_SCOPE_LABEL, InvalidInput
from classifier.data.dataset import Example
from classifier.progress import Progress
from classifier.training.tuning.types import Outcome, TrialRecord

_CHECKS_A_FOLD = 4
"""A trial may be given up after each quarter of a fold's epochs."""

_MINIMUM_LEFT = 3
"""Messages of a label that must be left to learn from in every fold."""


def cross_validation_folds(examples: Sequence[Example], folds: int, seed: int) -> list[list[int]]:
    """Positions that each fold holds back: every label's messages dealt out in random order.

    A label with too few messages to spare some is learned from in every fold and held back in none.

    Raises:
        InvalidInput: fewer than two folds, or nothing can be held back.
    """
    if folds < 2:  # noqa: PLR2004 - what is held back must be learned from elsewhere
        raise InvalidInput(f"{folds} folds cannot be compared: use 2 or more")
    random = np.random.default_rng(seed)
    members: dict[str, list[int]] = {}
    for position, example in enumerate(examples):
        members.setdefault(example.label, []).append(position)
    held_back: list[list[int]] = [[] for _ in range(folds)]
    dealt = 0
    for label in sorted(members):
        positions = members[label]
        if len(positions) - -(-len(positions) // folds) < _MINIMUM_LEFT:
            continue
        for position in random.permutation(positions).tolist():
            held_back[dealt % folds].append(position)
            dealt += 1
    if not all(any(examples[i].label != OUT_OF_SCOPE_LABEL for i in part) for part in held_back):
        raise InvalidInput(f"too few messages for {folds} folds: add messages, or use fewer folds")
    return [sorted(part) for part in held_back]


class Watch:
    """Tells the pruner how a trial does, at the same points of every trial's plan."""

    def __init__(self, trial: optuna.Trial, fold: int, scores: Sequence[float]) -> None:
        self._trial, self._fold, self._scores = trial, fold, scores
        # everything is compared with the default recipe, however it does
        self._may_prune = not trial.user_attrs.get("default")
        self._epoch, self._told = 0, 0

    def see(self, progress: Progress) -> None:
        """Report the mean over the folds so far after each quarter of the epochs.

        Raises:
            TrialPruned: the trial is behind most others at this point.
        """
        finished = progress.epoch - 1 if progress.stage == "train" else self._epoch
        accuracy = progress.validation_accuracy
        if finished <= self._epoch or accuracy is None:
            return
        self._epoch = finished
        quarter = _CHECKS_A_FOLD * finished // max(1, progress.epochs)
        if quarter <= self._told or quarter == _CHECKS_A_FOLD:  # the last one is told with the fold's score
            return
        self._told = quarter
        step = self._fold * _CHECKS_A_FOLD + quarter
        self._tell(fmean([*self._scores, accuracy]), step)

    def fold_is_done(self, scores: Sequence[float]) -> None:
        """Report the mean over the finished folds.

        Raises:
            TrialPruned: the trial is behind most others at this point.
        """
        self._tell(fmean(scores), (self._fold + 1) * _CHECKS_A_FOLD)

    def _tell(self, mean: float, step: int) -> None:
        self._trial.report(mean, step)
        if self._may_prune and self._trial.should_prune():
            raise optuna.TrialPruned


def record_of(trial: FrozenTrial, names: set[str]) -> TrialRecord:
    """Keep of the study's trial what a report needs; `names` are the options that were searched."""
    outcome: Outcome = "failed"
    if trial.state == TrialState.COMPLETE:
        outcome = "complete"
    elif trial.state == TrialState.PRUNED:
        outcome = "pruned"
    return TrialRecord(
        number=trial.number,
        outcome=outcome,
        parameters={name: value for name, value in trial.params.items() if name in names},
        scores=tuple(trial.user_attrs.get("scores", ())),
        default=bool(trial.user_attrs.get("default")),
    )
