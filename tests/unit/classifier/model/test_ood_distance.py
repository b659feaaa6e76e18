import numpy as np

from classifier.model.ood_distance import fit_scope_space, load_scope_space


def test_messages_far_from_their_category_have_a_large_distance(tmp_path):
    random = np.random.default_rng(0)
    centres = np.eye(8)[:3] * 4
    targets = random.integers(0, 3, 300)
    pooled = centres[targets] + random.normal(scale=0.3, size=(300, 8))
    space = fit_scope_space(pooled, targets, 3, np.eye(8), np.zeros(8))
    assert space is not None
    near = space.distances(pooled)
    far = space.distances(random.normal(size=(100, 8)) + 4 * np.eye(8)[7])
    assert np.quantile(near, 0.99) < np.quantile(far, 0.01)
    space.save(tmp_path)
    again = load_scope_space(tmp_path)
    assert again is not None
    assert np.allclose(again.distances(pooled), near)


def test_without_a_message_of_each_category_there_is_no_space():
    assert fit_scope_space(np.ones((4, 2)), np.array([0, 0, 0, -1]), 2, np.eye(2), np.zeros(2)) is None


def test_a_directory_without_one_has_none(tmp_path):
    assert load_scope_space(tmp_path) is None
