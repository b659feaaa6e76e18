"""The review queue in the Home tab."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from bot.blocks.home import home_view
from bot.blocks.review_queue import SHOWN, Entry, Near, Opinion, Queue
from playground.blocks.validation import check_view
from tests.factories.rows import (
    ANNA,
    BILLING,
    CATEGORIES,
    LENA,
    LOGIN,
    NETWORK,
    NOW,
    SAM,
    TICKET,
    many_categories,
)
from tests.factories.snapshots import check_home

COUNTS = {"tickets": 120, "labels": 1, "waiting": 2, "dead": 0}
LINK = "https://acme.slack.com/archives/C0HELP/p1790000000000100"
HOSTILE = "<!channel> ``` &amp; *bold* " * 40


def entry(**fields: Any) -> Entry:
    values: dict[str, Any] = {
        "ticket_id": TICKET,
        "text": "the vpn wants my password\nagain",
        "link": LINK,
        "opinions": [
            Opinion(LOGIN, SAM, "staff", "reaction", NOW),
            Opinion(NETWORK, LENA, "owner", "menu", NOW),
        ],
        "words": ["vpn", "password"],
        "near": [Near("my vpn is down", NETWORK), Near("lunch?", None)],
        "choices": [LOGIN, NETWORK],
    }
    return Entry(**(values | fields))


def doubt(**fields: Any) -> Entry:
    return entry(
        opinions=[Opinion(LOGIN, "", "import", "import", NOW)],
        choices=[NETWORK, LOGIN],
        doubt=(LOGIN, NETWORK),
        link="",
        **fields,
    )


def home(queue: Queue, *, is_admin: bool = False, categories: Any = CATEGORIES) -> dict[str, Any]:
    return home_view(categories, "20260105T090000Z-7f3a", COUNTS, is_admin, queue)


def buttons(view: dict[str, Any]) -> list[str]:
    rows = [block["elements"] for block in view["blocks"] if block["type"] == "actions"]
    return [element["text"]["text"] for row in rows for element in row]


def test_a_dispute_and_a_doubt():
    check_home("home_queue", home(Queue([entry(), doubt(ticket_id=UUID(int=7))])))


def test_an_admin_sees_whose_labels_mostly_lost_and_what_became_of_a_tap():
    queue = Queue(capped=[(LENA, 6, 9)], notice="Somebody has settled that one already.")
    check_home("home_queue_admin", home(queue, is_admin=True))


def test_a_doubt_about_none_of_these_has_each_choice_once():
    view = home(Queue([entry(doubt=(None, BILLING), choices=[BILLING])]))
    assert buttons(view) == ["Keep as it is", ":credit_card: Billing"]
    view = home(Queue([entry(doubt=(LOGIN, None), choices=[LOGIN])]))
    assert buttons(view) == ["Keep as it is", "None of these"]


def test_what_people_wrote_does_nothing():
    view = home(Queue([entry(text=HOSTILE, words=[HOSTILE], near=[Near(HOSTILE, None)])]))
    check_view(view, "home", {})
    assert "<!channel>" not in str(view["blocks"])


def test_limits_hold_with_a_long_queue_and_many_categories():
    many = many_categories(100, "&" * 300)
    opinions = [Opinion(view, f"U{index}", "staff", "menu", NOW) for index, view in enumerate(many)]
    entries = [
        entry(ticket_id=UUID(int=index), opinions=opinions, choices=many, text=HOSTILE, words=[HOSTILE] * 9)
        for index in range(SHOWN)
    ]
    queue = Queue(entries, more=31, capped=[(ANNA, 5, 8)] * 50, notice="n" * 200)
    view = home(queue, is_admin=True, categories=many)
    check_view(view, "home", {})
    assert len(view["blocks"]) == 100
    assert "and 31 more" in str(view["blocks"])
    assert "*To settle:* 41 tickets wait" in str(view["blocks"])
