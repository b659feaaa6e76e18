"""The answer to /why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from bot.blocks.action_ids import TicketValue
from bot.blocks.ticket_card import Correction
from bot.blocks.why import Similar, WhyView, why_card
from classifier.contract import Decisive, Explanation, Word
from playground.blocks.validation import check_message_blocks
from tests.factories.rows import BILLING, CATEGORIES, LENA, LOGIN, prediction
from tests.factories.snapshots import check_card

LINK = "https://acme.slack.com/archives/C0HELP/p1790000000000100"
WORDS = (
    Word("my", 0, 2, 0.01),
    Word("password", 3, 11, 0.4),
    Word("does", 12, 16, 0.0),
    Word("invoice", 17, 24, -0.1),
)


def explanation(words: tuple[Word, ...] = WORDS, **fields: Any) -> Explanation:
    values: dict[str, Any] = {
        "prediction": prediction(),
        "method": "leave_one_out",
        "removed": ("password",),
        "probability_without": 0.3,
        "category_without": "billing",
        "hidden_attention": 0.34,
    }
    return Explanation(words=words, **(values | fields))


def view(**fields: Any) -> WhyView:
    values: dict[str, Any] = {
        "explanation": explanation(),
        "names": {view.slug: view.name for view in CATEGORIES},
        "asked_version": "20260101T000000Z-test",
        "correction": None,
        "link": LINK,
    }
    return WhyView(**(values | fields))


def test_words_for_and_against_with_the_measurement():
    check_card("why", why_card(view()))


def test_everything_that_can_be_said():
    unsure = prediction(confidence=0.41, out_of_scope=0.7, truncated=True)
    corrected = Correction(BILLING, (LENA,), confirmed=False)
    asked = view(
        explanation=explanation(prediction=unsure), correction=corrected, asked_version="20251201T000000Z-old"
    )
    check_card("why_everything", why_card(asked))


def test_no_word_counts_and_nobody_is_second():
    alone = prediction(alternatives=(("login", 0.88),))
    quiet = explanation(words=(), removed=(), category_without="login", prediction=alone)
    check_card("why_no_words", why_card(view(explanation=quiet)))


def decisive(**fields: Any) -> Decisive:
    values: dict[str, Any] = {
        "words": (WORDS[1],),
        "category": "billing",
        "probability": 0.2,
        "probability_of_new": 0.61,
        "out_of_scope": 0.1,
        "smallest": True,
    }
    return Decisive(**(values | fields))


def test_the_fewest_words_that_change_the_decision():
    card = why_card(view(explanation=explanation(decisive=decisive())))
    assert card.blocks[3]["text"]["text"] == (
        "*What decided:* without “password” I would say *Billing* (61%), and give Sign-in 20% instead of 88%."
    )
    check_card("why_decisive", card)


def test_an_explanation_says_how_many_words_it_tried_and_why_not_all():
    everything = text_of(explanation(tried=4, read=4))
    assert "4 of" not in everything
    most = text_of(explanation(tried=128, read=240))
    assert "I tried 128 of its 240 words, those I looked at most" in most
    late = text_of(explanation(tried=23, read=119, cut_short=True, category_without="login"))
    assert "I had time to try 23 of its 119 words, those I looked at most" in late
    assert "no few words that I had time to try" in late


def text_of(shown: Explanation) -> str:
    return str(why_card(view(explanation=shown)).blocks)


def test_a_message_that_only_becomes_somebodys_does_not_change_to_itself():
    unsure = prediction(out_of_scope=0.7)
    changed = decisive(category=unsure.category, probability=0.9)
    said = text_of(explanation(prediction=unsure, decisive=changed))
    assert "without “password” I would take it for a ticket of *Sign-in* (90%), and not for nobody's." in said
    assert "instead of" not in said


def test_several_words_of_which_none_is_idle():
    several = decisive(words=(WORDS[1], WORDS[3]), category=None, out_of_scope=0.8)
    card = why_card(view(explanation=explanation(decisive=several)))
    said = card.blocks[3]["text"]["text"]
    assert "without “password”, “invoice” I would take it for nobody's ticket (80%)" in said
    assert said.endswith("Fewer words do not change it.")


def test_a_button_puts_the_words_into_the_thread():
    card = why_card(view(ticket_id=UUID(int=7)))
    [button] = card.blocks[-2]["elements"]
    assert TicketValue.decode(button["value"]) == TicketValue(UUID(int=7))
    check_message_blocks(card.blocks, {})


def test_tickets_like_it_with_what_people_said():
    similar = (Similar("cannot *log* in", "Sign-in", LINK, 0.91), Similar("<!here> lunch", "", LINK, -0.2))
    card = why_card(view(similar=similar))
    check_card("why_similar", card)
    assert "<!here>" not in card.blocks[-2]["text"]["text"]


def test_it_would_say_the_same_without_the_words():
    same = explanation(category_without="login", probability_without=0.6)
    card = why_card(view(explanation=same))
    assert (
        "Without “password” I would still say *Sign-in*, with 60% instead of 88%."
        in card.blocks[3]["text"]["text"]
    )


def test_a_confirmation_is_told_from_a_correction():
    card = why_card(view(correction=Correction(LOGIN, (LENA,), confirmed=True)))
    assert "confirmed Sign-in by <@U0LENA>" in card.blocks[-1]["elements"][0]["text"]


def test_hostile_words_do_nothing():
    hostile = tuple(
        Word(text, 0, 1, 0.1)
        for text in ("<!channel>", "&", "a`b", "*b*", "W" * 400, "<https://x.example|y>")
    )
    asked = view(explanation=explanation(words=hostile, removed=("<!here>", "`" * 50)))
    check_card("why_hostile", why_card(asked))


def test_limits_hold_for_huge_names_and_many_words():
    words = tuple(Word("&" * 3000, 0, 1, sign) for sign in (0.1, -0.1) for _ in range(300))
    by = tuple(f"U{index:09}" for index in range(200))
    asked = view(
        names=dict.fromkeys(("login", "network", "billing"), "&" * 3000),
        explanation=replace(explanation(words=words), removed=("&" * 3000,) * 100),
        correction=Correction(BILLING, by, confirmed=False),
        asked_version="&" * 3000,
    )
    check_message_blocks(why_card(asked).blocks, {})
