"""The serving benchmark end to end, in real processes. Its figures are the machine's; no test knows them."""

import json

import pytest
from typer.testing import CliRunner

from benchmarks.cli import bench
from benchmarks.gpu.models import Size
from benchmarks.serving import serving
from benchmarks.serving.contender import obey, open_contender
from benchmarks.serving.contender_process import ContenderFailed, ContenderProcess
from benchmarks.serving.rows import CONTENDERS
from benchmarks.serving.shapes import SHAPES, write_shape
from benchmarks.turns import Spec
from classifier.contract import InvalidInput
from classifier.model.directory import load_model_directory, save_model_directory
from tests.factories.tiny_bert import messages, tiny_bert, tiny_model

BRIEF = serving.ServingPlan(
    rounds=2,
    seconds=0.05,
    open_seconds=0.3,
    saturating_seconds=0.05,
    shares=(0.3, 0.9),
    messages=60,
    long_texts=8,
)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    place = tmp_path_factory.mktemp("serving")
    base = tiny_bert(place / "base", positions=160)
    save_model_directory(tiny_model(base, word_scorer=0), place / "model")
    return place / "model"


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    rows = [f"{example.text},{example.label}" for example in messages(40, out_of_scope=5, seed=7)]
    file = tmp_path_factory.mktemp("texts") / "texts.csv"
    file.write_text("\n".join(["text,label", *rows]) + "\n")
    return file


def spec_of(name, model):
    module, kind, padded = CONTENDERS[name]
    labelled = [(example.text, example.label) for example in messages(10, seed=3)]
    unseen = [example.text for example in messages(10, seed=4)]
    return Spec(module, kind, str(model), {"messages": unseen}, labelled, padded)


def run(*options):
    return CliRunner().invoke(bench, [str(option) for option in options], catch_exceptions=False)


@pytest.mark.long
def test_the_command_measures_everyone_in_turns(model, texts, tmp_path, monkeypatch):
    monkeypatch.setattr(serving, "QUICK", BRIEF)
    options = ["--model", model, "--texts", texts, "--quick", "--json", tmp_path / "serving.json"]
    done = run("serving", *options, "--only", "pipeline-32", "--only", "tfidf-32")
    assert done.exit_code == 0
    found = json.loads((tmp_path / "serving.json").read_text())
    names = {row["name"] for row in found["rows"]}
    assert {"pipeline-32", "tfidf-32", "ours-1", "ours-32"} <= names
    assert "ours-1024" not in names  # there are 60 messages
    assert {"http-32", "http-1", "long-ours-32", "long-pipeline-32"} <= names
    for row in found["rows"]:
        assert 0 < row["rate"]["min"] <= row["rate"]["median"] <= row["rate"]["max"]
        assert len(row["turns"]) == 2
        assert row["failed"] == 0
    assert ("ours-32", "pipeline-32") in {(ratio["of"], ratio["to"]) for ratio in found["ratios"]}
    assert [rate["share"] for rate in found["open_loop"]] == [0.3, 0.9]
    assert all(rate["failed"] == 0 for rate in found["open_loop"])
    assert found["texts"]["messages"] == 60
    assert found["gates"]["accuracy"].keys() == {"ours", "reference", "tfidf-32"}
    assert found["gates"]["accuracy"]["ours"] > 0.8
    assert found["gates"]["agreement"]["category"] > 0.9
    assert found["memory"]["http"]["peak_mib"] > found["memory"]["tfidf-32"]["peak_mib"]
    assert found["service"].keys() == {"ready_first_seconds", "ready_again_seconds"}
    assert found["ceiling"]["int8_ops"] > 0
    assert not found["left_out"]
    assert "| ratio within a round |" in done.output


@pytest.mark.parametrize("name", ["pipeline-1", "pipeline-padded", "eager-32", "frozen-32", "onnx-int8-32"])
def test_every_baseline_answers_each_text(name, model, monkeypatch):
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")  # a pipeline would set it for the whole process
    spec = spec_of(name, model)
    contender = open_contender(spec)
    found = obey(contender, spec, {"do": "answers", "texts": "messages"})
    assert len(found["categories"]) == 30
    turn = {"do": "turn", "texts": "messages", "batch": 8, "callers": 1, "seconds": 100.0, "start": 5}
    assert obey(contender, spec, turn)["messages"] == 30
    contender.close()


def test_plain_onnx_runtime_answers_as_the_model_does(model):
    answers = {}
    for name in ("onnx-int8-32", "reference"):
        spec = spec_of(name, model)
        answers[name] = obey(open_contender(spec), spec, {"do": "answers", "texts": "messages"})["categories"]
    same = [a == b for a, b in zip(answers["onnx-int8-32"], answers["reference"], strict=True)]
    assert sum(same) >= 29


def test_unknown_commands_are_refused(model):
    spec = spec_of("tfidf-32", model)
    with pytest.raises(InvalidInput, match="turn, answers"):
        obey(open_contender(spec), spec, {"do": "dance", "texts": "messages"})


@pytest.mark.long
def test_a_contender_that_cannot_go_on_is_said_with_its_reason(tmp_path, model):
    broken = Spec("text_contenders", "Nobody", str(model), {}, [])
    with (
        ContenderProcess("nobody", broken, tmp_path) as process,
        pytest.raises(ContenderFailed, match="Nobody"),
    ):
        process.ready()
    with ContenderProcess("tfidf-32", spec_of("tfidf-32", model), tmp_path) as process:
        assert process.ready()["ready_seconds"] > 0
        with pytest.raises(ContenderFailed, match="no command 'dance'"):
            process.ask("dance", "messages")
        assert len(process.ask("answers", "messages")["categories"]) == 30


def test_a_model_of_another_shape_keeps_tokenizer_and_categories(model, tmp_path, monkeypatch):
    monkeypatch.setitem(SHAPES, "small", Size("small", layers=3, hidden=48, heads=6, inner=96))
    made = load_model_directory(write_shape(model, "small", tmp_path / "small"))
    given = load_model_directory(model)
    assert made.facts.labels == given.facts.labels
    assert made.facts.version != given.facts.version
    assert made.network.encoder.config.hidden_size == 48
    assert made.tokenizer.get_vocab() == given.tokenizer.get_vocab()
    assert made.ranges
    assert made.facts.int8_agreement == 1.0
    with pytest.raises(InvalidInput, match="bert-base"):
        write_shape(model, "large", tmp_path / "large")


def test_one_of_model_and_address_is_asked_for(texts):
    with pytest.raises(InvalidInput, match="--url"):
        run("load", "--texts", texts)
