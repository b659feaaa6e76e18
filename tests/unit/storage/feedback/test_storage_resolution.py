"""What the labels of one ticket say together, and how people's labels fared."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import uuid4

import pytest

from storage.feedback.resolution import MIN_JUDGED, TRUST, capped_people, resolve_labels, tally
from storage.models import Label, LabelRole, LabelSource

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
ADMIN, OWNER, STAFF, IMPORT = TRUST


def label(category, user_id="U1", role=STAFF, minute=0, *, withdrawn=False, source=LabelSource.BUTTON):
    at = NOW + timedelta(minutes=minute)
    return Label(
        id=uuid4(),
        category=category,
        user_id=user_id,
        role=role,
        source=source,
        created_at=at,
        withdrawn_at=at if withdrawn else None,
    )


def said(labels, **options):
    """What they resolve to, whatever the order in which they come."""
    answers = {(r.category, r.disputed) for p in permutations(labels) if (r := resolve_labels(p, **options))}
    assert len(answers) == 1
    return answers.pop()


def test_no_active_label_says_nothing():
    assert resolve_labels([]) is None
    assert resolve_labels([label("vpn", withdrawn=True)]) is None


def test_none_of_these_is_an_answer():
    assert said([label(None)]) == (None, False)


@pytest.mark.parametrize("higher", [0, 1, 2])
def test_the_higher_role_wins_whatever_the_time(higher):
    labels = [label("vpn", "U1", TRUST[higher]), label("wifi", "U2", TRUST[higher + 1], 5)]
    resolved = resolve_labels(labels)
    assert (resolved.category, resolved.disputed, resolved.created_at) == ("vpn", False, NOW)
    assert (resolved.label_id, resolved.role) == (labels[0].id, TRUST[higher])


@pytest.mark.parametrize("role", TRUST)
def test_two_equals_who_differ_dispute_it_and_what_stood_first_stays(role):
    assert said([label("vpn", "U1", role), label("wifi", "U2", role, 5)]) == ("vpn", True)
    assert said([label(None, "U1", role), label("wifi", "U2", role, 5)]) == (None, True)


def test_a_third_of_them_who_agrees_with_the_second_does_not_end_it():
    labels = [label("vpn", "U1"), label("wifi", "U2", minute=1), label("wifi", "U3", minute=2)]
    assert said(labels) == ("vpn", True)


def test_two_equals_who_agree_do_not_dispute_it_and_the_latest_won():
    labels = [label("vpn", "U1"), label("vpn", "U2", minute=5)]
    resolved = resolve_labels(labels)
    assert (resolved.category, resolved.disputed) == ("vpn", False)
    assert (resolved.label_id, resolved.created_at) == (labels[1].id, labels[1].created_at)
    assert resolved.user_ids == ("U2", "U1")


@pytest.mark.parametrize("higher", [ADMIN, OWNER])
def test_a_dispute_ends_with_the_word_of_a_higher_role(higher):
    labels = [label("vpn", "U1"), label("wifi", "U2", minute=1), label("dns", "U3", higher, 2)]
    assert said(labels) == ("dns", False)
    assert said(labels[:2]) == ("vpn", True)


def test_a_dispute_ends_when_they_agree():
    before = [label("vpn", "U1"), label("wifi", "U2", minute=1)]
    assert said([*before, label("wifi", "U1", minute=2)]) == ("wifi", False)


def test_a_dispute_below_the_highest_role_is_none():
    labels = [label("vpn", "U1"), label("wifi", "U2", minute=1), label("vpn", "U3", OWNER, 2)]
    assert said(labels) == ("vpn", False)


def test_a_dispute_among_owners_is_one_whatever_staff_say():
    labels = [label("vpn", "U1", OWNER), label("wifi", "U2", OWNER, 1), label("wifi", "U3", STAFF, 2)]
    assert said(labels) == ("vpn", True)


def test_a_persons_latest_label_counts_alone_whatever_its_role():
    labels = [label("vpn", "U1", ADMIN), label("wifi", "U1", STAFF, 5)]
    assert said(labels) == ("wifi", False)
    assert len(resolve_labels(labels).label_ids) == 1


def test_a_withdrawn_label_has_no_say():
    labels = [label("vpn", "U1", ADMIN, withdrawn=True), label("wifi", "U2")]
    assert said(labels) == ("wifi", False)


def test_an_admin_who_settled_it_in_the_queue_ends_a_dispute_of_admins():
    before = [label("vpn", "U1", ADMIN), label("wifi", "U2", ADMIN, 1)]
    settled = label("wifi", "U3", ADMIN, 2, source=LabelSource.REVIEW)
    assert said([*before, settled]) == ("wifi", False)
    assert said([*before, label("wifi", "U3", ADMIN, 2)]) == ("vpn", True)
    assert said([*before, settled, label("dns", "U1", ADMIN, 3)]) == ("wifi", True)


def test_an_owner_who_settled_it_in_the_queue_does_not_end_a_dispute_of_owners():
    settled = label("wifi", "U3", OWNER, 2, source=LabelSource.REVIEW)
    assert said([label("vpn", "U1", OWNER), settled]) == ("vpn", True)


def test_the_labels_that_count_and_those_that_agree_are_named():
    labels = [label("vpn", "U1", ADMIN), label("wifi", "U2", minute=1), label("vpn", "U3", minute=2)]
    resolved = resolve_labels(labels)
    assert resolved.label_ids == tuple(each.id for each in labels)
    assert resolved.agreeing == (labels[0].id, labels[2].id)
    assert resolved.user_ids == ("U3", "U1")


def test_what_a_capped_person_alone_says_does_not_count():
    capped = frozenset({"U1"})
    assert resolve_labels([label("vpn")], capped) is None
    assert said([label("vpn", role=OWNER), label("wifi", "U2", minute=1)], capped=capped) == ("wifi", False)
    assert said([label("vpn"), label("wifi", "U2", minute=1)], capped=capped) == ("wifi", False)


def test_a_second_person_of_any_role_makes_it_count():
    capped = frozenset({"U1"})
    labels = [label("vpn", role=OWNER), label("vpn", "U2", IMPORT), label("wifi", "U3", minute=1)]
    assert said(labels, capped=capped) == ("vpn", False)


def test_a_withdrawn_second_word_makes_nothing_count():
    labels = [label("vpn"), label("vpn", "U2", withdrawn=True)]
    assert resolve_labels(labels, frozenset({"U1"})) is None


def test_an_admin_is_never_capped():
    assert said([label("vpn", role=ADMIN)], capped=frozenset({"U1"})) == ("vpn", False)


def fared(*histories, user_id="U1"):
    each = tally(histories).get(user_id)
    return (each.judged, each.lost) if each else None


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([label("vpn")], None),
        ([label("vpn"), label("vpn", "U2")], (1, 0)),
        ([label("vpn"), label("wifi", "U2")], None),  # one word against another
        ([label("vpn"), label("wifi", "U2", OWNER)], (1, 1)),
        ([label("vpn"), label("vpn", "U2", ADMIN)], (1, 0)),
        ([label("vpn"), label("wifi", "U2"), label("wifi", "U3")], (1, 1)),
        ([label("vpn"), label("wifi", "U2"), label("dns", "U3")], None),
        ([label("vpn", role=OWNER), label("wifi", "U2"), label("wifi", "U3")], None),  # nobody above
        ([label("vpn", role=IMPORT), label("wifi", "U2")], None),  # an import is no person
        ([label("vpn"), label("wifi", "U2", ADMIN, withdrawn=True)], None),
        ([label("vpn", withdrawn=True), label("wifi", "U2", ADMIN)], None),
    ],
)
def test_a_label_is_judged_by_people_of_the_same_or_higher_trust(labels, expected):
    assert fared(labels) == expected


def lost(count, role=STAFF):
    return [[label("vpn", role=role), label("wifi", "U2", ADMIN, 1)] for _ in range(count)]


def won(count, role=STAFF):
    return [[label("vpn", role=role), label("vpn", "U2", ADMIN, 1)] for _ in range(count)]


def test_a_person_is_capped_who_lost_more_than_half_of_enough_labels():
    half = MIN_JUDGED // 2
    assert capped_people(tally([*lost(half + 1), *won(MIN_JUDGED - half - 1)])) == {"U1"}
    assert capped_people(tally([*lost(half), *won(MIN_JUDGED - half)])) == frozenset()
    assert capped_people(tally(lost(MIN_JUDGED - 1))) == frozenset()
    assert capped_people(tally(lost(MIN_JUDGED, OWNER))) == {"U1"}


def test_admins_and_imports_are_never_capped():
    settled = [
        [label("vpn", role=ADMIN), label("wifi", "U2", ADMIN, 1, source=LabelSource.REVIEW)]
        for _ in range(MIN_JUDGED)
    ]
    assert fared(*settled) is None  # one admin against another
    assert capped_people(tally([*lost(MIN_JUDGED), [label("dns", role=ADMIN)]])) == frozenset()
    assert capped_people(tally(lost(MIN_JUDGED, IMPORT))) == frozenset()


def test_every_role_has_a_place_in_the_order_of_trust():
    assert set(TRUST) == set(LabelRole)
