"""Search for training options on cross-validation, within a time budget, beside the default recipe.

Every trial is fitted to the same folds, so that trials are compared in pairs. The first one is the default
recipe. What was tried is kept in a journal file: a search that was interrupted or killed goes on from there.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import optuna
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.trial import TrialState

from classifier.contract import ClassifierError, InvalidInput
from classifier.data.dataset import Example, check_trainable, fingerprint
from classifier.progress import Progress
from classifier.training.config import TrainingConfig
from classifier.training.fit import fit
from classifier.training.recipe import adapted
from classifier.training.tuning.space import space_with
from classifier.training.tuning.trials import Watch, cross_validation_folds, record_of
from classifier.training.tuning.types import TrialRecord, TuningPlan, TuningProgress, TuningResult

_STARTUP_TRIALS = 8
"""Random trials before the sampler trusts what it has seen (Bergstra et al. 2011)."""

_CONFIRM_SHARE = 0.25
"""Part of the time that is kept to train the best trial and the default recipe again with another seed."""


def tune(
    examples: Sequence[Example],
    config: TrainingConfig,
    plan: TuningPlan,
    *,
    study_file: Path,
    created: datetime,
    progress: Callable[[TuningProgress], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> TuningResult:
    """Search until the time is over, the trials are done, or a person interrupts (Ctrl-C).

    Args:
        examples: messages with their categories.
        config: the default recipe; what is not searched stays as it says.
        plan: how to search.
        study_file: journal of what was tried; it is made, or gone on with.
        created: aware time for the models, which are not kept.
        progress: called often.
        clock: seconds, for the budget.

    Raises:
        InvalidInput: the examples, folds or the study file cannot be used, or no trial ended in time.
    """
    labels = check_trainable(examples, config.minimum_per_label)
    config = adapted(config, len(examples), len(labels))
    # one seed a trial: the mean of several rises with each of them, and takes their time
    config = replace(
        config, seed=plan.seed, soup=1, refit=False, baselines=False, word_scorer=0, int8_check=0
    )
    search = _Search(examples, config, plan, created, progress or (lambda _: None), clock, study_file)
    return search.run()


class _TimeIsUp(Exception):
    """The budget is spent."""


class _Search:
    """One run of a search; the study is what outlives it."""

    def __init__(
        self,
        examples: Sequence[Example],
        config: TrainingConfig,
        plan: TuningPlan,
        created: datetime,
        report: Callable[[TuningProgress], None],
        clock: Callable[[], float],
        study_file: Path,
    ) -> None:
        self._examples, self._config, self._plan, self._created = examples, config, plan, created
        self._report, self._clock = report, clock
        self._began = clock()
        self._folds = cross_validation_folds(examples, plan.folds, plan.seed)
        self._space = space_with(plan.extra, config)
        self._study = self._open(study_file)

    def run(self) -> TuningResult:
        interrupted = False
        fresh: list[tuple[float, float]] = []
        try:
            self._try_until(self._end(1 - _CONFIRM_SHARE if self._plan.confirm else 1.0))
            best, default = self._best_and_default()
            if self._plan.confirm and not best.default:
                self._confirm(best, default, fresh)
        except _TimeIsUp:
            pass
        except KeyboardInterrupt:
            interrupted = True
        best, default = self._best_and_default(interrupted=interrupted)
        held_back = fmean(len(part) for part in self._folds)
        return TuningResult(
            trials=self._records(),
            best=best,
            default=default,
            fresh=tuple(fresh),
            test_share=held_back / (len(self._examples) - held_back),
            importance=self._importance(),
            interrupted=interrupted,
            seconds=self._clock() - self._began,
        )

    def _open(self, file: Path) -> optuna.Study:
        """Make the study or go on with it."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        key = (
            f"{fingerprint(self._examples)} {self._plan.folds} {self._plan.seed} {self._config} {self._space}"
        )
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            storage = JournalStorage(JournalFileBackend(str(file)))
            study = optuna.create_study(
                storage=storage, study_name="fingerpost", direction="maximize", load_if_exists=True
            )
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise InvalidInput(f"{file} is no study that can be written: name another file") from error
        if study.user_attrs.get("key", key) != key:
            raise InvalidInput(
                f"{file} is the study of other messages or options: name another file, or remove it"
            )
        study.set_user_attr("key", key)
        # a process that was killed left its trial running
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            study.tell(trial.number, state=TrialState.FAIL)
        past = study.get_trials(deepcopy=False)
        # the same seed again would only repeat what was tried
        study.sampler = optuna.samplers.TPESampler(
            seed=self._plan.seed + len(past), n_startup_trials=_STARTUP_TRIALS
        )
        study.pruner = optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=1)
        open_states = (TrialState.COMPLETE, TrialState.WAITING)
        if not any(t.user_attrs.get("default") and t.state in open_states for t in past):
            values = {dimension.name: getattr(self._config, dimension.name) for dimension in self._space}
            study.enqueue_trial(values, user_attrs={"default": True})
        return study

    def _try_until(self, end: float) -> None:
        while self._clock() < end and (self._plan.trials is None or self._done() < self._plan.trials):
            trial = self._study.ask()
            values = {dimension.name: dimension.suggest(trial) for dimension in self._space}
            default = bool(trial.user_attrs.get("default"))
            # the default recipe may take all of the time: without it there is nothing to compare with
            until = self._end(1.0) if default else end
            try:
                scores = self._cross_validate(values, until, trial)
            except optuna.TrialPruned:
                self._study.tell(trial, state=TrialState.PRUNED)
            except (_TimeIsUp, KeyboardInterrupt) as stop:
                self._study.tell(trial, state=TrialState.FAIL)
                if isinstance(stop, KeyboardInterrupt):
                    raise
                return
            except ClassifierError:
                self._study.tell(trial, state=TrialState.FAIL)
                if default:
                    raise
            else:
                self._study.tell(trial, fmean(scores))

    def _confirm(self, best: TrialRecord, default: TrialRecord, fresh: list[tuple[float, float]]) -> None:
        """Train both again with another seed: the best of many trials was also the luckiest."""
        seed, end = self._plan.seed + 1, self._end(1.0)
        for fold in range(len(self._folds)):
            pair = [
                self._fold(dict(record.parameters), seed, fold, record.number, end)
                for record in (best, default)
            ]
            fresh.append((pair[0], pair[1]))

    def _cross_validate(self, values: dict[str, Any], end: float, trial: optuna.Trial) -> list[float]:
        scores: list[float] = []
        for fold in range(len(self._folds)):
            watch = Watch(trial, fold, scores)
            scores = [*scores, self._fold(values, self._plan.seed, fold, trial.number, end, watch)]
            trial.set_user_attr("scores", scores)
            if fold + 1 < len(self._folds):
                watch.fold_is_done(scores)
        return scores

    def _fold(
        self,
        values: dict[str, Any],
        seed: int,
        fold: int,
        number: int,
        end: float,
        watch: Watch | None = None,
    ) -> float:
        """Accuracy on one fold's held-back part."""
        back = set(self._folds[fold])
        train = [example for position, example in enumerate(self._examples) if position not in back]
        held_back = [self._examples[position] for position in self._folds[fold]]

        def follow(progress: Progress) -> None:
            left = end - self._clock()
            if left <= 0:
                raise _TimeIsUp
            self._report(
                TuningProgress(
                    trial=number + 1,
                    fold=fold + 1,
                    folds=len(self._folds),
                    epoch=progress.epoch,
                    epochs=progress.epochs,
                    best=self._best_score(),
                    seconds_left=self._end(1.0) - self._clock(),
                    confirming=watch is None,
                )
            )
            if watch is not None:
                watch.see(progress)

        config = replace(self._config, **values, seed=seed)
        result = fit(train, config, created=self._created, validation=held_back, progress=follow)
        return float(result.metrics["validation_accuracy"])

    def _end(self, share: float) -> float:
        return self._began + 60 * self._plan.minutes * share

    def _done(self) -> int:
        states = (TrialState.COMPLETE, TrialState.PRUNED)
        return len(self._study.get_trials(deepcopy=False, states=states))

    def _best_score(self) -> float | None:
        complete = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return max((trial.value for trial in complete if trial.value is not None), default=None)

    def _records(self) -> tuple[TrialRecord, ...]:
        names = {dimension.name for dimension in self._space}
        return tuple(record_of(trial, names) for trial in self._study.get_trials(deepcopy=False))

    def _best_and_default(self, *, interrupted: bool = False) -> tuple[TrialRecord, TrialRecord]:
        complete = [record for record in self._records() if record.outcome == "complete"]
        default = next((record for record in complete if record.default), None)
        if default is None and interrupted:
            raise InvalidInput(
                "stopped before the default recipe was trained on every fold: "
                "nothing is known yet, start again"
            )
        if default is None:
            raise InvalidInput(
                f"not even the default recipe was trained on {len(self._folds)} folds in "
                f"{self._plan.minutes:g} minutes: give more --minutes or use fewer --folds"
            )
        return max(complete, key=lambda record: (record.score, record.default)), default

    def _importance(self) -> dict[str, float]:
        """PED-ANOVA (Watanabe et al. 2023); it warns where trials are too few or too alike."""
        with contextlib.suppress(ValueError, RuntimeError, UserWarning), warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            found = optuna.importance.get_param_importances(self._study)
            return {name: float(share) for name, share in found.items() if np.isfinite(share)}
        return {}
