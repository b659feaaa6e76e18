"""Links to messages in a card: stand-ins first, addresses when it is sent."""

from __future__ import annotations

from bot.blocks.common import card, section, small_print
from bot.blocks.links import message_link, messages_linked, with_addresses

HERE, THERE = ("C0HELP", "1790000000.000100"), ("C0OTHER", "1790000000.000200")


def test_the_messages_of_all_mrkdwn_are_found_once():
    text = f"<{message_link(*HERE)}|one> and <{message_link(*THERE)}|two>"
    blocks = card("", [section(text), small_print(f"<{message_link(*HERE)}|again>")]).blocks
    assert messages_linked(blocks) == {HERE, THERE}


def test_plain_text_and_what_people_wrote_hold_none():
    blocks = [
        {"type": "section", "text": {"type": "plain_text", "text": f"<{message_link(*HERE)}|one>"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "&lt;message:C0HELP/1.1|one&gt;"}},
    ]
    assert messages_linked(blocks) == set()
    assert with_addresses(blocks, {}) == blocks


def test_addresses_are_filled_in_and_a_lost_one_leaves_its_label_or_nothing_behind_a_dot():
    text = f"<{message_link(*HERE)}|one> <{message_link(*THERE)}|two> · <{message_link(*THERE)}|three> · end"
    [block] = with_addresses(card("", [section(text)]).blocks, {HERE: "https://x/p1", THERE: ""})
    assert block["text"]["text"] == "<https://x/p1|one> two · end"
