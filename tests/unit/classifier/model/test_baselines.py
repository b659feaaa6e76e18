"""The two simpler models that every report shows: fitted, kept without a pickle, read back."""

import json

import numpy as np
import pytest

from classifier.contract import BrokenModel, InvalidInput
from classifier.data.dataset import Example
from classifier.evaluation.baseline_predictions import answer_baselines, embed_frozen
from classifier.model.base_models import weights_sha256
from classifier.model.baselines import load_baselines
from classifier.model.metadata import ModelFacts
from classifier.training.fit_baselines import fit_baselines
from tests.factories.tiny_bert import messages, tiny_bert


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    base = tiny_bert(tmp_path_factory.mktemp("base"))
    return ModelFacts(
        version="v",
        kind="fine_tune",
        labels=("billing", "login", "network"),
        base_model=str(base),
        base_sha256=weights_sha256(base),
        max_tokens=32,
        created="",
    )


@pytest.fixture(scope="module")
def train():
    return messages(20, out_of_scope=10)


@pytest.fixture(scope="module")
def baselines(facts, train):
    return fit_baselines(train, embed_frozen(facts, [example.text for example in train]))


TEST = messages(10, seed=3)
TEXTS = [example.text for example in TEST]


def accuracy(row):
    predicted = np.array(row.labels)[row.probabilities.argmax(axis=1)]
    return np.mean([said == example.label for said, example in zip(predicted, TEST, strict=True)])


def test_both_learn_what_their_features_hold(baselines, facts):
    tfidf, frozen = answer_baselines(baselines, facts, TEXTS)
    assert (tfidf.key, frozen.key) == ("tfidf", "frozen_encoder")
    assert tfidf.labels == ("billing", "login", "network")  # never oos
    assert accuracy(tfidf) > 0.9
    assert accuracy(frozen) > 0.5  # a random encoder; a third would be chance
    for row in (tfidf, frozen):
        assert row.note == ""
        assert row.probabilities.shape == (30, 3)
        np.testing.assert_allclose(row.probabilities.sum(axis=1), 1.0)


def test_what_was_kept_answers_the_same(baselines, tmp_path):
    baselines.save(tmp_path)
    assert {file.suffix for file in tmp_path.iterdir()} == {".json", ".safetensors"}
    again = load_baselines(tmp_path)
    assert again.labels == baselines.labels
    np.testing.assert_array_equal(again.predict_tfidf(TEXTS), baselines.predict_tfidf(TEXTS))
    vectors = np.random.default_rng(0).normal(size=(4, 32)).astype(np.float32)
    np.testing.assert_array_equal(again.predict_frozen(vectors), baselines.predict_frozen(vectors))


def test_a_weight_counts_as_so_many_messages(facts):
    plain = [Example("the code", "login"), Example("the code", "billing")]
    others = messages(5)
    vectors = embed_frozen(facts, [example.text for example in [*plain, *others]])
    heavy = [plain[0], Example("the code", "billing", weight=8.0)]
    index = fit_baselines([*plain, *others], vectors).labels.index("billing")
    before = fit_baselines([*plain, *others], vectors).predict_tfidf(["the code"])[0, index]
    after = fit_baselines([*heavy, *others], vectors).predict_tfidf(["the code"])[0, index]
    assert after > before + 0.1


def test_two_categories_are_enough():
    examples = [Example("red apple", "fruit"), Example("green apple", "fruit")] * 3 + [
        Example("fast car", "vehicle"), Example("slow car", "vehicle"),
    ] * 3  # fmt: skip
    vectors = np.random.default_rng(0).normal(size=(12, 4))
    fitted = fit_baselines(examples, vectors)
    scores = fitted.predict_tfidf(["an apple", "a car"])
    assert scores.argmax(axis=1).tolist() == [0, 1]


def test_messages_in_which_nothing_occurs_twice_still_give_a_model(tmp_path):
    fitted = fit_baselines([Example("a", "one"), Example("b", "two")], np.eye(2))
    fitted.save(tmp_path)
    np.testing.assert_allclose(load_baselines(tmp_path).predict_tfidf(["c", ""]), 0.5, atol=1e-6)


def test_a_directory_without_them_says_so(facts, tmp_path):
    assert load_baselines(tmp_path) is None
    rows = answer_baselines(None, facts, TEXTS)
    assert [(row.probabilities, row.note) for row in rows] == [(None, "not kept in this directory")] * 2


def test_a_frozen_encoder_that_is_gone_or_changed_says_so(baselines, facts, tmp_path):
    from dataclasses import replace

    tfidf, frozen = answer_baselines(baselines, replace(facts, base_model=str(tmp_path / "gone")), TEXTS)
    assert tfidf.probabilities is not None
    assert (frozen.probabilities, "is no directory" in frozen.note) == (None, True)
    _, frozen = answer_baselines(baselines, replace(facts, base_sha256="0" * 64), TEXTS)
    assert "not the one that this model began from" in frozen.note


@pytest.mark.parametrize(
    "content",
    ["", "[]", json.dumps({"format": 9, "labels": ["a"], "terms": [[], []]}), json.dumps({"format": 1})],
)
def test_files_that_are_not_ours_are_refused(baselines, tmp_path, content):
    baselines.save(tmp_path)
    (tmp_path / "baselines.json").write_text(content)
    with pytest.raises(BrokenModel, match="train the model again"):
        load_baselines(tmp_path)


def test_terms_that_do_not_fit_the_weights_are_refused(baselines, tmp_path):
    baselines.save(tmp_path)
    content = json.loads((tmp_path / "baselines.json").read_text())
    content["terms"][0].pop()
    (tmp_path / "baselines.json").write_text(json.dumps(content))
    with pytest.raises(BrokenModel, match="does not fit"):
        load_baselines(tmp_path)


def test_examples_and_vectors_must_match_and_give_a_choice():
    with pytest.raises(InvalidInput, match="1 vectors do not fit 2 examples"):
        fit_baselines([Example("a", "x"), Example("b", "y")], np.eye(1))
    with pytest.raises(InvalidInput, match="at least two categories"):
        fit_baselines([Example("a", "x"), Example("b", "oos")], np.eye(2))
