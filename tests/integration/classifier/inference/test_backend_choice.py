"""The race of backends on a real (tiny) model: what wins, what is refused, what is kept."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from classifier.inference import backend_choice as race
from classifier.inference import backend_timing as racing
from classifier.inference import loading
from classifier.inference.backends.bert_graph import build_graph
from classifier.inference.loading import LoadSettings, load
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.directory import load_model_directory, save_model_directory
from classifier.text.tokenize import batches_by_budget
from classifier.training.int8_training import prepare_int8, source_of
from tests.factories.tiny_bert import messages, tiny_bert, tiny_model
from tests.factories.tiny_encoders import distilbert

TEXTS = [example.text for example in messages(8, out_of_scope=4, seed=3)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_model(tiny_bert(tmp_path_factory.mktemp("base")), epochs=4)


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model"
    save_model_directory(replace_facts(model, int8_agreement=1.0), path)
    return path


def replace_facts(model, **changes):
    return replace(model, facts=replace(model.facts, **changes))


SPEEDS = {"side_by_side": 10.0, "together": 8.0, "alone": 5.0, "alone_narrow": 4.0}


@pytest.fixture
def raced(folder, tmp_path, monkeypatch):
    """Choose with a race in a real child process; its runs are counted."""
    runs = []
    run = subprocess.run

    def counted(command, **options):
        runs.append(command)
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", counted)
    return lambda path=folder: race.choose(path, 2, tmp_path / "races"), runs, tmp_path / "races"


def test_a_race_is_run_once_and_kept(raced):
    choose, runs, cache = raced
    choice = choose()
    assert choice.backend in ("onnx-int8", "onnx-fp32", "torch-bf16")
    assert choose() == choice
    assert len(runs) == 1
    [speeds] = cache.glob("speeds-*.json")
    assert set(json.loads(speeds.read_text())) >= {"onnx-fp32", "onnx-int8"}


def test_the_next_version_of_a_model_passes_the_gate_without_racing_again(raced, model, tmp_path):
    choose, runs, _ = raced
    choose()
    save_model_directory(replace_facts(model, int8_agreement=0.9), tmp_path / "next")
    choice = choose(tmp_path / "next")
    assert runs[1][-1] == "refused"
    assert "speeds" not in runs[1]
    assert "90.0%" in dict(choice.refused)["onnx-int8"]
    assert choice.backend != "onnx-int8"


def test_a_model_of_before_int8_answers_in_float32_and_races_for_its_successors(raced, model, tmp_path):
    choose, runs, cache = raced
    save_model_directory(replace(replace_facts(model, int8_agreement=None), ranges=None), tmp_path / "old")
    choice = choose(tmp_path / "old")
    assert choice.backend == "onnx-fp32"
    assert "does not say" in dict(choice.refused)["onnx-int8"]
    assert choose(tmp_path / "old") == choice
    assert len(runs) == 1
    [speeds] = cache.glob("speeds-*.json")
    assert "onnx-int8" in json.loads(speeds.read_text())


@pytest.mark.parametrize("content", ["", "{", "[]", '{"onnx-fp32": 1}'])
def test_a_damaged_result_is_raced_again(raced, content):
    choose, runs, cache = raced
    choose()
    for file in cache.iterdir():
        file.write_text(content)
    choose()
    assert len(runs) == 2


def test_the_fastest_that_is_not_refused_wins():
    slow = {name: rate / 2 for name, rate in SPEEDS.items()}
    speeds = {"onnx-fp32": slow, "onnx-int8": SPEEDS}
    assert race._best(speeds, {}, 3).backend == "onnx-int8"
    assert race._best(speeds, {"onnx-int8": "coarse"}, 3).backend == "onnx-fp32"
    assert race._best(speeds, {"onnx-int8": "coarse", "onnx-fp32": "odd"}, 3).backend == race.REFERENCE


def test_as_many_work_side_by_side_as_there_are_threads_to_use():
    assert race._best({"onnx-fp32": SPEEDS}, {}, 3).workers == 3
    assert race._best({"onnx-fp32": {**SPEEDS, "side_by_side": 1.0}}, {}, 3).workers == 1


@pytest.mark.parametrize(
    ("agreement", "noise", "reason"),
    [(None, 0.0, "does not say"), (0.98, 0.0, "98.0%"), (1.0, 3.0, "too coarsely"), (0.996, 0.01, None)],
)
def test_int8_is_refused_where_it_changes_answers(agreement, noise, reason):
    chance = np.random.default_rng(0)
    reference = chance.normal(size=(50, 16))
    refused = racing._refused(agreement, reference, reference + noise * chance.normal(size=(50, 16)))
    if reason is None:
        assert refused == {}
    else:
        assert reason in refused["onnx-int8"]


def test_a_training_prepares_int8_and_says_whether_it_keeps_the_answers(model):
    assert 0.9 <= model.facts.int8_agreement <= 1.0
    assert model.ranges is not None
    encoded = TorchPredictor(model).encode(TEXTS)
    again = replace(model, ranges=None, facts=replace(model.facts, int8_agreement=None))
    prepare_int8(again, encoded, [])
    assert again.ranges is None
    prepare_int8(again, encoded, encoded)
    assert again.ranges is not None
    assert again.facts.int8_agreement >= 0.9


def test_int8_without_ranges_is_no_silent_float32(model):
    with pytest.raises(ValueError, match="train it again"):
        build_graph(replace(source_of(model), ranges=None), "int8")


def test_a_network_in_memory_gives_the_graph_of_its_directory(model, folder):
    encoded = TorchPredictor(model).encode(TEXTS)
    kept = load(folder, LoadSettings(backend="onnx-fp32", threads=1), lambda: True).predictors[0].backend
    fresh = loading.OnnxGraph(source_of(model), "fp32", 0).open(1)
    for batch in batches_by_budget([len(text.ids) for text in encoded], 256):
        members = [encoded[number] for number in batch]
        np.testing.assert_array_equal(kept.forward(members).logits, fresh.forward(members).logits)


@pytest.mark.parametrize("backend", ["onnx-fp32", "onnx-int8", "torch", "torch-bf16"])
def test_every_backend_that_is_named_answers(folder, backend):
    loaded = load(folder, LoadSettings(backend=backend, threads=2), lambda: False)
    assert loaded.backend == backend
    assert len(loaded.predictors) == (2 if backend.startswith("onnx") else 1)
    wanted = TorchPredictor(load_model_directory(folder)).predict(TEXTS)
    for predictor in loaded.predictors:
        found = predictor.predict(TEXTS)
        same = [one.category == other.category for one, other in zip(found, wanted, strict=True)]
        assert np.mean(same) >= 0.9


def test_a_family_without_a_graph_runs_in_torch(tmp_path):
    model = tiny_model(distilbert(tmp_path / "base"))
    assert model.facts.int8_agreement is None
    save_model_directory(model, tmp_path / "model")
    loaded = load(tmp_path / "model", LoadSettings(), lambda: True)
    assert loaded.backend == "torch"


def test_serving_brings_neither_torch_nor_transformers(folder):
    code = f"""
import asyncio, sys
from pathlib import Path
from classifier.serving.engine import EngineSettings, LocalClassifier

async def main():
    classifier = await LocalClassifier.open(Path({str(folder)!r}), EngineSettings())
    answers = await classifier.classify(["my vpn does not work", "refund"])
    assert all(answer.words for answer in answers)
    await classifier.explain("my vpn does not work at all")
    await classifier.swap(Path({str(folder)!r}))
    await classifier.close()

asyncio.run(main())
sys.exit(any(name in sys.modules for name in ("torch", "transformers", "sklearn", "scipy")))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
