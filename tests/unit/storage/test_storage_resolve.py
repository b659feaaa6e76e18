"""What the labels of one ticket say together."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from storage.labels import resolve_labels
from storage.models import Label, LabelRole

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def label(category, role=LabelRole.STAFF, minute=0, *, withdrawn=False):
    at = NOW + timedelta(minutes=minute)
    return Label(
        id=uuid4(), category=category, role=role, created_at=at, withdrawn_at=at if withdrawn else None
    )


def test_no_active_label_says_nothing():
    assert resolve_labels([]) is None
    assert resolve_labels([label("vpn", withdrawn=True)]) is None


def test_none_of_these_is_an_answer():
    assert resolve_labels([label(None)]).category is None


def test_the_highest_role_wins_whatever_the_time():
    labels = [
        label("vpn", LabelRole.ADMIN),
        label("wifi", LabelRole.STAFF, 5),
        label("dns", LabelRole.OWNER, 9),
    ]
    resolved = resolve_labels(labels)
    assert (resolved.category, resolved.disputed, resolved.created_at) == ("vpn", False, NOW)


def test_among_equals_the_latest_wins_and_the_dispute_is_told():
    resolved = resolve_labels([label("wifi", minute=5), label("vpn")])
    assert (resolved.category, resolved.disputed) == ("wifi", True)
    assert not resolve_labels([label("vpn", minute=5), label("vpn")]).disputed


def test_a_withdrawn_label_has_no_say():
    labels = [label("vpn", LabelRole.ADMIN, withdrawn=True), label("wifi")]
    assert resolve_labels(labels).category == "wifi"


def test_labels_of_all_active_people_are_named():
    labels = [label("vpn", LabelRole.ADMIN), label("wifi")]
    assert resolve_labels(labels).label_ids == tuple(each.id for each in labels)
