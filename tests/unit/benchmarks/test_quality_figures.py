import pytest

from benchmarks.quality.quality import flip, summary
from benchmarks.quality.table import table
from classifier.data.dataset import Example


def test_one_voice_flips_its_labels():
    examples = [Example(f"message {n}", f"label {n % 4}") for n in range(100)]
    flipped = flip(examples, 0.2, 0)
    wrong = [a for a, b in zip(flipped, examples, strict=True) if a.label != b.label]
    assert len(wrong) == 20
    assert {example.voice for example in wrong} == {"one"}


def test_the_table_says_what_was_met():
    rows = {"0": {"accuracy": 0.95}, "1": {"accuracy": 0.945}}
    known = {"banking": rows, "noisy": {"0": {"accuracy": 0.93}}}
    assert summary(known)["banking"]["accuracy"]["mean"] == pytest.approx(0.9475)
    text = table(known)
    assert "| reached |" in text
    assert "| not met |" in text
