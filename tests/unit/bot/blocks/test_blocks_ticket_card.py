"""The card in the thread and the owning team's card, as people see them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.blocks.action_ids import TicketValue
from bot.blocks.common import Card
from bot.blocks.ticket_card import Correction, Precedent, question_card, routed_card, team_card
from playground.blocks.validation import check_message_blocks
from tests.factories.rows import (
    BILLING,
    CATEGORIES,
    LENA,
    LOGIN,
    NETWORK,
    SAM,
    TICKET,
    category_view,
    many_categories,
)
from tests.factories.snapshots import check_card

LINK = "https://acme.slack.com/archives/C0HELP/p1790000000000100"
WORDS = ["password", "does not", "work"]
CHOICES = [(LOGIN, 0.41), (NETWORK, 0.33), (BILLING, 0.2)]
CORRECTED = Correction(BILLING, (LENA,), confirmed=False)
CONFIRMED = Correction(LOGIN, (LENA, SAM), confirmed=True)
NONE = Correction(None, (LENA,), confirmed=False)
HOSTILE = "<!channel> & <@U0SAM> *bold* `code` ```never closed\n> quote " + "W" * 300


def elements(card: Card) -> list[dict[str, Any]]:
    return [element for block in card.blocks if block["type"] == "actions" for element in block["elements"]]


def test_a_routing():
    check_card("routed", routed_card(TICKET, LOGIN, 0.88, WORDS, CATEGORIES))


@pytest.mark.parametrize(
    ("name", "correction"), [("corrected", CORRECTED), ("confirmed", CONFIRMED), ("none_of_these", NONE)]
)
def test_a_routing_that_people_spoke_about(name: str, correction: Correction):
    check_card(f"routed_{name}", routed_card(TICKET, LOGIN, 0.88, WORDS, CATEGORIES, correction))


REMEMBERED = Precedent("https://acme.slack.com/archives/C0HELP/p1780000000000100", corrected=True)


def test_a_routing_that_a_remembered_correction_made():
    check_card("routed_remembered", routed_card(TICKET, LOGIN, 0.88, WORDS, CATEGORIES, precedent=REMEMBERED))
    for correction in (None, CORRECTED, CONFIRMED):
        card = routed_card(TICKET, LOGIN, 0.88, WORDS, CATEGORIES, correction, REMEMBERED)
        assert "88%" not in json.dumps([card.text, card.blocks])


def test_a_question_for_the_sake_of_a_remembered_correction():
    check_card("question_remembered", question_card(TICKET, CHOICES, WORDS, CATEGORIES, precedent=REMEMBERED))


def test_a_remembered_message_that_is_gone_is_named_without_a_link():
    card = routed_card(TICKET, LOGIN, 0.88, WORDS, CATEGORIES, precedent=Precedent("", corrected=False))
    assert "Someone labelled a similar message, so it goes there." in json.dumps(card.blocks)


def test_a_teams_card_says_that_people_decided():
    card = team_card(LOGIN, 0.88, SAM, "help", LINK, precedent=REMEMBERED)
    assert "someone corrected" in json.dumps(card.blocks)
    assert "88%" not in json.dumps(card.blocks)


def test_a_question():
    check_card("question", question_card(TICKET, CHOICES, WORDS, CATEGORIES))


def test_a_question_about_a_file():
    check_card("question_file", question_card(TICKET, [], [], CATEGORIES, unreadable=True))


def test_a_question_without_choices():
    check_card("question_no_choices", question_card(TICKET, [], WORDS, CATEGORIES))


@pytest.mark.parametrize(("name", "correction"), [("answered", CORRECTED), ("none_of_these", NONE)])
def test_a_question_that_was_answered(name: str, correction: Correction):
    check_card(f"question_{name}", question_card(TICKET, CHOICES, WORDS, CATEGORIES, correction))


def test_a_teams_card():
    check_card("team", team_card(LOGIN, 0.88, SAM, "my password does not work\n\nhelp &amp; thanks", LINK))


def test_a_teams_card_that_a_person_sent():
    check_card("team_sent_by", team_card(BILLING, 0.05, SAM, "(a file)", LINK, sent_by=(LENA,)))


@pytest.mark.parametrize(
    ("name", "moved"),
    [
        ("moved", CORRECTED),
        ("none_of_these", NONE),
        ("taken_back", Correction(None, (), confirmed=False)),
        ("moved_back", Correction(NETWORK, (), confirmed=False)),
    ],
)
def test_a_teams_card_that_moved_on(name: str, moved: Correction):
    check_card(f"team_{name}", team_card(LOGIN, 0.88, SAM, "my password", LINK, moved))


def test_hostile_text_is_shown_and_does_nothing():
    view = category_view(name=HOSTILE, description=HOSTILE, destination=HOSTILE, destination_id=None)
    check_card("hostile_routed", routed_card(TICKET, view, 0.5, [HOSTILE, "<!here>", "&"], [view]))
    check_card("hostile_question", question_card(TICKET, [(view, 0.5)], [HOSTILE], [view]))
    check_card("hostile_team", team_card(view, 0.5, SAM, HOSTILE, LINK))


@pytest.mark.parametrize("name", ["N" * 300, "&" * 300, "\U0001f600" * 300])
def test_limits_hold_with_100_categories_and_huge_names(name: str):
    many = many_categories(100, name)
    by = tuple(f"U{index:09}" for index in range(200))
    words = ["&" * 3000] * 20
    for correction in (
        None,
        Correction(many[1], by, confirmed=False),
        Correction(many[0], by, confirmed=True),
    ):
        check_message_blocks(routed_card(TICKET, many[0], 0.9, words, many, correction).blocks, {})
        choices = [(view, 0.3) for view in many[:3]]
        check_message_blocks(question_card(TICKET, choices, words, many, correction).blocks, {})
    card = team_card(many[0], 0.9, SAM, "&" * 12_000, LINK, sent_by=by)
    check_message_blocks(card.blocks, {})
    assert LINK in json.dumps(card.blocks)
    assert len(card.text) <= 4000  # what chat.update takes


def test_every_category_can_be_picked_and_none_of_these_comes_last():
    menu = elements(routed_card(TICKET, LOGIN, 0.9, WORDS, CATEGORIES))[-1]
    values = [TicketValue.decode(option["value"]) for option in menu["options"]]
    assert [value.category for value in values] == ["login", "network", "billing", None]
    assert {value.ticket_id for value in values} == {TICKET}


def test_no_two_elements_of_a_card_share_an_action_id():
    card = question_card(TICKET, CHOICES, WORDS, CATEGORIES)
    for block in card.blocks:
        ids = [element["action_id"] for element in block.get("elements", []) if "action_id" in element]
        assert len(set(ids)) == len(ids)


def test_a_cut_choice_keeps_its_number():
    view = category_view(name="N" * 300)
    button = elements(question_card(TICKET, [(view, 0.41)], WORDS, [view]))[0]
    assert button["text"]["text"].endswith("… 41%")


def test_an_unclosed_code_block_cannot_swallow_the_link():
    first, second = team_card(LOGIN, 0.9, SAM, "look:\n```\nTraceback", LINK).blocks
    assert LINK in first["text"]["text"]
    assert "```" in second["text"]["text"]


def test_a_long_message_is_quoted_by_its_first_lines():
    quoted = team_card(LOGIN, 0.9, SAM, "line\n" * 2000, LINK).blocks[1]["text"]["text"]
    assert quoted.splitlines() == ["> line"] * 6 + ["> …"]


def test_what_people_wrote_is_never_read_for_mentions():
    """Slack reads `@channel` in plain words too, unless the text is marked as verbatim."""
    for card in (
        routed_card(TICKET, LOGIN, 0.9, ["@channel"], CATEGORIES),
        question_card(TICKET, CHOICES, ["@channel"], CATEGORIES),
        team_card(LOGIN, 0.9, SAM, "@channel", LINK),
    ):
        texts = [block["text"] for block in card.blocks if block["type"] == "section"]
        texts += [text for block in card.blocks if block["type"] == "context" for text in block["elements"]]
        assert all(text["verbatim"] for text in texts)
