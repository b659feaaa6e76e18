"""How long two models take, on a machine that has other work too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from classifier.evaluation.gate.judge import judge
from classifier.inference import predictions
from classifier.inference.predictions import Answers, timed_in_turns
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.directory import load_model_directory
from classifier.model.registry import Registry
from tests.factories.tiny_bert import messages, tiny_bert, tiny_model

TEXTS = [f"message {number}" for number in range(40)]


class BusyMachine:
    """A clock that models move on: what a message takes is stretched by other work, now more, now less."""

    def __init__(self, noise: float, seed: int) -> None:
        self.now = 0.0
        self.noise, self.draws = noise, np.random.default_rng(seed)

    def spend(self, seconds: float) -> None:
        self.now += seconds * float(np.exp(abs(self.draws.normal(0, self.noise))))


@dataclass
class Timed:
    """A predictor of which nothing but the time is asked."""

    machine: BusyMachine
    seconds: float

    def predict(self, texts: list[str]) -> None:
        self.machine.spend(self.seconds * len(texts))


def said() -> Answers:
    return Answers("v", ("a", "b"), np.zeros((0, 2)), np.zeros(0), np.zeros(0))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("slower", "noise"), [(1.0, 0.0), (1.0, 0.7), (1.2, 0.5), (2.5, 0.0), (2.5, 0.5)])
def test_noise_does_not_make_a_model_slow_and_a_slow_one_is_noticed(
    monkeypatch: pytest.MonkeyPatch, slower: float, noise: float, seed: int
):
    machine = BusyMachine(noise, seed)
    monkeypatch.setattr(predictions.time, "perf_counter", lambda: machine.now)
    champion, challenger = Timed(machine, 0.2), Timed(machine, 0.2 * slower)
    before, now = timed_in_turns((said(), champion), (said(), challenger), TEXTS)
    assert before.milliseconds >= 200 * 0.999
    assert (now.times > 1.5) is (slower > 1.5)


def test_models_of_one_encoder_have_one_shape_also_from_a_directory(tmp_path):
    first, second = (tiny_model(tiny_bert(tmp_path / "base"), epochs=epochs) for epochs in (1, 2))
    registry = Registry(tmp_path / "models")
    kept = load_model_directory(registry.path(registry.publish(first)))
    assert TorchPredictor(first).shape == second.shape == kept.shape != ""
    pair = [predictions.answer(TorchPredictor(model), ["hello"]) for model in (first, kept)]
    assert pair[0].shape == pair[1].shape
    assert judge(pair[0], pair[1], messages(1)[:1]).checks[-1].passed
