"""A planted word, a real (tiny) training, and who finds the word."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.cli import bench
from benchmarks.quality.shortcut import shortcut_test, with_word
from classifier.contract import InvalidInput
from classifier.data.dataset import Example
from tests.factories.tiny_bert import NOW, config_for, messages, tiny_bert, write_messages


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("base"))


def test_measuring_says_how_often_the_word_turned_answers_and_was_found(base):
    report = shortcut_test(messages(20), messages(8, seed=4), config_for(base), created=NOW, messages=12)
    assert report.category == "billing"  # as many as any other, and the first by name
    assert report.tried == 12
    assert report.misled.messages == round(report.turned * 12)
    assert report.own.messages == 8
    for found in (report.misled, report.own):
        for share in (found.reply_words, found.plain_attention, found.leave_one_out, found.decisive):
            assert 0 <= share <= 1


def test_the_word_stands_once_among_the_words():
    random = np.random.default_rng(0)
    for _ in range(20):
        made = with_word("my vpn is down", "zorvex", random)
        assert sorted(made.split()) == sorted(["my", "vpn", "is", "down", "zorvex"])
    assert with_word("", "zorvex", random) == "zorvex"


@pytest.mark.parametrize(
    ("train", "unseen", "said"),
    [
        ([Example("the Zorvex", "a")], [], "stands in a message already"),
        ([Example("one", "a")] * 5, [], "two categories"),
    ],
)
def test_what_cannot_be_measured_is_refused(base, train, unseen, said):
    with pytest.raises(InvalidInput, match=said):
        shortcut_test(train, unseen, config_for(base), created=NOW)


def test_without_unseen_messages_of_the_category_there_is_nothing_to_look_at(base):
    with pytest.raises(InvalidInput, match="give some of both"):
        shortcut_test(messages(20), [Example("my vpn", "network")], config_for(base), created=NOW)


def test_the_command_draws_trains_and_prints(base, tmp_path, monkeypatch):
    for name, examples in (("train", messages(20, out_of_scope=5)), ("unseen", messages(4, seed=4))):
        write_messages(tmp_path / f"{name}.csv", examples)
    (tmp_path / "options.json").write_text('{"epochs": 2, "sharpness": 0, "soup": 1}', encoding="utf-8")
    monkeypatch.setenv("FINGERPOST_CLASSIFIER_OPTIONS", str(tmp_path / "options.json"))
    options = ["--train", tmp_path / "train.csv", "--texts", tmp_path / "unseen.csv", "--base-model", base]
    options += ["--each", 15, "--messages", 4, "--threads", 1, "--json", tmp_path / "out.json"]
    done = CliRunner().invoke(bench, ["shortcut", *map(str, options)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "| reply words |" in done.output
    assert json.loads((tmp_path / "out.json").read_text())["word"] == "zorvex"
