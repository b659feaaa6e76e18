"""Paired statistics of the gate, against what they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from classifier.calibration.statistics import (
    bootstrap_calibration_errors,
    bootstrap_means,
    brier_scores,
    calibration_errors,
    chance_calibration_error,
    mcnemar_worse,
    placements,
)
from classifier.calibration.temperature import expected_calibration_error


def test_mcnemar_is_one_sided_and_exact():
    before, now = np.array([True] * 5 + [False] * 5), np.array([False] * 5 + [True] + [False] * 4)
    assert mcnemar_worse(before, now) == pytest.approx(7 / 64)  # at most one of six
    assert mcnemar_worse(before, before) == 1.0
    assert mcnemar_worse(now, before) == pytest.approx(1 - 1 / 64)


def test_bootstrap_means_spread_as_the_standard_error():
    values = np.random.default_rng(0).normal(2.0, 3.0, 400)
    means = bootstrap_means(values, 3000, seed=1)
    assert means.shape == (3000,)
    assert means.mean() == pytest.approx(values.mean(), abs=0.02)
    assert means.std() == pytest.approx(values.std() / 20, rel=0.05)


def test_the_brier_score_of_an_unknown_category_is_that_of_a_probability_of_nought():
    p = np.array([[1.0, 0.0], [0.5, 0.5], [0.5, 0.5]])
    assert brier_scores(p, np.array([0, 1, -1])).tolist() == [0.0, 0.5, 1.5]


def test_the_calibration_error_is_the_one_of_the_reports():
    random = np.random.default_rng(0)
    confidence = random.uniform(0.2, 1.0, 300)
    correct = random.random(300) < confidence**2
    expected = expected_calibration_error(confidence, correct)
    assert calibration_errors(confidence, correct[None, :])[0] == pytest.approx(expected)


def test_the_bootstrapped_calibration_error_lies_around_the_measured_one():
    random = np.random.default_rng(0)
    confidence = random.uniform(0.4, 1.0, 1500)
    correct = random.random(1500) < confidence - 0.2
    errors = bootstrap_calibration_errors(confidence, correct, 300, seed=0)
    assert errors.shape == (300,)
    assert errors.mean() == pytest.approx(calibration_errors(confidence, correct[None, :])[0], abs=0.01)
    assert errors.std() < 0.03


def test_chance_explains_more_error_on_fewer_messages():
    few, many = (
        chance_calibration_error(np.random.default_rng(0).uniform(0.5, 1, n), 200, 0) for n in (30, 3000)
    )
    assert many < 0.03 < few < 0.25


def test_placements_average_to_the_auroc():
    random = np.random.default_rng(0)
    outside, inside = random.normal(1, 1, 40).round(1), random.normal(0, 1, 90).round(1)
    expected = roc_auc_score([1] * 40 + [0] * 90, np.concatenate([outside, inside]))
    assert [part.mean() for part in placements(outside, inside)] == pytest.approx([expected, expected])
