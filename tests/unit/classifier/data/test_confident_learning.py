from collections import Counter

import numpy as np
import pytest
import torch

from classifier.contract import InvalidInput
from classifier.data.confident_learning import confident_joint, distrusted_voices, hold_out, review, suspects
from classifier.data.dataset import Example
from classifier.training.out_of_fold import fold_of, from_neighbours, from_regression

LABELS = ("billing", "login", "network")


def examples_of(labels, voices=()):
    voices = voices or [""] * len(labels)
    return [
        Example(f"m{number}", label, voice=voice)
        for number, (label, voice) in enumerate(zip(labels, voices, strict=True))
    ]


def sure_of(labels, columns=LABELS, sureness=0.9):
    """Probabilities of a model that is sure of a label in each row."""
    rest = (1 - sureness) / (len(columns) - 1)
    return np.array([[sureness if c == label else rest for c in columns] for label in labels])


def crowd(each=60, flipped=0.2, seed=0, categories=3):
    """Points around one centre a category: (points, right, given), a share of the labels flipped."""
    random = np.random.default_rng(seed)
    right = np.repeat(np.arange(categories), each)
    points = 3 * random.normal(size=(categories, 12))[right] + random.normal(size=(len(right), 12))
    given = right.copy()
    wrong = random.choice(len(right), round(flipped * len(right)), replace=False)
    given[wrong] = (right[wrong] + random.integers(1, categories, len(wrong))) % categories
    return torch.tensor(points, dtype=torch.float32), right, given


def test_a_label_that_the_model_surely_disagrees_with_is_a_suspect():
    right = ["billing", "login", "network"] * 5
    given = [*right]
    given[4] = "network"
    found = suspects(examples_of(given, ["ann"] * 15), sure_of(right), LABELS)
    assert [(s.row, s.example, s.suggested) for s in found] == [
        (4, Example("m4", "network", voice="ann"), "login")
    ]
    assert found[0].score == pytest.approx(0.85)


def test_suspects_come_worst_first():
    given = ["billing"] * 6 + ["login"] * 6
    probabilities = sure_of(given, LABELS[:2])
    probabilities[2], probabilities[3] = (0.3, 0.7), (0.01, 0.99)
    assert [s.row for s in suspects(examples_of(given), probabilities, LABELS[:2])] == [3, 2]


def test_a_model_that_is_unsure_suspects_nobody():
    given = ["billing", "login", "network"] * 6
    assert suspects(examples_of(given), np.full((18, 3), 1 / 3), LABELS) == []


def test_the_confident_joint_counts_by_each_label_s_own_threshold():
    given = np.array([0, 0, 0, 1, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6], [0.3, 0.7], [0.5, 0.5]])
    counts, likely = confident_joint(given, probabilities)
    # thresholds: 2/3 for the first label, 0.6 for the second
    assert likely.tolist() == [0, 0, 1, 1, 1, -1]
    assert counts.tolist() == [[2, 1], [0, 2]]


@pytest.mark.parametrize(("sureness", "count"), [(0.7, 0), (0.97, 1)])
def test_out_of_scope_is_doubted_only_where_a_category_is_sure(sureness, count):
    columns = ("billing", "login", "oos")
    given = ["billing"] * 5 + ["login"] * 5 + ["oos"] * 5
    probabilities = sure_of(given, columns)
    probabilities[12] = sure_of(["login"], columns, sureness)[0]
    assert len(suspects(examples_of(given), probabilities, columns)) == count


def test_labels_of_a_rare_category_are_not_doubted():
    given = ["billing"] * 10 + ["login"] * 3
    assert suspects(examples_of(given), sure_of(["billing"] * 13, LABELS[:2]), LABELS[:2]) == []


@pytest.mark.parametrize(
    ("probabilities", "labels", "said"),
    [
        (np.ones((2, 3)), LABELS, "one row a message"),
        (np.ones((3, 1)), ("login",), "'billing' has no column"),
    ],
)
def test_what_does_not_fit_is_refused(probabilities, labels, said):
    with pytest.raises(InvalidInput, match=said):
        suspects(examples_of(["billing"] * 3), probabilities, labels)


def test_no_examples_have_no_suspects():
    assert suspects([], np.zeros((0, 3)), LABELS) == []


def with_voice(own_flips):
    """Three hundred labels, sixty by bob, of which a share is wrong; of the others' a twentieth."""
    random = np.random.default_rng(3)
    right = [LABELS[i % 3] for i in range(300)]
    voices = ["bob" if i % 5 == 0 else ("ann", "eve")[i % 2] for i in range(300)]
    given = [
        LABELS[(LABELS.index(label) + 1) % 3]
        if random.random() < (own_flips if voice == "bob" else 0.05)
        else label
        for label, voice in zip(right, voices, strict=True)
    ]
    return examples_of(given, voices), sure_of(right)


def test_all_labels_of_a_voice_that_is_mostly_wrong_are_held_out():
    examples, probabilities = with_voice(own_flips=0.9)
    found = review(examples, probabilities, LABELS)
    assert found.distrusted == ("bob",)
    assert "bob" not in {example.voice for example in found.kept}


def test_a_voice_that_errs_in_a_fifth_of_its_labels_loses_only_those():
    examples, probabilities = with_voice(own_flips=0.2)
    found = review(examples, probabilities, LABELS)
    assert found.distrusted == ()
    assert len(found.kept) == len(examples) - len(found.suspects)
    assert sum(example.voice == "bob" for example in found.kept) > 40


def test_a_voice_of_few_labels_is_not_judged():
    given = ["billing"] * 50
    voices = ["ann"] * 40 + ["bob"] * 10
    examples = examples_of(given, voices)
    found = suspects(examples, sure_of(["billing"] * 40 + ["login"] * 10), LABELS)
    assert len(found) == 10
    assert distrusted_voices(examples, found) == ()


def test_of_every_label_half_and_at_least_three_stay_and_the_worst_go_first():
    given = ["billing"] * 5 + ["login"] * 20
    examples = examples_of(given)
    probabilities = np.tile([0.1, 0.9], (25, 1))
    probabilities[5:] = [0.9, 0.1]
    probabilities[7] = [0.99, 0.01]
    found = suspects(examples, probabilities, LABELS[:2])
    kept = hold_out(examples, found)
    assert Counter(example.label for example in kept) == {"billing": 3, "login": 10}
    assert examples[7] not in kept
    assert [e.text for e in kept] == sorted((e.text for e in kept), key=lambda text: int(text[1:]))


def test_folds_share_every_label_out_evenly():
    given = np.repeat([0, 1, 2], [10, 5, 7])
    part = fold_of(given, 5, seed=0)
    for label in range(3):
        sizes = np.bincount(part[given == label], minlength=5)
        assert sizes.max() - sizes.min() <= 1


def test_a_message_is_not_its_own_neighbour():
    points = np.eye(4, dtype=np.float32)
    points[1] = points[0]
    given = np.array([0, 1, 1, 1])
    assert from_neighbours(points, given, 2)[0].argmax() == 1


def test_the_regression_has_not_seen_the_labels_that_it_judges():
    """Random labels: who has seen them repeats them, who has not cannot."""
    random = np.random.default_rng(0)
    points = torch.tensor(random.normal(size=(120, 60)), dtype=torch.float32)
    given = random.integers(0, 3, 120)
    said = from_regression(points, given, 3, 5, 0, lambda _: None)
    assert (said.argmax(axis=1) == given).mean() < 0.5
    assert np.allclose(said.sum(axis=1), 1)


@pytest.mark.parametrize("seed", range(3))
def test_most_flipped_labels_are_found_and_most_suspects_are_flipped(seed):
    points, right, given = crowd(seed=seed)
    said = 0.5 * from_regression(points, given, 3, 5, 0, lambda _: None)
    said += 0.5 * from_neighbours(points.numpy(), given, 3)
    found = suspects(examples_of([LABELS[g] for g in given]), said, LABELS)
    flipped = set(np.flatnonzero(given != right).tolist())
    hits = {suspect.row for suspect in found} & flipped
    assert len(hits) > 0.85 * len(flipped)
    assert len(hits) > 0.85 * len(found)
    assert all(LABELS.index(s.suggested) == right[s.row] for s in found if s.row in hits)
