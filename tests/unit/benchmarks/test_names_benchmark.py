"""What the benchmark of names counts."""

from __future__ import annotations

import numpy as np

from benchmarks.studies.names import WAYS, measure, table
from classifier.data.dataset import Category, Example, StarterPack
from classifier.training.fit import TrainingConfig

PLACES = {"one": [1.0, 0.0], "two": [0.0, 1.0], "misleading": [0.5, 0.6]}


def place(texts, _config):
    """A text lies where its first word says."""
    return np.array([PLACES[text.split()[0]] for text in texts])


def test_a_name_or_description_teaches_where_the_messages_mislead():
    pack = StarterPack(
        (Category("a", "one name", "", "one about", ""), Category("b", "two name", "", "two about", "")),
        tuple(Example(f"misleading {n}", "a") for n in range(4))
        + tuple(Example(f"two {n}", "b") for n in range(4)),
        (Example("one judge", "a"), Example("two judge", "b"), Example("one more", "oos")),
    )
    measured = measure(pack, TrainingConfig(), each=(1, 2), embed=place)
    assert (measured["categories"], measured["judged"]) == (2, 2)
    assert [row["each"] for row in measured["rows"]] == [1, 2]
    for row in measured["rows"]:
        assert row["with both"] == 1.0 >= row["with names"] >= row["messages alone"]
    assert table(measured).count("100.0%") >= 2
    assert all(way in table(measured) for way in WAYS)
