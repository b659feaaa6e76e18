"""A search for training options with real, tiny trainings."""

import json
from dataclasses import fields, replace

import pytest
from typer.testing import CliRunner

from classifier.cli.tuning import commands
from classifier.contract import InvalidInput
from classifier.training.config import TrainingConfig
from classifier.training.tuning.report import chosen_parameters, compare, markdown, verdict, write_report
from classifier.training.tuning.search import tune
from classifier.training.tuning.space import Dimension, parse_dimension, space_with
from classifier.training.tuning.trials import cross_validation_folds
from classifier.training.tuning.types import TrialRecord, TuningPlan, TuningResult
from tests.factories.tiny_bert import NOW, config_for, messages, tiny_bert

SHORT = (Dimension("epochs", "int", 1, 3), Dimension("learning_rate", "log", 1e-3, 1e-2))


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("base"))


def search(base, study_file, *, progress=None, **plan):
    plan = TuningPlan(**{"trials": 3, "folds": 2, "extra": SHORT, "confirm": False, **plan})
    return tune(
        messages(8),
        config_for(base, epochs=2),
        plan,
        study_file=study_file,
        created=NOW,
        progress=progress,
    )


class Clock:
    """Time that a test moves on."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_the_first_trial_is_the_default_recipe(base, tmp_path):
    result = search(base, tmp_path / "study")
    first = result.trials[0]
    assert first.default
    assert first.parameters["epochs"] == 2
    assert first.parameters["learning_rate"] == 5e-3
    assert [record.outcome for record in result.trials].count("complete") >= 1
    assert len(result.trials) == 3
    assert len(first.scores) == 2
    assert result.best.score >= result.default.score


def test_the_best_trial_is_trained_again_beside_the_default_with_another_seed(base, tmp_path):
    bad = replace(config_for(base, epochs=1), learning_rate=1e-6, probe_share=0.0)
    wide = (Dimension("learning_rate", "log", 1e-3, 1e-2), Dimension("epochs", "int", 14, 16))
    plan = TuningPlan(trials=3, folds=2, extra=wide)
    result = tune(messages(20), bad, plan, study_file=tmp_path / "study", created=NOW)
    assert not result.best.default
    assert len(result.fresh) == 2
    assert compare(result).fresh
    assert compare(result).mean > 0
    assert chosen_parameters(result) == dict(result.best.parameters)


def test_the_same_seed_finds_the_same(base, tmp_path):
    one, other = search(base, tmp_path / "one"), search(base, tmp_path / "other")
    assert [(r.parameters, r.scores) for r in one.trials] == [(r.parameters, r.scores) for r in other.trials]


def test_progress_names_trial_fold_epoch_and_time(base, tmp_path):
    seen = []
    search(base, tmp_path / "study", progress=seen.append, minutes=10)
    assert {update.trial for update in seen} == {1, 2, 3}
    assert {update.fold for update in seen} == {1, 2}
    assert all(0 < update.seconds_left <= 600 for update in seen)
    assert seen[0].best is None
    assert seen[-1].best is not None


def test_a_search_ends_within_a_step_of_its_time(base, tmp_path):
    clock, late = Clock(), []

    def watch(update):
        clock.now += 1.0
        if clock.now > 60.0:
            late.append(update)

    plan = TuningPlan(minutes=1.0, folds=2, extra=SHORT, confirm=False)
    result = tune(
        messages(8), config_for(base, epochs=2), plan,
        study_file=tmp_path / "study", created=NOW, progress=watch, clock=clock,
    )  # fmt: skip
    assert result.default.outcome == "complete"
    assert len(late) == 0
    assert 59 <= result.seconds <= 61


def test_too_little_time_for_the_default_recipe_says_so(base, tmp_path):
    clock = Clock()

    def watch(update):
        clock.now += 30.0

    plan = TuningPlan(minutes=1.0, folds=2, extra=SHORT)
    with pytest.raises(InvalidInput, match="more --minutes"):
        tune(
            messages(8), config_for(base, epochs=2), plan,
            study_file=tmp_path / "study", created=NOW, progress=watch, clock=clock,
        )  # fmt: skip


def test_an_interruption_keeps_the_best_so_far_and_the_search_goes_on(base, tmp_path):
    def interrupt(update):
        if update.trial == 3:
            raise KeyboardInterrupt

    stopped = search(base, tmp_path / "study", progress=interrupt, trials=4)
    assert stopped.interrupted
    assert [record.outcome for record in stopped.trials][2] == "failed"
    went_on = search(base, tmp_path / "study", trials=4)
    assert went_on.trials[0] == stopped.trials[0]
    assert len([r for r in went_on.trials if r.outcome != "failed"]) == 4
    tried = [tuple(r.parameters.values()) for r in went_on.trials if r.outcome != "failed"]
    assert len(set(tried)) == len(tried), "a search that goes on tries something new"


class Killed(BaseException):
    """Ends a process in the middle of a trial, as far as the study's file can tell."""


def test_a_killed_search_goes_on(base, tmp_path):
    def die(update):
        if update.trial == 2:
            raise Killed

    with pytest.raises(Killed):
        search(base, tmp_path / "study", progress=die)
    result = search(base, tmp_path / "study")
    assert [record.outcome for record in result.trials][:2] == ["complete", "failed"]
    assert len([r for r in result.trials if r.outcome != "failed"]) == 3
    assert [record.default for record in result.trials].count(True) == 1


def test_a_study_of_other_options_is_refused(base, tmp_path):
    search(base, tmp_path / "study", trials=1)
    with pytest.raises(InvalidInput, match="other messages or options"):
        search(base, tmp_path / "study", folds=3)


def test_a_file_that_is_no_study_is_refused(base, tmp_path):
    (tmp_path / "study").write_text("text,label\n")
    with pytest.raises(InvalidInput, match="name another file"):
        search(base, tmp_path / "study")


def test_the_command_writes_options_and_a_report(base, tmp_path, monkeypatch):
    monkeypatch.setenv("FINGERPOST_CLASSIFIER_EPOCHS", "2")
    rows = [f"{example.text},{example.label}" for example in messages(8)]
    (tmp_path / "labels.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    options = [tmp_path / "labels.csv", "--trials", 3, "--folds", 2, "--base-model", base]
    options += ["--search", "epochs=1..3", "--search", "dropout=0.0,0.1"]
    options += ["--output", tmp_path / "best.json", "--report", tmp_path / "report"]
    done = CliRunner().invoke(commands, list(map(str, options)), catch_exceptions=False)
    assert done.exit_code == 0
    assert "default recipe" in done.output
    best = json.loads((tmp_path / "best.json").read_text())
    assert {"epochs", "dropout", "learning_rate"} <= best.keys()
    assert best.keys() <= {field.name for field in fields(TrainingConfig)}
    assert TrainingConfig(**best)
    assert (tmp_path / "best.study.jsonl").is_file()
    assert "(default)" in (tmp_path / "report" / "report.md").read_text()
    assert (tmp_path / "report" / "history.png").read_bytes().startswith(b"\x89PNG")


# --- parts without a training -------------------------------------------------------------------------------


def trial(number, *scores, default=False, **parameters):
    return TrialRecord(number, "complete", {"epochs": 5, **parameters}, scores, default)


def found(best, default, fresh=()):
    trials = (default,) if best is default else (default, best)
    return TuningResult(trials, best, default, fresh, test_share=0.5, importance={"epochs": 1.0})


def test_a_clear_lead_on_a_new_seed_beats_the_default():
    result = found(
        trial(1, 0.95, 0.96, 0.97),
        trial(0, 0.8, 0.8, 0.8, default=True),
        ((0.95, 0.8), (0.96, 0.8), (0.97, 0.8)),
    )
    assert compare(result).beyond_noise
    assert "beat the default recipe beyond the noise" in verdict(result)


def test_a_lead_of_one_fold_is_called_noise():
    result = found(
        trial(1, 0.9, 0.9, 0.9),
        trial(0, 0.8, 0.8, 0.8, default=True),
        ((0.9, 0.8), (0.8, 0.82), (0.85, 0.84)),
    )
    assert not compare(result).beyond_noise
    assert "not surely beyond the noise" in verdict(result)
    assert chosen_parameters(result) == {"epochs": 5}


def test_a_lead_that_is_gone_with_another_seed_keeps_the_default():
    best = trial(1, 0.9, 0.9, epochs=9)
    result = found(best, trial(0, 0.8, 0.8, default=True), ((0.8, 0.82), (0.8, 0.81)))
    assert "the default recipe is kept" in verdict(result)
    assert chosen_parameters(result) == {"epochs": 5}


def test_nothing_better_than_the_default_is_said_plainly(tmp_path):
    default = trial(0, 0.8, 0.8, default=True)
    result = found(default, default)
    assert compare(result) is None
    assert "Nothing beat the default recipe (80.00%)." in markdown(result)
    write_report(result, tmp_path / "report")
    assert (tmp_path / "report" / "importance.png").is_file()


def test_folds_hold_back_each_message_once_and_leave_enough_to_learn_from():
    examples = [*messages(7, out_of_scope=5), *messages(1)[:1]]
    examples[-1] = replace(examples[-1], label="rare")
    folds = cross_validation_folds(examples, 3, seed=0)
    held_back = sorted(position for part in folds for position in part)
    assert held_back == list(range(len(examples) - 1))
    for part in folds:
        assert {examples[position].label for position in part} == {"billing", "login", "network", "oos"}
    assert folds == cross_validation_folds(examples, 3, seed=0)
    assert folds != cross_validation_folds(examples, 3, seed=1)


def test_folds_that_cannot_be_made_are_refused():
    with pytest.raises(InvalidInput, match="2 or more"):
        cross_validation_folds(messages(8), 1, seed=0)
    with pytest.raises(InvalidInput, match="too few messages"):
        cross_validation_folds(messages(3), 2, seed=0)


@pytest.mark.parametrize(
    ("text", "dimension"),
    [
        ("sharpness=0..1", Dimension("sharpness", "float", 0, 1)),
        ("learning_rate=1e-5..1e-3:log", Dimension("learning_rate", "log", 1e-5, 1e-3)),
        ("patience=1..5", Dimension("patience", "int", 1, 5)),
        ("probe_first=true,false", Dimension("probe_first", "choice", choices=(True, False))),
        ("pooling=mean,cls", Dimension("pooling", "choice", choices=("mean", "cls"))),
    ],
)
def test_options_to_search_are_read(text, dimension):
    assert parse_dimension(text) == dimension


@pytest.mark.parametrize(
    "text", ["", "speed=1..2", "dropout", "dropout=1", "dropout=2..1", "dropout=0..1:log", "dropout=a..b"]
)
def test_what_is_no_range_is_refused(text):
    with pytest.raises(InvalidInput) as refused:
        parse_dimension(text)
    assert "\n" not in str(refused.value)


def test_the_default_recipe_is_always_a_part_of_the_space():
    config = TrainingConfig(learning_rate=1.0, epochs=50, batch_size=7)
    space = {dimension.name: dimension for dimension in space_with((), config)}
    assert space["learning_rate"].high == 1.0
    assert space["epochs"].high == 50
    assert 7 in space["batch_size"].choices
