"""What a model's card says, and how it comes into the model directory."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from classifier.data.dataset import Example
from classifier.data.training_set import TrainingSet
from classifier.evaluation.gate.judge import Check, Verdict
from classifier.evaluation.measure import evaluate
from classifier.evaluation.model_card import model_card
from classifier.explanation.faithfulness import faithfulness
from classifier.explanation.types import REPLY
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.directory import save_model_directory
from classifier.model.integrity import verify
from classifier.model.metadata import ModelFacts
from classifier.model.registry import Registry
from classifier.retraining.job import RetrainJob, RetrainResult
from classifier.retraining.reporter import Reporter
from classifier.retraining.train_job import work
from tests.factories.tiny_bert import config_for, messages, tiny_bert, tiny_model

FACTS = ModelFacts(
    version="20260102T030405Z-abcdef",
    kind="fine_tune",
    labels=("billing", "login|sso", "network"),
    base_model="all-MiniLM-L6-v2",
    base_sha256="53aa51",
    max_tokens=256,
    created="2026-01-02T03:04:05+00:00",
    thresholds={"route": 0.615},
    training_manifest="feed",
    metrics={"validation_n": 24.0, "validation_accuracy": 0.9167, "validation_ece": 0.031, "epochs": 6.0},
)
VERDICT = Verdict(
    False,
    "The new model is worse.",
    (Check("accuracy", False, "It is.", {"before": 0.93, "now": 0.8, "mcnemar_p": 0.0001}),),
)


def test_it_says_where_the_model_comes_from_and_what_it_learned_from():
    card = model_card(FACTS)
    for said in (
        "# Fingerpost model 20260102T030405Z-abcdef",
        "3 categories",
        "| kind | a fine-tune of the whole encoder |",
        "| base model | `all-MiniLM-L6-v2` |",
        "`53aa51`",
        "`feed`",
        "| messages held back | 24 |",
        "| accuracy on them | 0.9167 |",
        "91.7% of which it has right",
        "From a confidence of 0.615 on",
    ):
        assert said in card


@pytest.mark.parametrize(
    "said",
    [
        "must not decide about people",
        "languages",
        "attention\n  is not by itself",
        "confidence was calibrated",
    ],
)
def test_it_says_its_limits(said: str):
    said = said.replace("\n  ", " ")
    assert said in " ".join(model_card(FACTS).split())


def test_a_model_that_was_not_judged_says_so():
    assert "This version was not compared with another one." in model_card(FACTS)


def test_the_gates_verdict_stands_in_it():
    card = model_card(FACTS, verdict=VERDICT.as_dict())
    assert "**Refused.** The new model is worse." in card
    assert "| accuracy | failed | before 0.9300, now 0.8000, mcnemar p 0.0001 |" in card
    assert "**Passed.** Good." in model_card(FACTS, verdict=Verdict(True, "Good.").as_dict())


def test_thresholds_of_categories_and_budgets_stand_in_it():
    facts = replace(FACTS, category_thresholds={"network": 0.8}, budgets={"0.05": 0.615, "0.01": 0.912})
    card = model_card(facts)
    assert "| 1% | 0.912 |" in card
    assert "| `network` | 0 | not measured | 0.800 |" in card


def test_a_category_with_a_bar_or_a_line_break_breaks_no_table():
    facts = replace(FACTS, labels=("a|b", "c\nd`e"))
    rows = [line for line in model_card(facts).splitlines() if line.startswith("| `")]
    assert [row.replace("\\|", "").count("|") for row in rows] == [5, 5]


def test_an_evaluation_stands_in_it_with_intervals_and_without_anybodys_message(tmp_path: Path):
    model = tiny_model(tiny_bert(tmp_path / "base"), epochs=2)
    examples = messages(8, out_of_scope=8, seed=3)
    report = evaluate(model, [*examples, Example("my secret vpn sentence", "billing")])
    card = model_card(model.facts, evaluation=report.as_dict())
    low, high = report.accuracy_interval
    assert f"{report.accuracy:.1%} (95% interval {low:.1%} to {high:.1%})" in card
    assert f"| `billing` | 9 | {report.categories['billing'].recall:.1%} (" in card
    assert report.out_of_scope is not None
    assert f"{report.out_of_scope.auroc:.3f}" in card
    assert "secret" not in card
    assert not any(example.text in card for example in examples)


def test_a_model_directory_keeps_its_card_under_the_manifest(tmp_path: Path):
    model = tiny_model(tiny_bert(tmp_path / "base"), epochs=1)
    save_model_directory(model, tmp_path / "model", card=model_card(model.facts))
    assert (tmp_path / "model" / "MODEL_CARD.md").read_text() == model_card(model.facts)
    assert "MODEL_CARD.md" in (tmp_path / "model" / "manifest.sha256").read_text()
    verify(tmp_path / "model")


def test_a_retrained_version_is_judged_in_the_child_and_its_card_says_how(tmp_path: Path):
    base, registry = tiny_bert(tmp_path / "base"), Registry(tmp_path / "models")
    registry.activate(registry.publish(tiny_model(base)))
    config = config_for(base)  # the same seed and messages: the same model, whatever the machine
    train = [replace(example, source="starter") for example in messages(20, out_of_scope=20)]
    training = TrainingSet(tuple(train), (), tuple(messages(8, out_of_scope=20, seed=9)))
    home = str(registry.home)
    job = RetrainJob(training, asdict(config), model_home=home, folder=home, champion=registry.active())
    result = work(RetrainJob.decode(job.encode()), Reporter(io.StringIO()))
    assert result.version != registry.active()
    result = RetrainResult.decode(json.loads(json.dumps(result.encode())))
    assert result.verdict.promoted, result.verdict.reason
    assert result.challenger.accuracy == result.verdict.checks[0].figures["now"]
    assert result.champion.accuracy == result.verdict.checks[0].figures["before"]
    assert result.challenger.milliseconds > 0
    card = (registry.path(result.version) / "MODEL_CARD.md").read_text()
    assert "**Passed.** " + result.verdict.reason in card
    assert "| latency | passed |" in card
    verify(registry.path(result.version))


def test_it_says_whether_its_words_decide(tmp_path: Path):
    assert "It was not measured whether the words in its replies decide" in model_card(FACTS)
    model = tiny_model(tiny_bert(tmp_path / "base"), epochs=2)
    examples = [Example(f"hello again {e.text} is my team today", e.label) for e in messages(3, seed=3)]
    faithful = faithfulness(TorchPredictor(model), [example.text for example in examples[:5]])
    card = model_card(model.facts, faithful=faithful)
    assert "Words were taken out of 5 messages" in card
    reached = faithful.methods[REPLY].of_greedy
    assert f"{reached.mean:.1%} ({100 * reached.low:.1f}–{100 * reached.high:.1f})" in card
    assert "| greedy deletion |" in card
