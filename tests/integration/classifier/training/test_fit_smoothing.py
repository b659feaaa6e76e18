"""Messages that nobody labelled steady a model's answers: trained, saved, served, with another head."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from classifier.data.dataset import Example
from classifier.data.training_set import TrainingSet
from classifier.inference.loading import LoadSettings, load
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.directory import load_model_directory, save_model_directory, state_digest
from classifier.model.neighbor_smoothing import FEWEST, Surroundings
from classifier.retraining.job import RetrainJob
from classifier.retraining.reporter import Reporter
from classifier.retraining.train_job import work
from classifier.training.fit import fit
from classifier.training.head_update.fit import refit_head
from tests.factories.tiny_bert import NOW, config_for, messages, tiny_bert

TEXTS = [example.text for example in messages(6, seed=8)]
FREE = list(dict.fromkeys(example.text for example in messages(150, seed=3)))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def folder(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model among the messages FREE."""
    model = fit(messages(), config_for(base), created=NOW).model
    _, vectors = TorchPredictor(model).outputs(FREE)
    model.surroundings = Surroundings(vectors, 0.5)
    place = tmp_path_factory.mktemp("models") / "around"
    save_model_directory(model, place)
    return place


def test_nothing_learns_from_what_nobody_labelled(base: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("classifier.model.neighbor_smoothing.SHARES", (0.5,))
    assert len(FREE) >= FEWEST
    alone, among, few = (
        fit(messages(), config_for(base), created=NOW, unlabelled=free).model
        for free in ((), FREE, FREE[: FEWEST - 1])
    )
    assert state_digest(alone.network) == state_digest(among.network)
    assert (alone.surroundings, few.surroundings) == (None, None)
    assert among.surroundings is not None
    assert among.surroundings.share == 0.5
    assert len(among.surroundings.vectors) == len(messages()) + len(FREE)
    assert alone.facts.temperature != among.facts.temperature  # calibrated as it answers


def test_they_are_left_out_where_they_do_not_help(base: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("classifier.model.neighbor_smoothing.SHARES", (0.0,))
    assert fit(messages(), config_for(base), created=NOW, unlabelled=FREE).model.surroundings is None


def test_every_backend_answers_among_them(folder: Path):
    alone = load_model_directory(folder)
    alone.surroundings = None
    before = [answer.confidence for answer in TorchPredictor(alone).predict(TEXTS)]
    wanted = TorchPredictor(load_model_directory(folder)).predict(TEXTS)
    assert np.abs(np.array(before) - [answer.confidence for answer in wanted]).max() > 1e-3
    for backend in ("torch", "onnx-fp32"):
        predictor = load(folder, LoadSettings(backend=backend, threads=1), lambda: True).predictors[0]
        for answer, other in zip(predictor.predict(TEXTS), wanted, strict=True):
            assert answer.category == other.category
            assert answer.confidence == pytest.approx(other.confidence, abs=2e-3)
            assert answer.out_of_scope == pytest.approx(other.out_of_scope, abs=2e-3)
        np.testing.assert_allclose(
            predictor.logits(TEXTS), TorchPredictor(load_model_directory(folder)).logits(TEXTS), atol=2e-3
        )


def test_the_embedding_is_the_messages_own(folder: Path):
    alone = load_model_directory(folder)
    alone.surroundings = None
    for one, other in zip(
        TorchPredictor(alone).predict(TEXTS),
        TorchPredictor(load_model_directory(folder)).predict(TEXTS),
        strict=True,
    ):
        np.testing.assert_allclose(one.embedding, other.embedding, atol=1e-6)


def test_a_new_category_is_learned_where_its_messages_are_answered_from(folder: Path, base: Path):
    parent = load_model_directory(folder)
    canteen = [Example(f"hello coffee lunch {word}", "canteen") for word in ("friday", "please", "the", "my")]
    canteen += [Example(f"lunch {word} coffee friday", "canteen") for word in ("hello", "is", "again", "not")]
    labels = [*parent.facts.labels, "canteen"]
    refitted = refit_head(parent, [*messages(), *canteen], [], labels, config_for(base), created=NOW).model
    assert refitted.surroundings is parent.surroundings
    said = TorchPredictor(refitted).predict(["coffee and lunch on friday", *TEXTS])
    assert said[0].category == "canteen"
    before = TorchPredictor(parent).predict(TEXTS)
    assert [answer.category for answer in said[1:]] == [answer.category for answer in before]


def test_another_head_needs_no_other_messages(folder: Path):
    model = load_model_directory(folder)
    assert model.surroundings is not None
    stronger = replace(model.surroundings, share=1.0)
    model.surroundings = stronger
    moved = TorchPredictor(model).logits(TEXTS)
    model.surroundings = None
    alone, pooled = TorchPredictor(model).outputs(TEXTS)
    weight = model.network.head.weight.detach().numpy()
    np.testing.assert_allclose(moved, alone + stronger.moves(pooled) @ weight.T, atol=1e-4)


def test_the_training_process_hands_them_on(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("classifier.model.neighbor_smoothing.SHARES", (0.5,))
    training = TrainingSet(
        train=tuple(replace(example, source="starter") for example in messages()),
        validation=tuple(messages(6, seed=5)),
        held_out=tuple(messages(6, seed=6)),
        unlabelled=tuple(FREE),
    )
    config, home = asdict(config_for(base)), str(tmp_path)
    job = RetrainJob(training, config, model_home=home, folder=home, champion=None)
    found = work(RetrainJob.decode(job.encode()), Reporter(io.StringIO()))
    model = load_model_directory(tmp_path / found.version)
    assert model.surroundings is not None
    assert len(model.surroundings.vectors) == len(messages()) + len(FREE)
    manifest = (tmp_path / found.version / "training-manifest.json").read_text(encoding="utf-8")
    assert json.loads(manifest)["people"] == []
