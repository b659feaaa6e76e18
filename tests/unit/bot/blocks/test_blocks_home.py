"""The Home tab."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.blocks.home import home_view
from playground.blocks.validation import check_view
from tests.factories.rows import CATEGORIES, category_view, many_categories
from tests.factories.snapshots import check_home

COUNTS = {"tickets": 120, "labels": 1, "waiting": 2, "dead": 0}
MODEL = "20260105T090000Z-7f3a"


def test_a_persons_home():
    check_home("home", home_view(CATEGORIES, MODEL, COUNTS, is_admin=False))


def test_an_admins_home():
    check_home("home_admin", home_view(CATEGORIES, MODEL, COUNTS, is_admin=True))


def test_an_empty_workspace():
    check_home("home_empty", home_view((), "not reachable at the moment", {}, is_admin=False))


def test_hostile_categories_do_nothing():
    view = category_view(
        name="<!channel>", description="<@U0SAM> & `more`", destination="<!here>", destination_id=None
    )
    check_home("home_hostile", home_view([view], "<!channel>", COUNTS, is_admin=True))


def test_what_was_given_up_is_for_admins():
    moment = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    given_up = [("message", moment, "KeyError in <route>, line 7"), *[("why", moment, "&" * 500)] * 9]
    everybodys = home_view(CATEGORIES, MODEL, COUNTS, is_admin=False, given_up=given_up)
    check_home("home", everybodys)
    check_home("home_given_up", home_view((), MODEL, COUNTS, is_admin=True, given_up=given_up))


def test_limits_hold_with_100_categories_and_huge_names():
    view = home_view(many_categories(100, "&" * 300), "&" * 3000, COUNTS, is_admin=True)
    check_view(view, "home", {})
    assert view["blocks"][-1]["elements"][0]["text"] == "and 20 more categories"
