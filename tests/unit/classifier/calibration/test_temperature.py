import numpy as np
import pytest

from classifier.calibration.scores import out_of_scope_score, probabilities, scope_features
from classifier.calibration.temperature import (
    coverage_at_risk,
    expected_calibration_error,
    fit_out_of_scope,
    fit_temperature,
)


def test_the_temperature_of_overconfident_logits_is_found():
    random = np.random.default_rng(0)
    logits = random.normal(size=(20_000, 5)) * 2
    shares = probabilities(logits, 1.0)
    targets = np.array([random.choice(5, p=row) for row in shares])
    assert fit_temperature(logits * 3, targets) == pytest.approx(3.0, rel=0.05)


def test_calibration_error_is_the_gap_between_confidence_and_accuracy():
    confidence = np.full(100, 0.9)
    assert expected_calibration_error(confidence, np.arange(100) < 60) == pytest.approx(0.3)
    assert expected_calibration_error(confidence, np.arange(100) < 90) == pytest.approx(0.0)


def test_coverage_is_the_most_that_keeps_the_risk():
    confidence = np.array([0.9, 0.8, 0.7, 0.6])
    correct = np.array([True, True, False, True])
    assert coverage_at_risk(confidence, correct, 0.25) == (1.0, 0.6)
    assert coverage_at_risk(confidence, correct, 0.1) == (0.5, 0.8)


def test_equal_confidences_are_not_parted():
    assert coverage_at_risk(np.full(4, 0.9), np.array([True, True, True, False]), 0.1)[0] == 0.0


def test_flat_logits_are_out_of_scope_with_and_without_examples_of_it():
    random = np.random.default_rng(0)
    inside = random.normal(size=(200, 4)) + 6 * np.eye(4)[random.integers(0, 4, 200)]
    outside = random.normal(size=(60, 4)) * 0.3
    for known in (outside[:30], outside[:0]):
        parameters = fit_out_of_scope(scope_features(inside, 1.0), scope_features(known, 1.0))
        assert out_of_scope_score(scope_features(outside[30:], 1.0), parameters).min() > 0.5
        assert (out_of_scope_score(scope_features(inside, 1.0), parameters) > 0.5).mean() < 0.1


def test_a_distance_that_tells_is_used_with_and_without_examples():
    random = np.random.default_rng(0)
    logits = random.normal(size=(300, 4)) + 4 * np.eye(4)[random.integers(0, 4, 300)]
    inside = scope_features(logits[:200], 1.0, random.uniform(0, 4, 200))
    outside = scope_features(logits[200:], 1.0, random.uniform(100, 140, 100))
    for known in (outside[:50], outside[:0]):
        parameters = fit_out_of_scope(inside, known)
        assert len(parameters.weights) == 3
        assert (out_of_scope_score(outside[50:], parameters) > 0.5).mean() > 0.95
        assert (out_of_scope_score(inside, parameters) > 0.5).mean() < 0.05
