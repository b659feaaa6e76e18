"""The network in ONNX Runtime against the network in torch, on a real (tiny) model directory."""

import random
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.inference.backends.bert_graph import build_graph
from classifier.inference.backends.onnx_backend import Alone, OnnxGraph
from classifier.inference.backends.source import Source, can_build, read_source
from classifier.inference.loading import LoadSettings, load
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.directory import load_model_directory, save_model_directory
from classifier.training.word_scorer import score_words
from tests.factories.tiny_bert import FILLERS, TOPICS, messages, tiny_bert, tiny_model
from tests.factories.tiny_encoders import bge, distilbert

TEXTS = [
    "vpn",
    "please help my vpn is not working again",
    *(example.text for example in messages(6, out_of_scope=4, seed=8)),
    "login " * 30,
]


@pytest.fixture(scope="module", params=["mean", "cls"])
def folder(request, tmp_path_factory):
    place = tmp_path_factory.mktemp(request.param)
    base = tiny_bert(place / "base") if request.param == "mean" else bge(place / "base")
    model = tiny_model(base, pooling="auto")
    assert model.facts.pooling == request.param
    shown = [f"please help {example.text}" for example in messages(30, seed=5)]
    score_words(model, shown, messages=80)
    # the tests below are about a network whose scorer was kept; which one is kept is tested elsewhere
    assert model.network.scorer is not None
    save_model_directory(model, place / "model")
    return place / "model"


@pytest.fixture(scope="module")
def torch_says(folder):
    predictor = TorchPredictor(load_model_directory(folder))
    return predictor, predictor.backend.forward(predictor.encode(TEXTS))


def test_in_float32_everything_is_as_in_torch(folder, torch_says):
    predictor, wanted = torch_says
    found = OnnxGraph(read_source(folder), "fp32", 0).open(1).forward(predictor.encode(TEXTS))
    np.testing.assert_allclose(found.logits, wanted.logits, atol=1e-4)
    np.testing.assert_allclose(found.pooled, wanted.pooled, atol=1e-4)
    np.testing.assert_allclose(found.received, wanted.received, atol=1e-5)
    space = predictor.model.scope
    assert space is not None
    np.testing.assert_allclose(found.distances, space.distances(wanted.pooled), rtol=1e-3)
    real = wanted.received > 0
    np.testing.assert_allclose(found.scored[real], wanted.scored[real], atol=1e-3)


def test_in_int8_answers_and_words_hardly_change(folder, torch_says):
    predictor, wanted = torch_says
    found = OnnxGraph(read_source(folder), "int8", 0).open(1).forward(predictor.encode(TEXTS))
    assert (found.logits.argmax(axis=1) == wanted.logits.argmax(axis=1)).mean() >= 0.9
    np.testing.assert_allclose(found.received, wanted.received, atol=0.05)


def test_answers_do_not_depend_on_companions_or_order(folder, torch_says):
    predictor, _ = torch_says
    backend = OnnxGraph(read_source(folder), "fp32", 0).open(1)
    together = TorchPredictor(predictor.model, backend=backend).predict(TEXTS)
    backwards = TorchPredictor(predictor.model, backend=backend).predict(TEXTS[::-1])[::-1]
    for text, one, other in zip(TEXTS, together, backwards, strict=True):
        [alone] = TorchPredictor(predictor.model, backend=backend).predict([text])
        for answer in (one, other):
            assert answer.category == alone.category
            assert answer.confidence == pytest.approx(alone.confidence, abs=1e-5)
            assert [word.text for word in answer.words[:1]] == [word.text for word in alone.words[:1]]


@pytest.fixture(scope="module")
def long_reader(tmp_path_factory):
    """A model of 512 positions, and its predictors by backend."""
    place = tmp_path_factory.mktemp("long")
    model = tiny_model(tiny_bert(place / "base", positions=512), max_tokens=512)
    save_model_directory(model, place / "model")
    return {
        name: load(place / "model", LoadSettings(backend=name, threads=1), lambda: True).predictors[0]
        for name in ("torch", "onnx-fp32", "onnx-int8")
    }


@settings(max_examples=25, deadline=None)
@given(lengths=st.lists(st.integers(1, 512), min_size=1, max_size=9), seed=st.integers(0, 9))
def test_any_mix_of_lengths_in_any_order_is_answered_as_each_text_alone(long_reader, lengths, seed):
    draw = random.Random(seed)  # noqa: S311 - test data
    words = [*FILLERS, *(word for topic in TOPICS.values() for word in topic)]
    texts = [" ".join(draw.choices(words, k=length)) for length in lengths]
    alone = [long_reader["torch"].predict([text])[0] for text in texts]
    for name, close in (("onnx-fp32", 1e-4), ("onnx-int8", 0.1)):
        together = long_reader[name].predict(texts)
        backwards = long_reader[name].predict(texts[::-1])[::-1]
        for one, other, text, wanted in zip(together, backwards, texts, alone, strict=True):
            [single] = long_reader[name].predict([text])
            for answer in (one, other):
                assert answer.category == single.category
                assert answer.confidence == pytest.approx(single.confidence, abs=1e-4)
                assert answer.out_of_scope == pytest.approx(single.out_of_scope, abs=1e-3)
                assert {word.start: word.score for word in answer.words[:3]} == pytest.approx(
                    {word.start: word.score for word in single.words[:3]}, abs=1e-4
                )
            assert single.confidence == pytest.approx(wanted.confidence, abs=close)
            assert single.truncated == wanted.truncated


def test_a_text_alone_runs_wide_and_a_batch_or_beside_others_narrow():
    ran = []

    class Named:
        def __init__(self, name):
            self.name = name

        def forward(self, batch):
            ran.append(self.name)

    alone = [True]
    backend = Alone(Named("narrow"), Named("wide"), lambda: alone[0])
    backend.forward(["one"])
    backend.forward(["one", "two"])
    alone[0] = False
    backend.forward(["one"])
    assert ran == ["wide", "narrow", "narrow"]


def test_without_words_it_computes_none(folder, torch_says):
    predictor, wanted = torch_says
    found = (
        OnnxGraph(read_source(folder), "fp32", 0, words=False).open(1).forward(predictor.encode(TEXTS[:2]))
    )
    assert found.scored is None
    np.testing.assert_allclose(found.logits, wanted.logits[:2], atol=1e-4)


def test_a_model_without_a_scorer_shows_plain_attention(folder, torch_says, tmp_path):
    model = load_model_directory(folder)
    model.network.scorer = None
    model.facts = replace(model.facts, word_scorer=None)
    save_model_directory(model, tmp_path / "plain")
    predictor, wanted = torch_says
    found = OnnxGraph(read_source(tmp_path / "plain"), "fp32", 0).open(1).forward(predictor.encode(TEXTS))
    assert found.scored is None
    np.testing.assert_allclose(found.received, wanted.received, atol=1e-5)


def test_other_families_are_refused(folder, tmp_path):
    assert can_build(folder)
    other = distilbert(tmp_path / "other")
    assert not can_build(other)
    with pytest.raises(ValueError, match="not known"):
        build_graph(Source({"model_type": "distilbert"}, {}, {}), "fp32")


def test_it_brings_no_torch():
    code = (
        "import sys, classifier.inference.backends.onnx_backend; "
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
