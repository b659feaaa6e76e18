"""May a newly trained model answer?"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from classifier.contract import InvalidInput
from classifier.data.dataset import Example
from classifier.evaluation.gate.judge import Check, Floors, Verdict, judge
from classifier.explanation.types import GREEDY, REPLY, Faithfulness, FaithfulnessReport, Measure
from classifier.inference.predictions import Answers, answer
from classifier.inference.torch_predictor import TorchPredictor
from tests.factories.tiny_bert import messages, tiny_bert, tiny_model

LABELS = ("billing", "bug", "login", "network", "printing")
FEW = Floors(resamples=400)


def gold(n: int = 500, outside: int = 0, labels: tuple[str, ...] = LABELS) -> list[Example]:
    """Make messages of every label in turn, and some that belong nowhere."""
    inside = [Example(f"message {i}", labels[i % len(labels)]) for i in range(n)]
    return inside + [Example(f"chatter {i}", "oos") for i in range(outside)]


def answers(
    examples: list[Example],
    wrong: set[int] | range = range(0),
    *,
    labels: tuple[str, ...] = LABELS,
    sure: float = 0.95,
    caught: float = 1.0,
    stopped: float = 0.0,
    milliseconds: float = 8.0,
    times: float = 0.0,
    shape: str = "",
) -> Answers:
    """What a model says: right but at `wrong`, always as sure; `caught` of the oos messages recognised."""
    p = np.full((len(examples), len(labels)), (1 - sure) / (len(labels) - 1))
    scope = np.zeros(len(examples))
    inside = [i for i, example in enumerate(examples) if example.label != "oos"]
    for i, example in enumerate(examples):
        right = labels.index(example.label) if example.label in labels else 0
        p[i, (right + 1) % len(labels) if i in wrong else right] = sure
        scope[i] = i / len(examples) / 10
        rank = i - len(inside) if example.label == "oos" else i
        share = caught * (len(examples) - len(inside)) if example.label == "oos" else stopped * len(inside)
        scope[i] += 0.6 * (rank < share)
    return Answers("v", labels, p, scope, np.full(len(examples), 0.5), milliseconds, times, shape)


def failed(verdict: Verdict) -> list[str]:
    return [check.name for check in verdict.checks if not check.passed]


def test_the_first_model_goes_live():
    examples = gold(240)
    verdict = judge(None, answers(examples, range(96), sure=0.6), examples, FEW)
    assert verdict.promoted
    assert verdict.reason == "First model: 60.0% of 240 held-out messages right."


def test_a_first_model_that_is_no_better_than_one_answer_for_all_does_not():
    examples = gold(100)
    verdict = judge(None, answers(examples, range(80), sure=0.3), examples, FEW)
    assert failed(verdict) == ["accuracy"]
    assert verdict.reason == (
        "The new model is no better than always saying 'billing': "
        "20.0% of 100 held-out messages right, where that has 20.0%."
    )


def test_a_first_model_with_empty_confidence_does_not():
    examples = gold(300)
    verdict = judge(None, answers(examples, range(120), sure=0.99), examples, FEW)
    assert failed(verdict) == ["calibration"]
    assert "too sure of its answers" in verdict.reason


def test_a_first_model_that_is_blind_to_what_is_out_of_scope_does_not():
    examples = gold(100, outside=40)
    verdict = judge(None, answers(examples, range(5), caught=0.1, stopped=0.1), examples, FEW)
    assert failed(verdict) == []  # chatter lies above the rest in `answers`, even where it is not flagged
    blind = replace(answers(examples, range(5)), scope=np.zeros(140))
    assert failed(judge(None, blind, examples, FEW)) == ["out of scope"]


@pytest.mark.parametrize("first", [True, False])
def test_a_model_that_nothing_was_measured_on_does_not_go_live(first: bool):
    examples = gold(0, outside=30)
    verdict = judge(None if first else answers(examples), answers(examples), examples, FEW)
    assert not verdict.promoted
    assert "no held-out messages" in verdict.reason


def test_answers_that_do_not_belong_to_the_messages_are_refused():
    with pytest.raises(InvalidInput, match="10 answers to 9 gold messages"):
        judge(None, answers(gold(10)), gold(9))


def test_an_equal_model_goes_live_and_both_numbers_are_said():
    examples = gold(500, outside=30)
    verdict = judge(answers(examples, range(25)), answers(examples, range(5, 30)), examples, FEW)
    assert verdict.promoted
    assert verdict.reason == "95.0% of 500 held-out messages right; the one before had 95.0%."
    assert [check.name for check in verdict.checks] == [
        "accuracy", "probabilities", "recall", "calibration", "out of scope", "latency",
    ]  # fmt: skip


def test_a_clearly_worse_model_does_not_and_the_reason_says_both_numbers():
    examples = gold(500)
    verdict = judge(answers(examples, range(25)), answers(examples, range(60)), examples, FEW)
    assert verdict.reason.startswith(
        "The new model is worse: 88.0% of 500 held-out messages right, where the present one has 95.0%."
    )
    figures = verdict.checks[0].figures
    assert (figures["lost"], figures["gained"]) == (35, 0)
    assert figures["mcnemar_p"] == pytest.approx(0.5**35)
    assert figures["low"] < -0.07 < figures["high"] < 0


@pytest.mark.parametrize(("lost", "promoted"), [(0, True), (1, True), (2, True), (3, False), (6, False)])
def test_with_few_messages_a_likely_loss_is_enough(lost: int, promoted: bool):
    examples = gold(30)
    verdict = judge(answers(examples), answers(examples, range(lost)), examples, FEW)
    assert verdict.checks[0].passed is promoted


@pytest.mark.parametrize(("lost", "passed"), [(12, True), (20, True), (40, False)])
def test_luck_in_both_directions_is_no_loss_until_it_is_one_sided(lost: int, passed: bool):
    examples = gold(800)
    champion, challenger = answers(examples, range(12)), answers(examples, range(12, 12 + lost))
    assert judge(champion, challenger, examples, FEW).checks[0].passed is passed


def test_a_model_that_learned_from_wrong_labels_shows_it_in_its_probabilities():
    examples = gold(800)
    champion = answers(examples, range(40), sure=0.95)
    verdict = judge(champion, answers(examples, range(44), sure=0.75), examples, FEW)
    assert failed(verdict) == ["probabilities", "calibration"]
    assert "Brier score" in verdict.reason
    assert "too unsure of its answers" in verdict.reason


def test_a_category_that_the_model_does_not_know_any_more_is_a_veto_even_of_one_message():
    examples = [*gold(400, labels=LABELS[:4]), Example("paper jam", "printing")]
    verdict = judge(answers(examples), answers(examples, labels=LABELS[:4]), examples, FEW)
    assert failed(verdict) == ["recall"]
    assert verdict.reason == "The new model fails a category: it does not know 'printing' any more."


def test_a_category_without_gold_messages_may_be_retired():
    examples = gold(400, labels=LABELS[:4])
    assert judge(answers(examples), answers(examples, labels=LABELS[:4]), examples, FEW).promoted


def test_a_category_whose_messages_all_go_elsewhere_is_a_veto():
    examples = [*gold(2000, labels=LABELS[:4]), *[Example("paper jam", "printing")] * 4]
    verdict = judge(answers(examples), answers(examples, range(2000, 2004)), examples, FEW)
    assert failed(verdict) == ["recall"]
    assert "it has lost 'printing': 0 of 4 messages right, where 4 were" in verdict.reason


@pytest.mark.parametrize("lost", [1, 2])
def test_a_message_or_two_of_a_small_category_are_no_veto(lost: int):
    examples = [*gold(2000, labels=LABELS[:4]), *[Example("paper jam", "printing")] * 4]
    assert judge(answers(examples), answers(examples, range(2000, 2000 + lost)), examples, FEW).promoted


def test_a_category_that_falls_far_is_a_veto_although_the_others_make_up_for_it():
    examples = gold(500)
    champion = answers(examples, {i for i in range(200) if i % 5 == 0})  # 40 wrong in billing
    challenger = answers(examples, {i for i in range(150) if i % 5 == 2})  # 30 wrong in login
    verdict = judge(champion, challenger, examples, FEW)
    assert failed(verdict) == ["recall"]
    assert "it misses more of 'login': 70 of 100 messages right, where 100 were" in verdict.reason


def test_a_new_category_is_no_fault_and_no_credit():
    examples = gold(500)
    champion = answers(examples, labels=LABELS[:4])
    assert judge(champion, answers(examples), examples, FEW).promoted
    worse = answers(examples, {i for i in range(250) if i % 5 in {0, 1}})  # and it loses a fifth of the rest
    assert "accuracy" in failed(judge(champion, worse, examples, FEW))


def test_a_champion_that_knows_none_of_the_categories_counts_as_none():
    examples = gold(200)
    champion = answers(examples, labels=("cats", "dogs"))
    assert judge(champion, answers(examples, range(10)), examples, FEW).reason.startswith("First model")


def test_a_model_that_no_longer_sees_what_is_out_of_scope_does_not_go_live():
    examples = gold(300, outside=60)
    champion = answers(examples, range(15))
    flat = replace(champion, scope=np.linspace(0, 0.4, 360)[::-1].copy())
    verdict = judge(champion, flat, examples, FEW)
    assert failed(verdict) == ["out of scope"]
    assert "AUROC 0.000, was 1.000" in verdict.reason
    assert "recognises 0% of the messages that belong nowhere, was 100%" in verdict.reason


def test_a_model_that_silences_real_messages_does_not_go_live():
    examples = gold(300, outside=60)
    verdict = judge(answers(examples), answers(examples, stopped=0.2), examples, FEW)
    assert failed(verdict) == ["out of scope"]
    assert "it takes 20% of the real messages for out of scope, was 0%" in verdict.reason


def test_a_handful_of_messages_out_of_scope_decides_nothing():
    examples = gold(300, outside=10)
    flat = replace(answers(examples), scope=np.zeros(310))
    assert judge(answers(examples), flat, examples, FEW).promoted


@pytest.mark.parametrize(
    ("before", "now", "promoted"),
    [
        (80.0, 130.0, False),
        (80.0, 115.0, True),
        (5.0, 90.0, True),  # nobody notices
        (0.0, 300.0, True),  # not measured
        (900.0, 1100.0, False),  # too slow for anybody
        (200.0, 0.0, True),
    ],
)
def test_a_model_that_takes_noticeably_longer_does_not_go_live(before: float, now: float, promoted: bool):
    examples = gold(200)
    times = now / before if before else 0.0
    champion, challenger = (
        answers(examples, milliseconds=before),
        answers(examples, milliseconds=now, times=times),
    )
    verdict = judge(champion, challenger, examples, FEW)
    assert verdict.promoted is promoted
    assert failed(verdict) == ([] if promoted else ["latency"])
    # how busy the machine was is no fault of a network that is made like the present one
    pair = [replace(each, shape="12 layers") for each in (champion, challenger)]
    assert judge(*pair, examples, FEW).promoted
    pair[1] = replace(challenger, shape="24 layers")
    assert judge(*pair, examples, FEW).promoted is promoted


def test_two_times_that_were_not_measured_in_turns_are_not_compared():
    examples = gold(200)
    pair = answers(examples, milliseconds=352), answers(examples, milliseconds=580)
    assert judge(*pair, examples, FEW).promoted


def test_a_refusal_names_three_faults_and_counts_the_rest():
    examples = gold(500, outside=60)
    awful = answers(examples, range(300), caught=0.0, stopped=0.5, milliseconds=2000)
    verdict = judge(answers(examples), awful, examples, FEW)
    assert len(failed(verdict)) == 6
    assert verdict.reason.endswith("3 more checks failed.")
    assert len(verdict.reason) < 500  # what a message in Slack shows of it


def test_a_verdict_travels_as_json():
    examples = gold(300, outside=30)
    verdict = judge(answers(examples), answers(examples, range(40)), examples, FEW)
    assert TypeAdapter(Verdict).validate_python(json.loads(json.dumps(verdict.as_dict()))) == verdict
    assert TypeAdapter(Verdict).validate_python({"promoted": True, "reason": "x"}) == Verdict(True, "x")
    assert isinstance(verdict.checks[0], Check)


def test_the_same_answers_get_the_same_verdict():
    examples = gold(200, outside=30)
    first, second = (judge(answers(examples), answers(examples, range(4)), examples) for _ in range(2))
    assert first == second


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 79)), st.sets(st.integers(0, 79)))
def test_a_challenger_that_errs_less_never_fares_worse(some: set[int], more: set[int]):
    examples, champion = gold(80), answers(gold(80), range(0, 80, 9))
    floors = Floors(resamples=100)
    if judge(champion, answers(examples, some | more), examples, floors).checks[0].passed:
        assert judge(champion, answers(examples, some), examples, floors).checks[0].passed


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 99)), st.floats(0.3, 0.99), st.integers(0, 60))
def test_the_champion_itself_is_never_refused(wrong: set[int], sure: float, outside: int):
    examples = gold(100, outside=outside)
    same = answers(examples, wrong, sure=sure)
    assert judge(same, same, examples, Floors(resamples=100)).promoted


def test_models_that_differ_by_luck_alone_mostly_go_live():
    random, promoted = np.random.default_rng(4), 0
    examples = gold(800)
    truth = np.arange(800) % 5
    difficulty = random.normal(4.0, 2.6, 800)
    for _ in range(30):
        pair = []
        for _ in range(2):
            logits = random.normal(0, 0.6, (800, 5))
            logits[np.arange(800), truth] += difficulty
            scores = np.exp(logits - logits.max(axis=1, keepdims=True))
            scores /= scores.sum(axis=1, keepdims=True)
            pair.append(replace(answers(examples), probabilities=scores))
        verdict = judge(pair[0], pair[1], examples, FEW)
        promoted += not {"accuracy", "probabilities", "recall"} & set(failed(verdict))
    assert promoted >= 26


def test_the_gate_needs_no_torch():
    program = "import sys, classifier.evaluation.gate.judge; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_real_model_passes_against_itself_and_an_untrained_one_does_not(tmp_path: Path):
    base = tiny_bert(tmp_path / "base")
    examples = messages(20, out_of_scope=30, seed=5)
    texts = [example.text for example in examples]
    champion, raw = (
        answer(TorchPredictor(tiny_model(base, epochs=epochs)), texts, timed=True) for epochs in (12, 1)
    )
    assert judge(champion, champion, examples).promoted
    verdict = judge(champion, raw, examples)
    assert not verdict.promoted
    assert {"accuracy", "probabilities"} <= set(failed(verdict))


def faithful(shares: list[float]) -> FaithfulnessReport:
    """Words that reach so much of the greedy bound, message by message."""
    none = Measure(0.0, 0.0, 0.0)
    reached = Measure(float(np.mean(shares)), 0.0, 1.0)
    row = Faithfulness(none, none, none, none, none, none, reached)
    falls = {REPLY: tuple(0.8 * share for share in shares), GREEDY: tuple(0.8 for _ in shares)}
    return FaithfulnessReport(len(shares), {REPLY: row}, none, 0, falls)


def test_words_that_decide_less_are_a_warning_and_no_refusal():
    examples = gold(200)
    before, now = faithful([0.9] * 40), faithful([0.7] * 40)
    verdict = judge(answers(examples), answers(examples), examples, FEW, explained=(before, now))
    assert verdict.promoted
    assert "the words that it shows decide less than before (70% of what the best order" in verdict.reason
    assert TypeAdapter(Verdict).validate_python(json.loads(json.dumps(verdict.as_dict()))) == verdict
    same = judge(answers(examples), answers(examples), examples, FEW, explained=(before, before))
    assert "Warning" not in same.reason
    assert [check.name for check in same.checks][-1] == "explanations"


def test_a_loss_that_may_be_chance_is_no_warning():
    examples = gold(200)
    few_before, few_now = faithful([1.0, 0.5, 0.9, 0.2]), faithful([0.9, 0.6, 0.3, 0.6])
    verdict = judge(answers(examples), answers(examples), examples, FEW, explained=(few_before, few_now))
    assert "Warning" not in verdict.reason
