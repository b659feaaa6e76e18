import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from bot.app.cli import app
from classifier.contract import InvalidInput
from classifier.training.fit import fit
from classifier.training.out_of_fold import find_suspects, fine_tuned
from tests.factories.tiny_bert import config_for, messages, tiny_bert

OTHER = {"billing": "login", "login": "network", "network": "billing", "oos": "oos"}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("base"))


def flipped(every=8):
    """Messages of which every eighth label is wrong."""
    given = [replace(example, voice=f"v{n % 3}") for n, example in enumerate(messages(30))]
    return [replace(e, label=OTHER[e.label]) if n % every == 0 else e for n, e in enumerate(given)]


def write(path, examples):
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = ((e.text, e.label, e.voice) for e in examples)
        csv.writer(file).writerows([("text", "label", "voice"), *rows])
    return path


def suspects(*arguments):
    return CliRunner().invoke(app, ["labels", "suspects", *map(str, arguments)])


def test_fine_tunes_judge_messages_that_they_have_not_learned_from(base):
    examples = messages(40, out_of_scope=20)
    labels = ("billing", "login", "network", "oos")
    said = fine_tuned(examples, labels, config_for(base), 2, lambda _: None, fit)
    assert np.allclose(said.sum(axis=1), 1)
    inside = [n for n, example in enumerate(examples) if example.label != "oos"]
    right = [labels[said[n, :3].argmax()] == examples[n].label for n in inside]
    assert np.mean(right) > 0.8


def test_a_thorough_review_suspects_flipped_labels_far_more_often_than_right_ones(base):
    examples = flipped()
    review = find_suspects(examples, config_for(base), folds=4, fit=fit)
    rows = {suspect.row for suspect in review.suspects}
    wrong = set(range(0, len(examples), 8))
    # the tiny encoder begins from random weights and learns some of the noise
    assert len(rows & wrong) / len(wrong) > 4 * len(rows - wrong) / (len(examples) - len(wrong))
    assert len(review.kept) < len(examples)


def test_messages_out_of_scope_can_be_reviewed_too(base):
    examples = messages(10, out_of_scope=10)
    done = []
    review = find_suspects(examples, config_for(base), done.append, folds=2)
    assert all(0 <= suspect.score <= 1 for suspect in review.suspects)
    assert done[-1].fraction == 1.0


def test_one_fold_is_refused(base):
    with pytest.raises(InvalidInput, match="2 or more"):
        find_suspects(messages(5), config_for(base), folds=1)


def test_the_command_lists_suspects_and_writes_what_is_left(base, tmp_path):
    file = write(tmp_path / "labels.csv", flipped())
    result = suspects(file, "--json", "--folds", 2, "--base-model", base, "--output", tmp_path / "clean.csv")
    assert result.exit_code == 0, result.output
    listed = [json.loads(line) for line in result.stdout.splitlines()]
    assert all(set(s) == {"row", "text", "label", "suggested", "score", "voice"} for s in listed)
    with (tmp_path / "clean.csv").open(encoding="utf-8", newline="") as clean:
        rows = list(csv.DictReader(clean))
    assert rows
    assert len(rows) <= 90
    assert set(rows[0]) == {"text", "label", "weight", "voice"}
    assert "labels are suspicious" in result.stderr


def test_the_command_does_not_overwrite(base, tmp_path):
    file = write(tmp_path / "labels.csv", flipped())
    result = suspects(file, "--output", file, "--base-model", base)
    assert isinstance(result.exception, InvalidInput)
    assert "exists already" in str(result.exception)
