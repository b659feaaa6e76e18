"""A question of the day."""

from __future__ import annotations

from bot.blocks.question import daily_question
from bot.blocks.ticket_card import Correction
from playground.blocks.validation import check_message_blocks
from tests.factories.rows import BILLING, HELP, LENA, LOGIN, NETWORK, SAM, TICKET, many_categories
from tests.factories.snapshots import check_card

LINK = "https://acme.slack.com/archives/C0HELP/p1790000000000100"
CHOICES = [(LOGIN, 0.41), (NETWORK, 0.38), (BILLING, 0.21)]
TEXT = "the invoice page wants my password"


def test_a_question_has_a_quote_a_link_and_one_button_a_choice():
    check_card("daily_question", daily_question(TICKET, CHOICES, HELP, TEXT, LINK))


def test_once_answered_it_shows_who_said_what():
    answer = Correction(BILLING, (LENA,), confirmed=False)
    check_card("daily_question_answered", daily_question(TICKET, CHOICES, HELP, TEXT, LINK, answer))


def test_none_of_these_is_an_answer():
    answer = Correction(None, (LENA, SAM), confirmed=False)
    check_card("daily_question_answered_none", daily_question(TICKET, CHOICES, HELP, TEXT, LINK, answer))


def test_a_hostile_message_pings_nobody():
    text = "<!channel> <@U0ANNA> ```&lt;b&gt;\n" + "*line*\n" * 20
    check_card("daily_question_hostile", daily_question(TICKET, CHOICES, HELP, text, LINK))


def test_limits_hold_for_huge_names():
    views = many_categories(3, "&" * 300)
    card = daily_question(TICKET, [(view, 0.3) for view in views], HELP, "&" * 5000, LINK)
    check_message_blocks(card.blocks, {})
