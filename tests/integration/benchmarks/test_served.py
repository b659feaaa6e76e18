"""A model directory behind the real service on a loopback port."""

import pytest

from benchmarks.quality.served import served
from classifier.contract import BrokenModel
from classifier.explanation.counterfactual import decision_of, without_words
from classifier.explanation.leave_one_out import explain
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.directory import load_model_directory, save_model_directory
from tests.factories.tiny_bert import messages, tiny_bert, tiny_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("served")
    save_model_directory(tiny_model(tiny_bert(place / "base")), place / "model")
    return place / "model"


def test_the_sets_that_decide_change_what_the_service_answers(folder):
    predictor = TorchPredictor(load_model_directory(folder))
    decided = 0
    with served(folder) as ask:
        for example in messages(4, seed=6):
            found = explain(predictor, example.text)
            [before] = ask([example.text])
            assert before.category == found.prediction.category
            if found.decisive is not None:
                [after] = ask([without_words(example.text, found.decisive.words)])
                assert decision_of(after) == found.decisive.category
                assert decision_of(after) != decision_of(before)
                decided += 1
    assert decided > 0


def test_a_directory_that_is_no_model_is_said(tmp_path):
    with pytest.raises(BrokenModel), served(tmp_path):
        pass
