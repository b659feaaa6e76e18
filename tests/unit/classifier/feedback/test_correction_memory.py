"""What people said of a message like a new one, against what the model says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.feedback.correction_memory import (
    CERTAIN,
    COMPARED,
    SEVERAL,
    Recalled,
    fit_recall_near,
    fit_recall_threshold,
    recall,
)

SURE, NEAR = 0.8, 0.5


def said(rows, predicted="login", **options):
    """Ask a memory of (similarity, category, rejected categories) or (…, trusted, whose word alone)."""
    given = {
        "threshold": SURE,
        "near": NEAR,
        "rejected": [frozenset(row[2]) for row in rows],
        "trusted": [len(row) > 3 and row[3] for row in rows],
        "voices": [row[4] if len(row) > 4 else "" for row in rows],
        "confidence": 0.0,
    }
    similarities = np.array([row[0] for row in rows], dtype=np.float32)
    return recall(similarities, [row[1] for row in rows], predicted, **given | options)


def unit(rows):
    rows = np.asarray(rows, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def test_a_near_enough_correction_overrules():
    assert said([(0.9, "billing", {"login"})]) == Recalled(0, "billing", pytest.approx(0.9))


def test_one_label_only_asks_about_a_certain_model_while_there_is_little_to_compare_with():
    label = (0.9, "billing", {"login"})
    assert said([label], confidence=CERTAIN) == Recalled(0, "billing", pytest.approx(0.9), sure=False)
    assert said([label], confidence=CERTAIN - 0.01).sure
    assert said([label] * 2, confidence=CERTAIN).sure
    known = [(0.3, "login", set())] * COMPARED
    assert said([label, *known], confidence=CERTAIN).sure


def test_a_trusted_label_alone_overrules_a_certain_model():
    for first, second in ((True, False), (False, True)):
        rows = [(0.9, "billing", {"login"}, first), (0.85, "network", {"login"}, second)]
        found = said(rows, confidence=CERTAIN)
        assert (found.category, found.sure) == ("billing", first)


def test_one_colleagues_word_leads_a_question_however_near_and_however_often_it_is_said():
    lena, sam = (False, "LENA"), (False, "SAM")
    word = (1.0, "billing", {"login"}, *lena)
    many = [(0.3, "login", set())] * COMPARED
    for rows in ([word], [word] * SEVERAL, [word, *many], [word] * SEVERAL + many):
        assert said(rows) == Recalled(0, "billing", pytest.approx(1.0), sure=False)
        silent = [(row[0], None, *row[2:]) if row[1] == "billing" else row for row in rows]
        assert said(silent) == Recalled(0, None, pytest.approx(1.0), sure=False)
    assert said([word, (0.9, "billing", {"login"}, *sam)]).sure
    assert said([word, (0.9, "billing", set(), True)]).sure
    # who says something else, or says it of another message, does not second it
    for other in ((0.9, "network", {"login"}, *sam), (0.6, "billing", {"login"}, *sam)):
        assert not said([word, other]).sure


def test_one_colleagues_word_makes_no_ticket_of_what_the_model_keeps_silent_about():
    assert said([(1.0, "billing", (), False, "LENA")], predicted=None).sure is False
    assert said([(1.0, "billing", (), True)], predicted=None).sure


def test_one_colleague_bears_out_what_the_model_says_itself():
    assert said([(0.9, "login", (), False, "LENA")]) == Recalled(0, "login", pytest.approx(0.9))


def test_a_certain_model_is_borne_out_as_any_other():
    assert said([(0.9, "login", set())], confidence=CERTAIN) == said([(0.9, "login", set())])


def test_below_the_threshold_what_people_rejected_is_doubted():
    found = said([(0.6, "billing", {"login"})])
    assert found == Recalled(0, "billing", pytest.approx(0.6), sure=False)


def test_below_the_threshold_a_label_that_rejected_something_else_says_nothing():
    assert said([(0.6, "billing", {"network"})]) is None
    assert said([(0.6, "billing", set())]) is None


def test_far_away_labels_say_nothing():
    assert said([(0.4, "billing", {"login"})]) is None
    assert said([]) is None


def test_a_nearer_confirmation_keeps_the_prediction():
    assert said([(0.6, "billing", {"login"}), (0.7, "login", set())]) is None
    assert said([(0.9, "billing", {"login"}), (0.92, "login", set())]) is None
    assert said([(0.9, "billing", {"login"}), (0.99, "login", set())]).category == "login"


def test_a_confirmation_further_away_does_not():
    assert said([(0.7, "billing", {"login"}), (0.6, "login", set())]).sure is False
    assert said([(0.97, "billing", {"login"}), (0.81, "login", set())]).category == "billing"


def test_equally_near_labels_that_disagree_call_for_a_question():
    for rows in ([(1.0, "login", ()), (1.0, "billing", ())], [(1.0, "billing", ()), (1.0, "login", ())]):
        found = said(rows)
        assert (found.category, found.sure) == ("billing", False)


def test_several_labels_of_one_category_overrule_and_one_that_rejected_nothing_only_asks():
    three = [(0.9, "billing", ()), (0.89, "network", ()), (0.88, "billing", ()), (0.87, "billing", ())]
    assert said(three) == Recalled(0, "billing", pytest.approx(0.9))
    for fewer in (three[:3], three[:1]):
        assert said(fewer) == Recalled(0, "billing", pytest.approx(0.9), sure=False)
    # labels that are too far away have no vote
    assert not said([*three[:3], (0.7, "billing", ())]).sure


def test_a_label_that_rejected_the_prediction_overrules_where_it_is_clearly_nearer_or_another_agrees():
    agreeing = (0.84, "login", set())
    assert said([(1.0, "billing", {"login"}), agreeing]).sure
    assert not said([(0.9, "billing", {"login"}), agreeing]).sure
    assert said([(0.9, "billing", {"login"}), (0.85, "billing", ()), agreeing]).sure
    assert not said([(0.9, "billing", {"login"}), (0.83, "billing", ()), agreeing]).sure


MANY = [(0.3, "login", ())] * (COMPARED - 1)


def test_with_labels_to_compare_with_being_nearer_counts_however_far_away_both_are():
    rows = [(0.6, "billing", {"login"}), (0.55, "login", ())]
    assert said([*rows, *MANY], near=0.9) == Recalled(0, "billing", pytest.approx(0.6), sure=False)
    assert said([*rows, *MANY[1:]], near=0.9) is None
    assert said([*rows, (0.56, "billing", ()), *MANY], near=0.9).sure
    assert said([(0.6, "billing", {"login"}), (0.4, "login", ()), *MANY], near=0.9).sure
    assert said([(0.45, "billing", {"login"}), (0.2, "login", ()), *MANY], near=0.9) is None


def test_with_labels_to_compare_with_one_that_rejected_nothing_says_nothing():
    rows = [(0.9, "billing", ()), (0.55, "login", ()), *MANY]
    assert said(rows) is None
    assert said([*rows, (0.7, "network", {"login"})]).category == "network"


def test_two_thirds_of_the_votes_by_similarity_bear_a_prediction_out():
    assert said([(0.9, "login", ()), (0.89, "login", ()), (0.88, "billing", ())]).sure
    assert said([(0.9, "login", ()), (0.89, "billing", ())]) is None


def test_a_silenced_message_near_a_ticket_is_in_scope():
    assert said([(0.9, "billing", ())], predicted=None).sure
    assert said([(0.6, "billing", ())], predicted=None) == Recalled(
        0, "billing", pytest.approx(0.6), sure=False
    )
    assert said([(0.6, None, {"billing"})], predicted=None) is None


def test_none_of_these_overrules_and_doubts_as_a_category_does():
    assert said([(0.9, None, {"login"})]) == Recalled(0, None, pytest.approx(0.9))
    assert said([(0.6, None, {"login"})]).sure is False


def test_without_a_second_threshold_there_are_no_questions():
    assert said([(0.6, "billing", {"login"})], near=SURE) is None


MEMORY = st.lists(
    st.tuples(
        st.integers(-20, 20).map(lambda n: n / 20),
        st.sampled_from(["login", "billing", "network", None]),
        st.sets(st.sampled_from(["login", "billing", "network"])),
        st.booleans(),
        st.sampled_from(["", "LENA", "SAM"]),
    ),
    max_size=12,
)


@given(
    MEMORY,
    st.sampled_from(["login", "billing", None]),
    st.sampled_from([0.0, CERTAIN]),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_memory_does_not_matter(rows, predicted, confidence, random):
    found = said(rows, predicted, confidence=confidence)
    mixed = list(rows)
    random.shuffle(mixed)
    again = said(mixed, predicted, confidence=confidence)
    assert (found is None) == (again is None)
    if found is not None:
        assert found.similarity == again.similarity
        assert found.sure == again.sure
        assert found.category == again.category or not found.sure


@given(MEMORY, st.sampled_from(["login", "billing", None]))
def test_labels_of_other_categories_below_both_thresholds_never_matter(rows, predicted):
    close = [row for row in rows if row[0] >= NEAR or row[1] == predicted]
    found = said(rows, predicted)
    again = said(close, predicted)
    assert (found is None) == (again is None)
    if found is not None:
        assert (found.category, found.sure) == (again.category, again.sure)


@given(MEMORY, st.sampled_from(["login", "billing", None]))
def test_a_doubt_never_names_what_the_model_says(rows, predicted):
    found = said(rows, predicted)
    if found is not None and not found.sure:
        assert found.category != predicted


@given(MEMORY)
def test_the_nearest_correction_away_from_a_category_always_keeps_the_model_from_it(rows):
    rows = [(1.0, "billing", {"login"}), *[row for row in rows if row[0] < 1]]
    found = said(rows, "login")
    assert found is not None
    assert found.category != "login"


def test_the_threshold_lies_above_all_but_the_allowed_share_of_other_categories_neighbours():
    numbers = np.random.default_rng(0)
    vectors = unit(numbers.normal(size=(400, 8)))
    labels = [str(number) for number in numbers.integers(0, 4, size=400)]
    for share in (0.005, 0.05):
        threshold = fit_recall_threshold(vectors, labels, labels, moved=share)
        similarities = vectors @ vectors.T
        similarities[np.equal.outer(labels, labels)] = -1
        moved = (similarities.max(axis=1) >= threshold).mean()
        assert share - 0.006 <= moved <= share


def test_wrong_answers_cannot_be_moved_wrongly():
    vectors = unit([[1, 0], [1, 0.01], [0, 1]])
    labels = ["a", "b", "c"]
    assert fit_recall_threshold(vectors, labels, labels, moved=0.0) > 0.99
    assert fit_recall_threshold(vectors, labels, ["x", "y", "c"], moved=0.0) < 0.1


def test_learned_messages_count_as_neighbours_too():
    own, learned = unit([[1, 0], [0, 1]]), unit([[1, 0.1]])
    alone = fit_recall_threshold(own, ["a", "b"], ["a", "b"], moved=0.0)
    assert (
        fit_recall_threshold(own, ["a", "b"], ["a", "b"], others=learned, other_labels=["b"], moved=0.0)
        > alone
    )


def test_with_nothing_to_measure_only_the_same_words_are_remembered():
    assert fit_recall_threshold(np.zeros((0, 2), np.float32), [], []) == 1.0
    assert fit_recall_threshold(unit([[1, 0], [1, 1]]), ["a", "a"], ["a", "a"]) == 1.0
    assert fit_recall_near(np.zeros((0, 2), np.float32), [], [], threshold=0.9) == 0.9


def test_a_collapsed_space_gets_a_nearer_second_threshold():
    numbers = np.random.default_rng(1)
    labels = ["a"] * 100 + ["b"] * 100
    wide = unit(np.repeat(np.eye(8)[:2], 100, axis=0) + numbers.normal(size=(200, 8)))
    tight = unit(np.repeat(np.eye(8)[:2], 100, axis=0) + 0.1 * numbers.normal(size=(200, 8)))
    near = [fit_recall_near(vectors, labels, labels) for vectors in (wide, tight)]
    assert near[0] < near[1] <= 1.0
    assert fit_recall_near(tight, labels, labels, threshold=0.5) == 0.5
