"""What a model says about itself, on disk: thresholds of categories, budgets, the prediction set."""

import json
from dataclasses import replace

import numpy as np
import pytest

from classifier.calibration.conformal import PredictionSet
from classifier.calibration.thresholds import BUDGETS
from classifier.contract import RECALL_NEAR, RECALL_THRESHOLD, BrokenModel
from classifier.inference.predictions import answer
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.directory import save_model_directory
from classifier.model.integrity import read_facts
from classifier.model.metadata import ModelFacts
from tests.factories.tiny_bert import tiny_bert, tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_model(tiny_bert(tmp_path_factory.mktemp("base")))


@pytest.fixture
def folder(model, tmp_path):
    save_model_directory(model, tmp_path / "model")
    return tmp_path / "model"


def test_facts_come_back_as_they_were_saved(model, folder):
    facts = read_facts(folder)
    assert facts == model.facts
    assert set(facts.category_thresholds) == set(facts.labels)
    assert set(facts.budgets) == {f"{budget:g}" for budget in BUDGETS}
    assert isinstance(facts.prediction_set, PredictionSet)


def test_a_directory_from_before_these_fields_still_answers_with_its_one_threshold(folder):
    file = folder / "fingerpost.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    for name in ("category_thresholds", "budgets", "prediction_set"):
        del content[name]
    content["thresholds"] = {"route": 0.61}
    file.write_text(json.dumps(content), encoding="utf-8")
    facts = read_facts(folder)
    assert facts.prediction_set is None
    assert {facts.threshold_of(label) for label in facts.labels} == {0.61}


def test_a_prediction_set_that_is_none_of_ours_is_a_broken_model(folder):
    file = folder / "fingerpost.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**content, "prediction_set": {"size": 3}}), encoding="utf-8")
    with pytest.raises(BrokenModel, match=r"fingerpost\.json"):
        read_facts(folder)


def test_each_answer_carries_its_categorys_threshold_and_its_prediction_set(model):
    facts: ModelFacts = replace(
        model.facts,
        category_thresholds={"billing": 0.31, "login": 0.32},
        thresholds={"route": 0.7},
        prediction_set=PredictionSet(cutoff=0.0),
    )
    predictor = TorchPredictor(replace(model, facts=facts))
    texts = ["please refund my invoice", "password locked", "my vpn is not working"]
    said = predictor.predict(texts)
    assert [p.category for p in said] == ["billing", "login", "network"]
    assert [p.threshold for p in said] == [0.31, 0.32, 0.7]
    assert all(len(p.candidates) == len(facts.labels) for p in said)
    np.testing.assert_array_equal(answer(predictor, texts).thresholds, [0.31, 0.32, 0.7])


def test_a_model_that_measured_no_set_offers_none(model):
    bare = replace(model, facts=replace(model.facts, prediction_set=None))
    assert TorchPredictor(bare).predict(["vpn"])[0].candidates == ()


def test_each_answer_carries_the_memorys_similarities_and_an_older_model_has_cautious_ones(model):
    measured = replace(model.facts, thresholds={"route": 0.7, "recall": 0.81, "recall_near": 0.62})
    [said] = TorchPredictor(replace(model, facts=measured)).predict(["vpn"])
    assert (said.recall_threshold, said.recall_near) == (0.81, 0.62)
    [said] = TorchPredictor(replace(model, facts=replace(measured, thresholds={"route": 0.7}))).predict(
        ["vpn"]
    )
    assert (said.recall_threshold, said.recall_near) == (RECALL_THRESHOLD, RECALL_NEAR)
