"""The benchmark of the gate, on a tiny encoder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.public_data import FILES
from benchmarks.quality.gate import CATEGORIES, Challenger, challengers, measure, spoil, table
from classifier.contract import InvalidInput
from classifier.data.dataset import Example
from tests.factories.tiny_bert import TOPICS, config_for, messages, tiny_bert, write_messages

TOPIC = tuple(TOPICS)


def write(folder: Path) -> Path:
    for name, each, seed in zip(FILES, (40, 30), (0, 9), strict=True):
        rows = [
            e if e.label != "oos" else Example(e.text, "chat")
            for e in messages(each, out_of_scope=each, seed=seed)
        ]
        write_messages(folder / name, rows)
    return folder


def test_there_are_twenty_worse_and_twenty_equal_ones_that_all_differ():
    plan = challengers()
    assert Counter(c.kind for c in plan) == {"worse": 20, "equal": 20}
    assert len({c.seed for c in plan}) == 40
    assert 0 not in {c.seed for c in plan}  # the champion's
    assert len(set(CATEGORIES)) == 20


def test_a_challenger_is_made_worse_in_the_way_that_it_says():
    examples = [Example(f"{label} {i}", label) for label in TOPIC for i in range(20)]
    noisy = spoil(examples, Challenger("n", "worse", 1, noise=0.2), TOPIC)
    assert sum(a.label != b.label for a, b in zip(noisy, examples, strict=True)) == 12
    gone = spoil(examples, Challenger("g", "worse", 1, lost="login"), TOPIC)
    assert Counter(e.label for e in gone) == {"billing": 20, "network": 20}
    moved = spoil(examples, Challenger("m", "worse", 1, lost="login", lost_to="network", kept=3), TOPIC)
    assert Counter(e.label for e in moved) == {"billing": 20, "login": 3, "network": 37}
    assert spoil(examples, Challenger("s", "equal", 1), TOPIC) == examples
    assert spoil(examples, Challenger("n", "worse", 1, noise=0.2), TOPIC) == noisy


def test_worse_challengers_are_refused_and_the_same_again_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    plan = [
        Challenger("a category taken out", "worse", 1, lost="login"),
        Challenger("one epoch", "worse", 2, epochs=1),
        Challenger("the same again", "equal", 0),
    ]
    said: list[str] = []
    monkeypatch.setattr("benchmarks.quality.gate.say", said.append)
    measured = measure(
        write(tmp_path),
        config=config_for(tiny_bert(tmp_path / "base")),
        plan=plan,
        categories=TOPIC,
        each=24,
        outside=25,
    )
    assert (measured["promoted_worse"], measured["promoted_equal"]) == (0, 1)
    assert measured["gold"] == 3 * 30 + 25
    assert [row["name"] for row in measured["worse"]] == ["a category taken out", "one epoch"]
    assert "recall" in measured["worse"][0]["failed"]
    assert len(said) == 3
    assert "Worse ones promoted: 0 of 2; equal or better ones: 1 of 1." in table(measured)
    assert "| equal: the same again | 1 | 1 |" in table(measured)


def test_a_category_that_the_file_lacks_is_named(tmp_path: Path):
    with pytest.raises(InvalidInput, match="no message of 'cats'"):
        measure(write(tmp_path), categories=("billing", "cats"))
