"""The text of a message in each of Slack's forms."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack.message_text import has_files, is_mail, text_of

SHARED = {"is_share": True, "is_msg_unfurl": True, "fallback": "[March 3rd, 2026 9:12 AM] sam: vpn is dead"}
MAIL = {"mode": "email", "filetype": "email", "subject": "Trouble", "plain_text": "vpn & wifi"}


def rich(*sections: dict[str, Any]) -> dict[str, Any]:
    return {"blocks": [{"type": "rich_text", "elements": list(sections)}]}


def words(kind: str, *texts: str) -> dict[str, Any]:
    return {"type": kind, "elements": [{"type": "text", "text": text} for text in texts]}


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"text": "vpn &amp; wifi "}, "vpn &amp; wifi "),
        ({"text": "vpn", **rich(words("rich_text_section", "the same in blocks"))}, "vpn"),
        ({"text": None}, ""),
        ({"text": "", **rich(words("rich_text_section", "vpn ", "<dead>"))}, "vpn &lt;dead&gt;"),
        (
            rich(words("rich_text_preformatted", "a\nb"), words("rich_text_quote", "c\nd")),
            "```a\nb```\n&gt; c\n&gt; d",
        ),
        (
            rich({"type": "rich_text_list", "elements": [words("rich_text_section", t) for t in "ab"]}),
            "• a\n• b",
        ),
        (
            rich(
                {
                    "type": "rich_text_section",
                    "elements": [
                        {"type": "user", "user_id": "U1"},
                        {"type": "channel", "channel_id": "C1"},
                        {"type": "usergroup", "usergroup_id": "S1"},
                        {"type": "broadcast", "range": "here"},
                        {"type": "emoji", "name": "cry"},
                        {"type": "link", "url": "https://a.example", "text": "a & b"},
                        {"type": "link", "url": "https://b.example"},
                        {"type": "date", "fallback": "tomorrow"},
                        {"type": "something_new", "text": "x"},
                    ],
                }
            ),
            "<@U1><#C1><!subteam^S1><!here>:cry:<https://a.example|a &amp; b><https://b.example>tomorrowx",
        ),
        (
            {
                "blocks": [
                    {"type": "header", "text": {"type": "plain_text", "text": "a & b"}},
                    {
                        "type": "section",
                        "text": {"type": "mrkdwn", "text": "*c*"},
                        "fields": [{"type": "mrkdwn", "text": "d"}],
                    },
                    {"type": "context", "elements": [{"type": "image"}, {"type": "mrkdwn", "text": "e"}]},
                    {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text"}}]},
                    {"type": "markdown", "text": "f"},
                    {"type": "table", "rows": [[{"type": "raw_text", "text": "g"}] * 2]},
                ]
            },
            "a &amp; b\n*c*\nd\ne\nf\ng | g",
        ),
        ({"text": "", "attachments": [SHARED | {"text": "vpn is dead"}]}, "vpn is dead"),
        ({"text": "help", "attachments": [SHARED | {"text": "vpn is dead"}]}, "help\nvpn is dead"),
        ({"text": "", "attachments": [SHARED]}, "vpn is dead"),
        (
            {
                "attachments": [
                    SHARED
                    | {"message_blocks": [{"message": rich(words("rich_text_section", "from blocks"))}]}
                ]
            },
            "from blocks",
        ),
        ({"attachments": [{"is_share": True, "fallback": "[no preview available]"}]}, ""),
        (
            {"attachments": [{"is_msg_unfurl": True, "text": "shared by an old client"}]},
            "shared by an old client",
        ),
        ({"text": "see", "attachments": [{"from_url": "https://a.example", "text": "a preview"}]}, "see"),
        ({"text": "see", "attachments": [{"is_app_unfurl": True, "text": "a preview"}]}, "see"),
        ({"text": "", "files": [MAIL]}, "Trouble\nvpn &amp; wifi"),
        ({"text": "fyi", "files": [MAIL]}, "fyi\nTrouble\nvpn &amp; wifi"),
        ({"attachments": [{"is_share": True, "files": [MAIL]}]}, "Trouble\nvpn &amp; wifi"),
        ({"files": [{"filetype": "email", "title": "T", "preview": "<p>vpn</p>"}]}, "T\nvpn"),
        ({"files": [{"mode": "snippet", "preview": "a < b"}]}, "a &lt; b"),
        ({"text": "log:", "files": [{"mode": "snippet", "preview": "a"}]}, "log:"),
        ({"files": [{"mode": "hosted", "name": "screen.png"}]}, ""),
    ],
    ids=str,
)
def test_what_a_person_says_is_read(message: dict[str, Any], text: str):
    assert text_of(message) == text


def test_of_an_app_the_blocks_are_the_message_and_the_text_is_its_notification():
    message = {
        "text": "A new request",
        **rich(words("rich_text_section", "my vpn drops")),
        "attachments": [
            {"pretext": "p", "title": "t", "text": "x", "fields": [{"title": "Urgent", "value": "yes"}]},
        ],
    }
    assert text_of(message, by_app=True) == "my vpn drops\np\nt\nx\nUrgent: yes"


def test_files_and_mails_are_told_apart():
    assert has_files({"files": [{"id": "F1"}]})
    assert has_files({"attachments": [{"files": [{"id": "F1"}]}]})
    assert not has_files({"files": None, "attachments": "none"})
    assert is_mail({"files": [MAIL]})
    assert not is_mail({"files": [{"mode": "snippet"}]})


NAMES = st.sampled_from(
    ("type", "text", "blocks", "elements", "fields", "rows", "attachments", "files", "is_share", "mode")
)
KINDS = st.sampled_from(
    ("rich_text", "rich_text_section", "rich_text_list", "section", "mrkdwn", "table", "link", "email")
)
SCALARS = st.none() | st.booleans() | st.integers() | KINDS | st.text(max_size=10)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


@given(message=st.dictionaries(NAMES, JSON), by_app=st.booleans())
def test_no_message_breaks_it(message: dict[str, Any], by_app: bool):
    assert isinstance(text_of(message, by_app=by_app), str)


def test_a_block_of_endless_depth_is_read_so_far():
    block: dict[str, Any] = {"type": "text", "text": "deep"}
    for _ in range(500):
        block = {"type": "rich_text_section", "elements": [block]}
    assert text_of({"blocks": [{"type": "rich_text", "elements": [block]}]}) == ""
