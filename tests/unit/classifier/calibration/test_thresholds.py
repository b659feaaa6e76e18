"""An error budget becomes thresholds: simulated models whose chance of being right is known exactly."""

import numpy as np
import pytest
from scipy.special import expit, logit

from classifier.calibration.thresholds import (
    BUDGETS,
    FALLBACK_THRESHOLD,
    LOWEST_THRESHOLD,
    NEVER,
    category_thresholds,
    route_threshold,
    routing_thresholds,
)
from classifier.contract import InvalidInput

LABELS = [f"c{number}" for number in range(20)]
OFFSETS = np.linspace(-1.2, 1.2, len(LABELS))


class World:
    """Messages with a confidence, a predicted category, and the true chance that it is right."""

    def __init__(self, seed, n, *, honesty=1.0, offsets=None):
        self.random = np.random.default_rng(seed)
        self.confidence = self.random.beta(5, 0.6, n)
        self.predicted = self.random.integers(0, len(LABELS), n)
        shift = 0.0 if offsets is None else offsets[self.predicted]
        self.chance = expit(honesty * logit(np.clip(self.confidence, 1e-5, 1 - 1e-5)) + shift)
        self.correct = self.random.random(n) < self.chance

    def error(self, routed):
        return float((1 - self.chance[routed]).mean()) if routed.any() else 0.0


TEST = World(99, 20_000)


@pytest.mark.parametrize("budget", [0.05, 0.03])
@pytest.mark.parametrize(("n", "honesty"), [(600, 1.0), (600, 0.7), (150, 1.0)])
def test_the_budget_is_kept_about_nine_times_in_ten_and_not_by_refusing(budget, n, honesty):
    test = World(99, 20_000, honesty=honesty)
    errors, coverages = [], []
    for seed in range(100):
        validation = World(seed, n, honesty=honesty)
        threshold = route_threshold(validation.confidence, validation.correct, budget)
        errors.append(test.error(test.confidence >= threshold))
        coverages.append((test.confidence >= threshold).mean())
    best = np.sort(1 - test.chance).cumsum() / np.arange(1, 20_001)
    possible = (best <= budget).mean()
    # nine in ten, less the scatter of a hundred repetitions (one standard error is three of them)
    assert np.mean(np.array(errors) <= budget) >= 0.9 - 0.05
    assert np.mean(errors) < 0.85 * budget
    assert np.mean(coverages) > (0.6 if honesty == 1 else 0.4) * possible * (1 if n > 150 else 0.9)


def test_thresholds_of_categories_keep_the_budget_and_route_more_where_categories_differ():
    test = World(98, 20_000, offsets=OFFSETS)
    errors, more = [], []
    for seed in range(40):
        seen = World(seed, 600, offsets=OFFSETS)
        one = route_threshold(seen.confidence, seen.correct, 0.05)
        own = category_thresholds(seen.confidence, seen.predicted, seen.correct, LABELS, 0.05)
        routed = test.confidence >= np.array([own[label] for label in LABELS])[test.predicted]
        errors.append(test.error(routed))
        more.append(routed.mean() - (test.confidence >= one).mean())
    assert np.mean(np.array(errors) <= 0.05) >= 0.85
    assert np.mean(more) > 0.01


def test_a_category_that_is_often_wrong_gets_a_higher_threshold_than_one_that_is_not():
    seen = World(1, 2000, offsets=OFFSETS)
    own = category_thresholds(seen.confidence, seen.predicted, seen.correct, LABELS, 0.05)
    assert own["c0"] > own["c10"] > own["c19"]


def test_categories_that_do_not_differ_get_nearly_the_same_threshold():
    seen = World(1, 600)
    own = category_thresholds(seen.confidence, seen.predicted, seen.correct, LABELS, 0.05)
    assert max(own.values()) - min(own.values()) < 0.1


def test_a_category_without_validation_messages_gets_a_threshold_too():
    seen = World(2, 600)
    own = category_thresholds(seen.confidence, seen.predicted, seen.correct, [*LABELS, "new"], 0.05)
    assert min(own.values()) <= own["new"] <= max(own.values())


def test_a_larger_budget_never_raises_the_threshold():
    for seed in range(10):
        seen = World(seed, 300)
        found = [
            route_threshold(seen.confidence, seen.correct, budget) for budget in np.linspace(0.005, 0.4, 40)
        ]
        assert found == sorted(found, reverse=True)
        assert found[-1] >= LOWEST_THRESHOLD


def test_more_validation_messages_cost_less_coverage():
    def coverage(n):
        return np.mean(
            [
                (TEST.confidence >= route_threshold(seen.confidence, seen.correct, 0.05)).mean()
                for seen in (World(seed, n) for seed in range(20))
            ]
        )

    assert coverage(100) < coverage(500) < coverage(2500)


@pytest.mark.parametrize("n", [0, 1, 29])
def test_with_little_to_measure_every_threshold_falls_back(n):
    seen = World(0, n)
    found = routing_thresholds(seen.confidence, seen.predicted, seen.correct, LABELS, 0.05)
    assert found.route == FALLBACK_THRESHOLD
    assert set(found.categories.values()) == {FALLBACK_THRESHOLD}
    assert set(found.budgets.values()) == {FALLBACK_THRESHOLD}


def test_a_model_that_is_always_wrong_routes_nothing():
    confidence, wrong = np.linspace(0.5, 0.95, 100), np.zeros(100, dtype=bool)
    found = routing_thresholds(confidence, np.zeros(100, dtype=int), wrong, LABELS, 0.05)
    assert found.route == NEVER
    assert set(found.categories.values()) == {NEVER}


def test_a_model_that_is_always_right_routes_nearly_everything():
    seen = World(3, 200)
    assert (seen.confidence >= route_threshold(seen.confidence, np.ones(200, dtype=bool), 0.05)).mean() > 0.9


def test_messages_of_equal_confidence_are_not_parted():
    confidence = np.repeat([0.99, 0.6], 100)
    correct = np.concatenate([np.ones(100, dtype=bool), np.arange(100) < 60])
    assert route_threshold(confidence, correct, 0.05) == 0.99


def test_thresholds_for_the_usual_budgets_are_kept_beside_the_chosen_one():
    seen = World(4, 600)
    found = routing_thresholds(seen.confidence, seen.predicted, seen.correct, LABELS, 0.03)
    assert list(found.budgets) == [f"{budget:g}" for budget in BUDGETS]
    assert found.route == found.budgets["0.03"]
    assert found.budgets["0.05"] < found.budgets["0.03"] < found.budgets["0.01"]


@pytest.mark.parametrize("budget", [0.0, -0.1, 0.5, 1.0, float("nan")])
def test_a_budget_that_is_none_is_refused(budget):
    with pytest.raises(InvalidInput, match=r"above 0 and below 0\.5"):
        route_threshold(TEST.confidence, TEST.correct, budget)
