"""The learning benchmark on a tiny encoder and a stream of some dozens of messages."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.cli import bench
from benchmarks.learning import learning
from benchmarks.learning.figures import demands, draw, summary, table
from benchmarks.learning.learners import Answered
from benchmarks.learning.learning import SYSTEMS, LearningPlan, measure
from benchmarks.learning.loop import Course, Run, System
from benchmarks.learning.stream import Rules, draw_staff, draw_stream
from benchmarks.public_data import FILES, banking77
from classifier.contract import InvalidInput
from classifier.data.dataset import Example
from classifier.inference.torch_predictor import TorchPredictor
from classifier.training.fit import fit_day_one
from tests.factories.tiny_bert import NOW, config_for, messages, tiny_bert, write_messages

RULES = Rules(messages=40, every=20, questions=5)
TRIED = (
    "tfidf",
    "frozen",
    "ours",
    "no_memory",
    "random_questions",
    "poisoned_undefended",
    "answers_random",
    "answers_50",
)
LISTS = ("handled_right", "labels_used", "test_accuracy", "repeated_mistakes")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for name, each, seed in zip(FILES, (40, 10), (0, 9), strict=True):
        write_messages(folder / name, messages(each, seed=seed))
    return folder


@pytest.fixture(scope="module")
def plan(base):
    return LearningPlan(TRIED, (0,), RULES, "quick", config_for(base, epochs=2))


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def known(data, work, plan):
    return measure(data, work, plan)


@pytest.mark.long
def test_every_system_goes_through_the_whole_stream(known):
    assert list(known) == [name for name in SYSTEMS if name in TRIED]
    for runs in known.values():
        run = runs["0"]
        assert run["messages"] == [20, 40]
        assert all(len(run[name]) == 2 for name in LISTS)
        assert run["labels_used"] == sorted(run["labels_used"])
        assert run["labels_used"][-1] == 3 + run["answered"] + run["corrections"] + run["confirmations"]
        assert run["asked"] <= 2 * run["rules"]["questions"]
        assert all(0 <= share <= 1 for share in (*run["handled_right"], *run["test_accuracy"]))
        assert run["repeated"] <= run["wrong"]
    assert known["ours"]["0"]["same_labels"].keys() == {"tfidf", "frozen"}


@pytest.mark.long
def test_where_only_answers_give_labels_nobody_corrects(known):
    for name in ("answers_random", "answers_50"):
        run = known[name]["0"]
        assert run["rules"]["correct"] == run["corrections"] == run["confirmations"] == 0
        assert run["wrong"] > 0


@pytest.mark.long
def test_ours_tries_a_fine_tune_once_there_are_labels_enough(known):
    last = known["ours"]["0"]["trained"][-1]
    assert {"head", "fine_tune", "held_out"} <= last.keys()
    better = "fine_tune" if last["fine_tune"] >= last["head"] else "day_one"
    assert last["kind"] == better


@pytest.mark.long
def test_only_a_system_that_says_so_has_messages_around(data, tmp_path, plan, monkeypatch):
    monkeypatch.setattr("classifier.model.neighbor_smoothing.SHARES", (0.5,))
    monkeypatch.setattr("classifier.training.fit_smoothing.FEWEST", 1)
    known = measure(data, tmp_path, replace(plan, systems=("ours", "around")))
    moved = {name: [day.get("moved") for day in runs["0"]["trained"]] for name, runs in known.items()}
    assert set(moved["ours"]) == {None}
    assert moved["around"][-1] == 0.5


@pytest.mark.long
def test_a_second_run_takes_what_was_kept(data, work, plan, known, monkeypatch):
    monkeypatch.setattr(learning, "_run", None)
    assert measure(data, work, plan) == known
    assert measure(data, work, replace(plan, seeds=())) == known


def test_a_run_of_other_rules_takes_the_place_of_the_old_one(data, tmp_path, plan):
    plan = replace(plan, systems=("tfidf",))
    first = measure(data, tmp_path, plan)["tfidf"]["0"]
    fewer = measure(data, tmp_path, replace(plan, rules=replace(RULES, questions=0)))["tfidf"]["0"]
    assert first["asked"] > fewer["asked"] == 0
    assert measure(data, tmp_path, replace(plan, seeds=()))["tfidf"]["0"] == fewer


def test_a_system_may_have_a_recipe_of_its_own(data, tmp_path, plan):
    plan = replace(plan, systems=("no_memory", "ours"), recipe="head")
    known = measure(data, tmp_path, plan)
    assert (known["ours"]["0"]["recipe"], known["no_memory"]["0"]["recipe"]) == ("head", "quick")
    assert "fine_tune" in known["no_memory"]["0"]["trained"][-1]
    assert "fine_tune" not in known["ours"]["0"]["trained"][-1]
    assert "quick recipe too: ours without memory." in table(summary(known))


@pytest.mark.long
def test_a_demand_is_judged_on_the_seeds_that_all_it_compares_have(known):
    two = {name: dict(runs) for name, runs in known.items()}
    two["ours"]["1"] = known["ours"]["0"]
    rows = {row["name"]: row["seeds"].keys() for row in demands(summary(two))}
    assert rows["above TF-IDF, same labels, points"] == {"0", "1"}
    assert rows["above TF-IDF, its own labels, points"] == {"0"}


@pytest.mark.long
def test_a_run_that_was_stopped_goes_on_where_it_was(data, tmp_path, plan, known, monkeypatch):
    plan = replace(plan, systems=("ours",))

    class Stopped(Exception):
        pass

    def stop(line):
        if "day 1 of 2" in line:
            raise Stopped

    monkeypatch.setattr(learning, "say", stop)
    with pytest.raises(Stopped):
        measure(data, tmp_path, plan)
    days = []
    monkeypatch.setattr(learning, "say", days.append)
    again = measure(data, tmp_path, plan)["ours"]["0"]
    whole = known["ours"]["0"]
    assert next(line for line in days if ", day " in line).startswith("seed 0: ours, day 2 of 2")
    assert {name: again[name] for name in LISTS} == {name: whole[name] for name in LISTS}
    assert not list(tmp_path.glob("*.part"))


def test_all_systems_meet_the_same_messages_and_the_same_staff(data):
    train, test = banking77(data)
    stream = draw_stream(train, test, 40, 0)
    assert stream == draw_stream(train, test, 40, 0)
    assert stream != draw_stream(train, test, 40, 1)
    assert [e.label for e in stream.start] == list(stream.categories)
    one, two = draw_staff(stream, RULES, 0), draw_staff(stream, RULES, 0, flipper=True)
    assert all((getattr(one, name) == getattr(two, name)).all() for name in ("correct", "answer", "person"))
    for person, honest, poisoned, example in zip(
        one.person, one.said, two.said, stream.messages, strict=True
    ):
        assert poisoned == honest or (person == 0 and poisoned != example.label)
        assert person != 0 or poisoned != example.label


def test_the_chances_are_those_of_the_rules():
    many = [Example(f"{label} {n}", label) for label in ("a", "b", "c", "d") for n in range(2001)]
    rules = Rules(messages=8000)
    staff = draw_staff(draw_stream(many, many, 8000, 3), rules, 3)
    stream = draw_stream(many, many, 8000, 3)
    wrong = np.mean([said != e.label for said, e in zip(staff.said, stream.messages, strict=True)])
    found = [staff.correct.mean(), staff.answer.mean(), staff.confirm.mean(), wrong]
    assert found == pytest.approx([0.5, 0.8, 0.1, 0.05], abs=0.02)
    assert np.bincount(staff.person) / 8000 == pytest.approx(np.full(5, 0.2), abs=0.02)


def test_a_stream_longer_than_the_file_is_refused(data):
    train, _ = banking77(data)
    with pytest.raises(InvalidInput, match="117 messages are left"):
        draw_stream(train, train, 200, 0)


class Stubborn:
    """Says the same category of every message, whatever it is taught."""

    def __init__(self, vectors):
        self._vectors = vectors

    def learn(self, examples, *, unlabelled, last):
        assert not {example.text for example in examples} & set(unlabelled)
        return {"labels": len(examples), "last": last}

    def answer(self, texts):
        vectors = np.stack([self._vectors[text] for text in texts])
        return Answered(np.tile([0.6, 0.4], (len(texts), 1)), vectors, np.ones(len(texts), dtype=bool))

    def similarities(self):
        return 0.95, 0.9


def stubborn_run(*, memory, questions=0, truth="b", messages=6):
    """Six times nearly the same message of b; the model always says a; every wrong routing is corrected."""
    stream_of = [Example(f"again {n}", truth) for n in range(messages)]
    start = (Example("start a", "a"), Example("start b", "b"))
    stream = learning.Stream(start, tuple(stream_of), (Example("test", truth),), ("a", "b"))
    rules = Rules(messages=messages, every=3, questions=questions, correct=1.1, confirm=0.0, wrong=0.0)
    vectors = {e.text: np.array([0.0, 0.6, 0.8]) for e in stream_of}
    vectors |= {"start a": np.array([1.0, 0, 0]), "start b": np.array([0, 1.0, 0]), "test": np.ones(3)}
    run = Run(
        system=System("s", "ours", memory=memory),
        stream=stream,
        staff=draw_staff(stream, rules, 0),
        rules=rules,
        vectors=vectors,
        learner=Stubborn(vectors),
        course=Course(),
        keep=lambda course: None,
    )
    return run.finish()


def test_memory_does_not_repeat_what_was_corrected():
    without, remembered = stubborn_run(memory=False), stubborn_run(memory=True)
    assert (without.wrong, without.repeated, without.corrections) == (6, 5, 6)
    assert without.handled_right == [0, 0]
    # one colleague's word only leads a question, for which this run has no room: it takes two
    assert (remembered.wrong, remembered.repeated, remembered.corrections) == (2, 1, 2)
    assert remembered.handled_right == [1 / 3, 2 / 3]
    assert remembered.moved == 4


def test_a_question_is_no_routing_and_counts_as_right_when_it_is_answered_rightly():
    asked = stubborn_run(memory=False, questions=3)
    assert (asked.asked, asked.wrong) == (6, 0)
    assert sum(asked.handled) == asked.answered == len(asked.labels)


@pytest.mark.long
def test_the_table_and_the_picture_show_what_was_measured(known):
    measured = summary(known)
    for system in measured.values():
        assert {"messages", "handled_right", "labels_used", "test_accuracy"} <= system.keys()
    said = table(measured)
    assert "| ours |" in said
    assert "| TF-IDF + LogisticRegression |" in said
    assert {row["name"] for row in demands(measured)} >= {"above the frozen encoder, same labels, points"}
    png = draw(measured)
    assert png.startswith(b"\x89PNG")
    assert png == draw(measured)
    json.dumps(measured)


@pytest.mark.long
def test_two_systems_alone_have_a_table_too(known):
    measured = summary({name: known[name] for name in ("tfidf", "frozen")})
    assert demands(measured) == []
    assert draw(measured).startswith(b"\x89PNG")


def test_the_command_prints_the_table_and_writes_curves(data, base, tmp_path):
    options = ["--data", data, "--work", tmp_path / "work", "--only", "tfidf", "--seed", 0, "--seed", 1]
    options += ["--stream", 40, "--every", 20, "--questions", 4, "--base-model", base, "--threads", 1]
    options += ["--json", tmp_path / "learning.json", "--png", tmp_path / "curves" / "learning.png"]
    done = CliRunner().invoke(bench, ["learning", *map(str, options)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "| TF-IDF + LogisticRegression |" in done.output
    found = json.loads((tmp_path / "learning.json").read_text())
    assert found["tfidf"]["messages"] == [20, 40]
    assert found["tfidf"]["seeds"].keys() == {"0", "1"}
    assert (tmp_path / "curves" / "learning.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.long
def test_runs_go_side_by_side(data, tmp_path):
    options = ["learning", "--part", "tfidf", "--part", "frozen", "--workers", "2"]
    options += ["--data", data, "--work", tmp_path / "work", "--results", tmp_path]
    command = [sys.executable, "-m", "benchmarks", *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    # the workers began, and said what these few messages do not suffice for
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        "error: 117 messages are left for a stream of 4000: name a shorter one",
    )


def test_unknown_names_are_refused(data, work, plan):
    with pytest.raises(InvalidInput, match="no system 'best'"):
        measure(data, work, replace(plan, systems=("best",)))
    with pytest.raises(InvalidInput, match="no recipe 'slow'"):
        measure(data, work, replace(plan, recipe="slow"))


def test_a_missing_file_is_refused(tmp_path, plan):
    with pytest.raises(InvalidInput, match="does not exist"):
        measure(Path(tmp_path), tmp_path / "work", plan)


def test_one_message_a_category_is_enough_for_a_day_one_model(base):
    once = list({example.label: example for example in messages(1)}.values())
    model = fit_day_one(once, config_for(base, minimum_per_label=1, int8_check=0), created=NOW).model
    said = TorchPredictor(model).predict([example.text for example in once])
    assert [prediction.category for prediction in said] == [example.label for example in once]
    assert all(0 <= prediction.out_of_scope <= 1 for prediction in said)
