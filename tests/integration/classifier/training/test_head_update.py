"""A tiny real BERT gets a category that it never saw, loses one, and stays a whole model."""

from __future__ import annotations

import random

import numpy as np
import pytest

from classifier.data.dataset import Example
from classifier.evaluation.model_card import model_card
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.directory import load_model_directory, save_model_directory
from classifier.model.embedding_cache import FOLDER, EmbeddingCache, encoder_key
from classifier.serving.engine import EngineSettings, LocalClassifier
from classifier.training.fit import fit, fit_day_one
from classifier.training.head_update.fit import refit_head
from tests.factories.tiny_bert import (
    FILLERS,
    NOW,
    add_word_scorer,
    config_for,
    messages,
    tiny_bert,
)

WORDS = ("hello", "coffee", "lunch", "friday")
OLD = ("billing", "login", "network")


def canteen(count: int, seed: int) -> list[Example]:
    draw = random.Random(seed)  # noqa: S311 - test data
    made = []
    for number in range(count):
        chosen = [*draw.sample(FILLERS, 2), *draw.sample(WORDS, 3), WORDS[number % len(WORDS)]]
        draw.shuffle(chosen)
        made.append(Example(" ".join(chosen), "canteen"))
    return made


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    base = tiny_bert(tmp_path_factory.mktemp("base"))
    config = config_for(base, baselines=False, int8_check=60)
    model = fit(messages(20), config, created=NOW, validation=messages(12, seed=5)).model
    add_word_scorer(model.network, layers=2)
    from dataclasses import replace

    from classifier.model.metadata import WordScorerFacts

    model.facts = replace(model.facts, word_scorer=WordScorerFacts(2, 16, 0.9, 0.8, 50))
    folder = tmp_path_factory.mktemp("models") / "parent"
    save_model_directory(model, folder)
    return load_model_directory(folder), folder, config


@pytest.fixture(scope="module")
def refitted(parent):
    model, _, config = parent
    train = [*messages(20), *canteen(8, 1)]
    held_back = messages(12, seed=5)
    return refit_head(model, train, held_back, [*OLD, "canteen"], config, created=NOW)


def said(model, examples):
    return [p.category for p in TorchPredictor(model).predict([e.text for e in examples])]


def test_the_new_category_is_recognised_and_the_others_answer_as_before(parent, refitted):
    unseen, others = canteen(20, 2), messages(20, seed=9)
    assert np.mean([category == "canteen" for category in said(refitted.model, unseen)]) >= 0.8
    assert said(refitted.model, others) == said(parent[0], others)
    hits, examples = refitted.recognised["canteen"]
    assert (hits >= 6, examples) == (True, 8)


def test_what_a_category_is_called_and_about_teaches_its_row_and_judges_nothing(parent):
    model, _, config = parent
    train, known = [*messages(20), *canteen(3, 1)], [*OLD, "canteen"]
    names = [Example("please", "canteen"), Example("vpn", "network")]
    alone, named = (
        refit_head(model, train, messages(12, seed=5), known, config, created=NOW, names=given)
        for given in ((), names)
    )
    assert (alone.names, named.names) == (0, 1)  # the other row stays: its name has nothing to teach
    (before,), (now,) = (TorchPredictor(r.model).predict(["please"]) for r in (alone, named))
    assert dict(now.alternatives)["canteen"] > dict(before.alternatives)["canteen"]
    assert named.recognised["canteen"][1] == alone.recognised["canteen"][1] == 3


def test_it_says_what_it_is_and_where_it_comes_from(parent, refitted):
    facts = refitted.model.facts
    assert (facts.kind, facts.parent, facts.encoder_kind) == ("head", parent[0].facts.version, "fine_tune")
    assert facts.labels == (*OLD, "canteen")
    assert facts.version != parent[0].facts.version
    assert facts.prediction_set is not None
    assert facts.int8_agreement == pytest.approx(1.0, abs=0.1)
    assert refitted.recalibrated


def test_the_present_model_is_left_as_it_was(parent, refitted):
    assert parent[0].network.head.out_features == 3
    assert parent[0].facts.labels == OLD


@pytest.mark.parametrize("backend", ["torch", "onnx-fp32", "onnx-int8"])
async def test_its_directory_answers_and_explains_in_every_backend(parent, refitted, tmp_path, backend):
    save_model_directory(refitted.model, tmp_path / "model", card=model_card(refitted.model.facts))
    assert "a new head on an earlier version's encoder" in (tmp_path / "model" / "MODEL_CARD.md").read_text()
    engine = await LocalClassifier.open(tmp_path / "model", EngineSettings(backend=backend, threads=1))
    try:
        text = "hello is lunch coffee friday"
        (answer,) = await engine.classify([text])
        assert answer.category == "canteen"
        assert answer.words
        explained = await engine.explain(text)
        assert explained.prediction.category == "canteen"
        assert (await engine.model()).kind == "head"
    finally:
        await engine.close()


def test_a_second_refit_keeps_the_first_and_reads_few_messages_again(parent, tmp_path):
    model, folder, config = parent
    train, held_back = [*messages(20), *canteen(8, 1)], messages(12, seed=5)
    asked = []

    class Counting(EmbeddingCache):
        def vectors(self, texts, embed):
            return super().vectors(texts, lambda new: asked.append(len(new)) or embed(new))

    key = encoder_key(folder)
    first = refit_head(
        model, train, held_back, [*OLD, "canteen"], config, created=NOW, cache=Counting(tmp_path, key)
    )
    desk = [Example(e.text.replace("coffee", "vpn"), "desk") for e in canteen(8, 3)]
    second = refit_head(
        first.model, [*train, *desk], held_back, [*OLD, "canteen", "desk"], config, created=NOW,
        cache=Counting(tmp_path, key),
    )  # fmt: skip
    assert second.model.facts.labels == (*OLD, "canteen", "desk")
    assert second.model.facts.encoder_kind == "fine_tune"
    assert len(asked) == 2
    assert asked[1] <= 8 < asked[0]
    (file,) = (tmp_path / FOLDER).iterdir()
    assert file.stat().st_mode & 0o077 == 0


def test_a_retired_category_is_never_said_again(parent):
    model, _, config = parent
    result = refit_head(model, messages(20), messages(12, seed=5), ["billing", "login"], config, created=NOW)
    assert result.plan.removed == ("network",)
    assert set(said(result.model, messages(20, seed=9))) <= {"billing", "login"}


def test_a_merge_makes_one_category_of_two(parent):
    model, _, config = parent

    def merged(examples):
        return [Example(e.text, "login" if e.label == "network" else e.label) for e in examples]

    result = refit_head(
        model, merged(messages(20)), merged(messages(12, seed=5)), ["billing", "login"], config,
        created=NOW, merged=frozenset({"login"}),
    )  # fmt: skip
    unseen = merged(messages(20, seed=9))
    right = [category == e.label for category, e in zip(said(result.model, unseen), unseen, strict=True)]
    assert np.mean(right) >= 0.95


def test_a_day_one_model_carries_its_calibration_over(parent, tmp_path):
    config = config_for(tiny_bert(tmp_path / "base"), int8_check=0)
    model = fit_day_one(messages(20, out_of_scope=10), config, created=NOW).model
    result = refit_head(model, [*messages(20), *canteen(8, 1)], [], [*OLD, "canteen"], config, created=NOW)
    facts = result.model.facts
    assert not result.recalibrated
    assert (facts.temperature, facts.thresholds) == (model.facts.temperature, model.facts.thresholds)
    assert facts.encoder_kind == "day_one"
