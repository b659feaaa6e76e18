"""Labels and words in bulk against the same message by message."""

import pytest
import torch

from classifier.inference.cuda import bulk
from classifier.inference.cuda.backend import CudaBackend
from classifier.inference.cuda.bulk import BulkClassifier
from classifier.inference.cuda.ladder import Ladder
from classifier.inference.torch_predictor import TorchPredictor
from tests.factories.tiny_bert import add_word_scorer, messages, tiny_bert, tiny_model

TEXTS = [
    *(example.text for example in messages(12, out_of_scope=6, seed=4)),
    "",
    "!!! ... ???",
    "<@U123ABC> my *vpn* is &lt;broken&gt; :tada: see <https://example.com/a|the page>",
    "ZAŻÓŁĆ gęślą jaźń vpn",
    "login code " * 40,
    "vpn vpn vpn",
]


@pytest.fixture(scope="module", params=["attention", "word scorer"])
def model(request, tmp_path_factory):
    model = tiny_model(tiny_bert(tmp_path_factory.mktemp("base")), epochs=6)
    if request.param == "word scorer":
        add_word_scorer(model.network, layers=1)
    return model


@pytest.fixture
def backend(model):
    return CudaBackend(model.network, 0, Ladder((8, 16, 32), (64, 256)), dtype=torch.float32)


def assert_same(answers, model, texts):
    wanted = TorchPredictor(model).predict(texts)
    assert len(answers) == len(texts)
    for found, expected in zip(answers, wanted, strict=True):
        assert found.category == expected.category
        assert found.confidence == pytest.approx(expected.confidence, abs=1e-5)
        scores = {(word.start, word.end): word for word in expected.words}
        assert len(found.words) == min(3, len(expected.words))
        for word, best in zip(found.words, expected.words, strict=False):
            assert word.text == scores[word.start, word.end].text
            assert word.score == pytest.approx(scores[word.start, word.end].score, abs=1e-5)
            assert word.score == pytest.approx(best.score, abs=1e-5)


@pytest.mark.parametrize("chunk", [1, 4, 1024])
def test_answers_are_those_of_single_messages_in_order(model, backend, chunk, monkeypatch):
    monkeypatch.setattr(bulk, "_CHUNK", chunk)
    with BulkClassifier(model, backend, batch_tokens=128) as classifier:
        assert_same(list(classifier.answer(TEXTS)), model, TEXTS)
        assert_same(list(classifier.answer(iter(TEXTS[::-1]))), model, TEXTS[::-1])
        assert list(classifier.answer([])) == []


@pytest.mark.parametrize("model", ["word scorer"], indirect=True)
def test_worker_processes_answer_the_same(model, backend):
    with BulkClassifier(model, backend, workers=1) as classifier:
        assert_same(list(classifier.answer(TEXTS)), model, TEXTS)


def test_a_reader_who_stops_halfway_leaves_the_rest_usable(model, backend, monkeypatch):
    monkeypatch.setattr(bulk, "_CHUNK", 2)
    with BulkClassifier(model, backend) as classifier:
        assert next(classifier.answer(TEXTS)).category == TorchPredictor(model).predict(TEXTS[:1])[0].category
        assert_same(list(classifier.answer(TEXTS)), model, TEXTS)
