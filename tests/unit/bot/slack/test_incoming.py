"""What Slack sends, in every shape it comes in."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack.incoming import (
    Accepted,
    IncomingMessage,
    IncomingReaction,
    moment,
    parse_edit,
    parse_link,
    parse_message,
    parse_reaction,
    team_of,
)
from bot.slack.redaction import MAX_CHARACTERS
from tests.factories.rows import HELP, LENA, NOW, SAM, TEAM, message_body, reaction_body

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = (
    "type", "subtype", "hidden", "bot_id", "app_id", "channel", "channel_type", "ts", "thread_ts", "user",
    "text", "files", "item", "reaction", "event_ts",
)  # fmt: skip
WELL_KNOWN = st.sampled_from(
    ["message", "reaction_added", "reaction_removed", "file_share", "C0HELP", "1790000000.000100", "channel"]
)
EVENTS = st.dictionaries(st.sampled_from(NAMES), WELL_KNOWN | JSON)


def test_a_persons_root_message_is_read_whole():
    assert parse_message(message_body("hello there")) == IncomingMessage(
        TEAM, HELP, "1790000000.000100", SAM, "hello there"
    )


@pytest.mark.parametrize(
    "event",
    [
        {"bot_id": "B1"},
        {"bot_profile": {"id": "B1"}},
        {"app_id": "A1"},
        {"user": "USLACKBOT"},
        {"subtype": "bot_message"},
        {"subtype": "message_changed", "message": {"text": "x", "user": SAM}},
        {"subtype": "message_deleted"},
        {"subtype": "channel_join"},
        {"subtype": "me_message"},
        {"subtype": "thread_broadcast", "thread_ts": "1780000000.000100"},
        {"thread_ts": "1780000000.000100"},
        {"hidden": True},
        {"channel_type": "im"},
        {"channel_type": "mpim"},
        {"user": None},
        {"user": ""},
        {"channel": None},
        {"ts": None},
        {"ts": "soon"},
        {"text": None},
        {"text": ""},
        {"text": " \n "},
        {"text": ["no", "text"]},
        {"type": "app_mention"},
    ],
    ids=str,
)
def test_what_is_no_root_message_of_a_person_is_none(event: dict):
    assert parse_message(message_body(**event)) is None


@pytest.mark.parametrize(
    "event", [{"subtype": None}, {"subtype": ""}, {"thread_ts": "1790000000.000100"}], ids=str
)
def test_a_root_message_may_carry_an_empty_subtype_or_its_own_thread(event: dict):
    assert parse_message(message_body(**event)) is not None


@pytest.mark.parametrize("text", ["", None])
def test_a_file_without_text_is_kept_for_a_question(text: str | None):
    message = parse_message(message_body(text, subtype="file_share", files=[{"id": "F1"}]))
    assert message is not None
    assert message.text == ""
    assert message.has_files


def test_secrets_never_get_further_than_the_parser():
    message = parse_message(message_body("my mail is anna@example.com and the token xoxb-1234567890-abc"))
    assert message is not None
    assert message.text == "my mail is [email] and the token [token]"


def test_a_long_message_is_cut():
    message = parse_message(message_body("wifi " * 10_000))
    assert message is not None
    assert len(message.text) <= MAX_CHARACTERS


MAIL = {"filetype": "email", "subject": "Trouble", "plain_text": "my vpn drops"}
FORM = {"subtype": "bot_message", "user": None, "bot_id": "B1", "app_id": "A1"}


def test_a_mail_that_slackbot_posts_is_a_message():
    message = parse_message(
        message_body("", subtype="file_share", user="USLACKBOT", bot_id="B0EMAIL", files=[MAIL])
    )
    assert message is not None
    assert (message.user_id, message.text) == ("USLACKBOT", "Trouble\nmy vpn drops")


@pytest.mark.parametrize(
    ("event", "apps", "author"),
    [
        (FORM, {"A1"}, "B1"),
        (FORM, {"B1"}, "B1"),
        (FORM | {"user": "U0APP"}, {"B1"}, "U0APP"),
        ({"bot_profile": {"id": "B1", "app_id": "A1"}}, {"A1"}, SAM),
        (FORM | {"workflow_id": "Wf1"}, {"Wf1"}, "B1"),
        (FORM, set(), None),
        (FORM, {"A2"}, None),
        (FORM | {"app_id": "A0OURS"}, {"B1"}, None),
        (FORM | {"bot_id": "B0OURS"}, {"A1"}, None),
        (FORM | {"thread_ts": "1780000000.000100"}, {"A1"}, None),
        (FORM | {"subtype": "channel_join"}, {"A1"}, None),
    ],
    ids=str,
)
def test_an_app_is_read_where_it_was_chosen_and_is_not_us(event: dict, apps: set[str], author: str | None):
    accepted = Accepted(frozenset(apps), frozenset({"B0OURS"}))
    message = parse_message(message_body("my vpn drops", **event) | {"api_app_id": "A0OURS"}, accepted)
    assert (message and message.user_id) == author


def edit_body(text: str, before: str | None, **message: object) -> dict:
    new = message_body(text)["event"]
    fields = {
        "subtype": "message_changed",
        "hidden": True,
        "ts": "1790000009.000100",
        "message": new | message,
    }
    if before is not None:
        fields["previous_message"] = new | {"text": before}
    return message_body(**fields)


def test_an_edit_is_the_message_as_it_reads_now():
    edited = {"user": SAM, "ts": "1790000008.000000"}
    assert parse_edit(edit_body("my vpn drops", "hi all", edited=edited)) == IncomingMessage(
        TEAM, HELP, "1790000000.000100", SAM, "my vpn drops", edited_ts="1790000008.000000"
    )


def test_an_edit_without_a_mark_of_its_own_takes_the_events_time():
    for before in ("hi all", None):
        edit = parse_edit(edit_body("my vpn drops", before))
        assert edit is not None
        assert edit.edited_ts == "1790000009.000100"


@pytest.mark.parametrize(
    "body",
    [
        edit_body("my vpn drops", "my vpn drops"),
        edit_body("see", "see", attachments=[{"from_url": "https://a.example", "text": "a preview"}]),
        edit_body("my vpn drops", "hi all", thread_ts="1780000000.000100"),
        edit_body("my vpn drops", "hi all", bot_id="B1"),
        edit_body("This message was deleted.", "hi all", subtype="tombstone", user="USLACKBOT"),
        message_body("my vpn drops"),
        message_body(subtype="message_deleted"),
    ],
    ids=str,
)
def test_what_changes_no_words_is_no_edit(body: dict):
    assert parse_edit(body) is None


@pytest.mark.parametrize(
    ("body", "team"),
    [
        ({"team_id": "T1"}, "T1"),
        ({"team": {"id": "T1"}}, "T1"),
        ({"team": "T1"}, "T1"),
        ({"team_id": "T1", "team": {"id": "T2"}}, "T1"),
        ({"team_id": "T2", "authorizations": [{"team_id": "T1"}]}, "T1"),
        ({"team_id": "T1", "authorizations": [{"team_id": None}]}, "T1"),
        ({"team_id": "T1", "authorizations": []}, "T1"),
        ({"team": {"id": "T2"}, "view": {"app_installed_team_id": "T1"}}, "T1"),
        ({"team": None}, None),
        ({"team": {}}, None),
        ({}, None),
    ],
)
def test_the_workspace_stands_in_several_places(body: dict, team: str | None):
    assert team_of(body) == team


def test_a_message_without_a_workspace_is_none():
    assert parse_message(message_body() | {"team_id": None}) is None


@pytest.mark.parametrize(("kind", "added"), [("reaction_added", True), ("reaction_removed", False)])
def test_a_reaction_is_read_with_its_one_name(kind: str, added: bool):
    assert parse_reaction(reaction_body("thumbsup::skin-tone-4", kind)) == IncomingReaction(
        TEAM, HELP, "1790000000.000100", LENA, "+1", added, "1790000060.000200"
    )


def test_a_reaction_without_its_own_time_takes_the_messages():
    reaction = parse_reaction(reaction_body(event_ts=None))
    assert reaction is not None
    assert reaction.event_ts == reaction.ts


@pytest.mark.parametrize(
    "event",
    [
        {"item": {"type": "file", "file": "F1"}},
        {"item": {"type": "message", "channel": HELP}},
        {"item": None},
        {"item": "message"},
        {"user": None},
        {"reaction": ""},
        {"reaction": 7},
        {"type": "star_added"},
    ],
    ids=str,
)
def test_a_reaction_on_something_else_or_incomplete_is_none(event: dict):
    assert parse_reaction(reaction_body(**event)) is None


@given(event=EVENTS | JSON, team=WELL_KNOWN | JSON)
def test_no_payload_breaks_the_parsers(event: object, team: object):
    body = {"event": event, "team_id": team}
    changed = {"event": {"type": "message", "subtype": "message_changed", "message": event}, "team_id": team}
    both = Accepted(frozenset({"C0HELP"}))
    parsed = (
        parse_message(body),
        parse_message(body, both),
        parse_reaction(body),
        parse_edit(body),
        parse_edit(changed),
    )
    for value in parsed:
        assert value is None or (isinstance(value.ts, str) and isinstance(value.user_id, str))


@given(text=st.text())
def test_any_text_makes_a_message_or_none(text: str):
    message = parse_message(message_body(text))
    assert (message is None) == (not text.strip())


@pytest.mark.parametrize(
    "text",
    [
        "https://acme.slack.com/archives/C0HELP/p1790000000000100",
        "<https://acme.slack.com/archives/C0HELP/p1790000000000100>",
        "why https://acme.enterprise.slack.com/archives/C0HELP/p1790000000000100?thread_ts=1.2&cid=C0HELP ?",
    ],
)
def test_a_message_link_is_found_in_what_a_person_typed(text: str):
    link = parse_link(text)
    assert link is not None
    assert (link.channel_id, link.ts) == (HELP, "1790000000.000100")


@pytest.mark.parametrize(
    "text", ["", "last", "https://example.com", "https://acme.slack.com/archives/C0HELP"]
)
def test_anything_else_is_no_link(text: str):
    assert parse_link(text) is None


def test_slacks_time_becomes_an_aware_one():
    assert moment("1767603600.000000", NOW) == datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize("ts", ["", "soon", "nan", "inf", "-inf", "1e400", "99999999999999"])
def test_a_time_that_is_none_falls_back(ts: str):
    assert moment(ts, NOW) == NOW
