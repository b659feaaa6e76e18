"""Prediction sets hold the right category as often as they promise."""

import numpy as np
import pytest

from classifier.calibration.conformal import COVERAGE, PredictionSet, fit_prediction_set, prediction_set_size
from classifier.calibration.scores import probabilities


def simulated(random, n, sharpness=1.0):
    """Probabilities [n, 12], calibrated where `sharpness` is 1 and overconfident above, and the truth [n]."""
    logits = 2.5 * random.normal(size=(n, 12))
    targets = (logits + random.gumbel(size=logits.shape)).argmax(axis=1)
    return probabilities(logits * sharpness, 1.0), targets


def covered(scores, targets, parameters):
    ranked = -np.sort(-scores, axis=1)
    right = scores[np.arange(len(targets)), targets]
    rank = (scores > right[:, None]).sum(axis=1)
    return float((rank < prediction_set_size(ranked, parameters)).mean())


@pytest.mark.parametrize("sharpness", [1.0, 3.0])
@pytest.mark.parametrize("n", [60, 600])
def test_sets_cover_as_promised_whether_or_not_the_model_is_calibrated(n, sharpness):
    random = np.random.default_rng(0)
    shares = []
    for _ in range(150):
        parameters = fit_prediction_set(*simulated(random, n, sharpness))
        shares.append(covered(*simulated(random, 500, sharpness), parameters))
    assert COVERAGE - 0.003 <= np.mean(shares) <= COVERAGE + 1 / n + 0.003


def test_a_sure_answer_stands_alone_and_an_unsure_one_has_company():
    parameters = PredictionSet(cutoff=0.1)
    assert prediction_set_size(np.array([0.97, 0.02, 0.01]), parameters) == 1
    assert prediction_set_size(np.array([0.5, 0.3, 0.15, 0.05]), parameters) == 3


def test_the_likeliest_category_is_always_in_the_set():
    assert prediction_set_size(np.array([0.2, 0.2, 0.2, 0.2, 0.2]), PredictionSet(cutoff=0.9)) == 1


@pytest.mark.parametrize("n", [0, 1, 48])
def test_with_too_few_messages_for_the_promise_every_category_is_possible(n):
    scores, targets = simulated(np.random.default_rng(1), n)
    parameters = fit_prediction_set(scores, targets)
    assert parameters == PredictionSet(0.0, COVERAGE, n)
    assert prediction_set_size(np.full(12, 1 / 12), parameters) == 12
