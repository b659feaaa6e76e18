"""What the training benchmark reports. Its figures are the machine's; no test can know them."""

import json

import pytest
from typer.testing import CliRunner

from benchmarks.cli import bench
from benchmarks.training import TutorialLoop, measure, time_ours
from classifier.contract import InvalidInput
from tests.factories.tiny_bert import config_for, messages, tiny_bert


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("base"), positions=128)


@pytest.fixture
def labels(tmp_path):
    rows = [f"{example.text},{example.label}" for example in messages(30, out_of_scope=10)]
    (tmp_path / "labels.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    return tmp_path / "labels.csv"


def test_the_command_prints_a_table_and_writes_what_it_measured(base, labels, tmp_path):
    options = ["--texts", labels, "--base-model", base, "--repeats", 2, "--tutorial-batches", 1]
    options += ["--messages", 90, "--json", tmp_path / "out" / "bench.json", "--no-memory"]
    done = CliRunner().invoke(bench, ["training", *map(str, options)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "| tutorial |" in done.output
    found = json.loads((tmp_path / "out" / "bench.json").read_text())
    assert found["messages"] == 90
    assert found["texts"] == "labels.csv"
    assert len(found["turns"]) == 2
    for name in ("ours", "tutorial"):
        rates = found[name]["messages_per_second"]
        assert 0 < rates["min"] <= rates["median"] <= rates["max"]
        assert found[name]["epoch_seconds"] == pytest.approx(90 / rates["median"])
        assert found[name]["peak_mib"] is None
    turn = found["turns"][0]
    assert turn["ratio"] == pytest.approx(turn["ours"] / turn["tutorial"])
    assert {"processor", "cores", "threads", "device", "bfloat16", "torch"} <= found["machine"].keys()


@pytest.mark.long
def test_each_loop_is_measured_for_memory_in_its_own_process(base):
    found = measure(messages(30), config_for(base), texts="made up", repeats=1, tutorial_steps=1)
    assert found["ours"]["peak_mib"] > 50
    assert found["tutorial"]["peak_mib"] > 50


def test_the_first_batch_is_not_timed(base):
    assert time_ours(messages(30), config_for(base)).messages == 90 - 32
    assert TutorialLoop(messages(32), config_for(base)).run(2).messages == 64


def test_too_few_messages_are_refused(base):
    with pytest.raises(InvalidInput, match="more than 64"):
        measure(messages(10), config_for(base), texts="made up")
