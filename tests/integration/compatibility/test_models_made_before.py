"""A registry that version 0.1.0 left on a disk: every model loads and says what it said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from bot.app.cli import app
from classifier.data.manifest import learned_by
from classifier.inference.loading import LoadSettings, load
from classifier.model.directory import load_model_directory
from classifier.model.embedding_cache import EmbeddingCache, encoder_key
from classifier.model.integrity import verify
from classifier.model.registry import Registry

BEFORE = Path(__file__).parents[2] / "data" / "before"
MODELS = BEFORE / "models"
DAY_ONE, FINE_TUNE, HEAD = (MODELS / name for name in (MODELS / "HISTORY").read_text().split())
FOLDERS = {"day_one": DAY_ONE, "fine_tune": FINE_TUNE, "head": HEAD}
TEXTS = [json.loads(line) for line in (BEFORE / "texts.jsonl").read_text().splitlines()]
EVERY = {"day_one": 4, "fine_tune": 1, "head": 4}
"""Of so many texts one has an answer that was kept."""


@pytest.fixture(autouse=True)
def one_thread_on_a_cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FINGERPOST_CLASSIFIER_DEVICE", "cpu")
    monkeypatch.setenv("FINGERPOST_CLASSIFIER_THREADS", "1")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The registry, to be changed."""
    copy = shutil.copytree(MODELS, tmp_path / "models")
    monkeypatch.setenv("FINGERPOST_CLASSIFIER_MODEL_HOME", str(copy))
    return copy


def run(*arguments: object, stdin: bytes | None = None) -> Result:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)
    assert done.exit_code == 0, done.output
    return done


def kept(kind: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (BEFORE / f"answers-{kind}.jsonl").read_text().splitlines()]


def unordered(prediction: dict[str, Any]) -> dict[str, Any]:
    """A prediction without the order of what is equally likely, which may hang on the processor too."""
    likely = [p for _, p in prediction["alternatives"]]
    assert likely == sorted(likely, reverse=True)
    words = {f"{word['text']} {word['start']} {word['end']}": word["score"] for word in prediction["words"]}
    return prediction | {
        "alternatives": dict(sorted(prediction["alternatives"])),
        "candidates": sorted(prediction["candidates"]),
        "words": dict(sorted(words.items())),
    }


def assert_same(now: Any, before: Any, tolerance: float = 1e-4) -> None:
    """Hold every word and the order of keys to what it was; numbers may depend on the processor."""
    if isinstance(before, dict):
        assert list(now) == list(before)
        for key, value in before.items():
            assert_same(now[key], value, tolerance)
    elif isinstance(before, list):
        assert len(now) == len(before)
        for one, other in zip(now, before, strict=True):
            assert_same(one, other, tolerance)
    elif isinstance(before, float):
        assert isinstance(now, float)
        assert now == pytest.approx(before, abs=tolerance)
    else:
        assert (type(now), now) == (type(before), before)


@pytest.mark.parametrize("kind", FOLDERS)
def test_every_file_of_a_model_is_read(kind: str):
    folder = FOLDERS[kind]
    verify(folder)
    model = load_model_directory(folder)
    assert (model.facts.kind, model.facts.version) == (kind, folder.name)
    assert model.facts.parent == (FINE_TUNE.name if kind == "head" else "")
    assert (model.scope is None, model.ranges is None) == (False, False)
    assert (model.surroundings is None) == (kind == "day_one")
    assert (model.network.scorer is None) == (kind == "day_one")
    assert (model.baselines is None) == (kind != "fine_tune")
    assert model.facts.thresholds
    assert model.facts.prediction_set is not None


@pytest.mark.parametrize("kind", FOLDERS)
def test_classify_prints_what_it_printed(kind: str):
    asked = "".join(f"{text}\n" for text in TEXTS[:: EVERY[kind]]).encode()
    printed = run("classify", FOLDERS[kind], "-", "--json", stdin=asked).stdout.splitlines()
    now = [unordered(json.loads(line)) for line in printed]
    assert_same(now, [unordered(answer) for answer in kept(kind)])
    assert [json.dumps(json.loads(line)) for line in printed] == printed


def test_explain_prints_what_it_printed():
    before = json.loads((BEFORE / "explanation.json").read_text())
    printed = run("explain", FINE_TUNE, "please help my password is locked again", "--json").stdout
    now = json.loads(printed)
    since = {"tried", "read", "cut_short"}
    assert since <= now.keys()
    assert_same({key: value for key, value in now.items() if key not in since}, before)


@pytest.mark.parametrize("backend", ["torch", "onnx-fp32"])
def test_the_backends_of_the_service_say_the_same(backend: Any):
    predictor = load(HEAD, LoadSettings(backend=backend, threads=1), lambda: True).predictors[0]
    for answer, before in zip(predictor.predict(TEXTS[::4]), kept("head"), strict=True):
        assert answer.category == before["category"]
        assert answer.confidence == pytest.approx(before["confidence"], abs=2e-3)


def test_the_int8_ranges_that_a_model_keeps_still_serve():
    predictor = load(FINE_TUNE, LoadSettings(backend="onnx-int8", threads=1), lambda: True).predictors[0]
    said = [answer.category for answer in predictor.predict(TEXTS)]
    assert (
        np.mean([one == other["category"] for one, other in zip(said, kept("fine_tune"), strict=True)]) > 0.9
    )


def test_the_registry_lists_activates_and_goes_back(home: Path):
    lines = run("models", "list").stdout.splitlines()
    assert lines == [f"  {DAY_ONE.name}", f"  {FINE_TUNE.name}", f"* {HEAD.name}"]
    assert FINE_TUNE.name in run("models", "rollback").stdout
    assert Registry(home).active() == FINE_TUNE.name
    assert DAY_ONE.name in run("models", "rollback").stdout
    run("models", "activate", HEAD.name)
    assert Registry(home).active() == HEAD.name
    assert Registry(home).previous() == DAY_ONE.name


def test_the_cache_of_embeddings_knows_its_encoder():
    assert encoder_key(HEAD) == encoder_key(FINE_TUNE)
    texts = ["lunch"]  # the name of a category, which the last head update learned from

    def never(_: list[str]) -> Any:
        raise AssertionError("the vectors of earlier updates are lost")

    assert EmbeddingCache(MODELS, encoder_key(FINE_TUNE)).vectors(texts, never).shape == (1, 32)


def test_the_training_manifests_say_what_was_learned():
    assert learned_by(DAY_ONE) == frozenset()
    fine_tune, head = learned_by(FINE_TUNE), learned_by(HEAD)
    assert fine_tune
    assert head
    assert fine_tune < head
