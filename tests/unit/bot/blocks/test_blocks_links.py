"""Links to messages in a card: stand-ins first, addresses when it is sent."""

from __future__ import annotations

from bot.blocks.common import card, section, small_print
from bot.blocks.links import message_link, permalink, with_addresses

HERE, THERE = ("C0HELP", "1790000000.000100"), ("C0OTHER", "1790000000.000200")


def address(channel: str, ts: str) -> str:
    return permalink("https://acme.slack.com/", channel, ts)


def test_an_address_is_what_slack_would_say():
    assert address(*HERE) == "https://acme.slack.com/archives/C0HELP/p1790000000000100"


def test_addresses_are_filled_in_wherever_mrkdwn_links_to_a_message():
    text = f"<{message_link(*HERE)}|one> and <{message_link(*THERE)}|two>"
    blocks = card("", [section(text), small_print(f"<{message_link(*HERE)}|again>")]).blocks
    first, second = with_addresses(blocks, address)
    assert first["text"]["text"] == f"<{address(*HERE)}|one> and <{address(*THERE)}|two>"
    assert second["elements"][0]["text"] == f"<{address(*HERE)}|again>"


def test_plain_text_and_what_people_wrote_hold_none():
    blocks = [
        {"type": "section", "text": {"type": "plain_text", "text": f"<{message_link(*HERE)}|one>"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "&lt;message:C0HELP/1.1|one&gt;"}},
    ]
    assert with_addresses(blocks, address) == blocks
