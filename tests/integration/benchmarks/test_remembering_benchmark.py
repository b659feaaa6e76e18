"""The benchmark of the memory on a tiny encoder and some dozens of messages."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.learning.learners import Said
from benchmarks.learning.learning import FILES
from benchmarks.learning.parts import Memory
from benchmarks.learning.stream import Rules, Stream, draw_staff
from benchmarks.studies.remembering import KINDS, MEMORIES, _follow, measure, table
from classifier.data.dataset import Example
from tests.factories.tiny_bert import config_for, messages, tiny_bert, write_messages


@pytest.fixture
def data(tmp_path):
    for name, each, seed in zip(FILES, (40, 4), (0, 9), strict=True):
        write_messages(tmp_path / name, messages(each, seed=seed))
    return tmp_path


def test_every_message_counts_once_for_each_model_and_memory(data, tmp_path):
    config = config_for(tiny_bert(tmp_path / "base"), epochs=1)
    found = measure(data, tmp_path, config, seeds=(0,), sizes=(10, 40, 30))
    assert list(found) == list(KINDS)
    for of_kind in found.values():
        assert tuple(of_kind) == MEMORIES
        for row in of_kind.values():
            assert row["messages"] == 30
            assert row["overruled"] >= row["to_right"] + row["from_right"]
            assert row["asked"] >= row["asked_wrong"]
            assert row["repeated"] >= row["repeated_left"]
    assert table(found).count("| 30 |") == 4


@pytest.mark.parametrize(("confidence", "asked"), [(0.7, 0), (0.95, 1)])
def test_what_was_corrected_is_not_repeated(confidence, asked):
    """Four times the same message of b; the model always says a; every wrong routing is corrected."""
    stream = Stream((), tuple(Example(f"again {n}", "b") for n in range(4)), (), ("a", "b"))
    staff = draw_staff(stream, Rules(correct=1.1, wrong=0.0), 0)
    vector = np.array([0.6, 0.8])
    said = Said(
        np.tile([confidence, 1 - confidence], (4, 1)), np.tile(vector, (4, 1)), np.ones(4, dtype=bool)
    )
    counts = _follow(
        range(4), said, stream, staff, {e.text: vector for e in stream.messages}, Memory(0.9, 0.8), []
    )
    assert (counts["messages"], counts["right"]) == (4, 0)
    assert (counts["overruled"], counts["to_right"], counts["from_right"]) == (3 - asked, 3 - asked, 0)
    assert (counts["asked"], counts["asked_wrong"]) == (asked, asked)
    assert (counts["repeated"], counts["repeated_left"]) == (3, 0)
