"""Faithfulness of words that a real (tiny) model shows, and the benchmark's command."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.cli import bench
from classifier.contract import InvalidInput
from classifier.data.dataset import Example
from classifier.explanation.faithfulness import (
    CHANCE,
    GREEDY,
    LEFT_OUT,
    PLAIN,
    REPLY,
    faithfulness,
    measurable,
)
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.directory import save_model_directory
from classifier.training.word_scorer import score_words
from tests.factories.tiny_bert import messages, tiny_bert, tiny_model, write_messages

TEXTS = [f"hello the {example.text} is again my" for example in messages(8, seed=7)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    model = tiny_model(tiny_bert(tmp_path_factory.mktemp("base")))
    score_words(model, [example.text for example in messages(60, seed=5)], messages=80)
    return model


@pytest.fixture(scope="module")
def report(model):
    return faithfulness(TorchPredictor(model), TEXTS)


def test_chance_and_the_bound_stand_beside_every_method(report):
    assert list(report.methods) == [REPLY, PLAIN, LEFT_OUT, CHANCE, GREEDY]
    assert report.messages == len(TEXTS)


def test_nothing_passes_greedy_by_much_and_chance_is_worse(report):
    greedy = report.methods[GREEDY].comprehensiveness.mean
    for name in (REPLY, PLAIN, LEFT_OUT, CHANCE):
        assert report.methods[name].comprehensiveness.mean <= greedy + 0.02
    assert report.methods[CHANCE].comprehensiveness.mean < report.methods[LEFT_OUT].comprehensiveness.mean
    assert report.methods[GREEDY].of_greedy.mean == pytest.approx(1)


def test_leaving_one_out_agrees_with_itself_and_intervals_hold_their_means(report):
    assert report.methods[LEFT_OUT].agreement.mean == pytest.approx(1)
    assert np.isnan(report.methods[GREEDY].agreement.mean)
    for row in report.methods.values():
        for measure in (row.comprehensiveness, row.sufficiency, row.wins, row.of_greedy):
            assert measure.low <= measure.mean <= measure.high


def test_stability_counts_the_messages_in_which_something_was_swapped(report):
    assert report.swapped == len(TEXTS)
    assert 0 <= report.stability.mean <= 1


def test_the_same_seed_measures_the_same(model, report):
    again = faithfulness(TorchPredictor(model), TEXTS)
    assert again.methods[CHANCE] == report.methods[CHANCE]


def test_only_messages_of_several_words_are_drawn(model):
    found = measurable(TorchPredictor(model), ["vpn", *TEXTS, "vpn " * 50], most=5)
    assert len(found) == 5
    assert set(found) <= set(TEXTS)


def test_one_message_is_too_few(model):
    with pytest.raises(InvalidInput, match="at least two"):
        faithfulness(TorchPredictor(model), TEXTS[:1])


def test_the_command_prints_tables_and_writes_what_it_measured(model, tmp_path):
    save_model_directory(model, tmp_path / "model")
    write_messages(tmp_path / "texts.csv", [Example(text, "login") for text in TEXTS])
    options = ["--model", tmp_path / "model", "--texts", tmp_path / "texts.csv", "--messages", 6]
    options += ["--json", tmp_path / "out.json"]
    done = CliRunner().invoke(bench, ["explanations", *map(str, options)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "| greedy deletion |" in done.output
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["faithfulness"]["messages"] == 6
    assert found["reference"] > 0.9
    assert found["why"]["flips"] in {None, 1.0}
    assert found["why"]["minimal"] in {None, 1.0}
    assert set(found["overhead"]) == {"batches", "single"}
