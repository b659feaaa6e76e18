"""Escaping, phrases, lists."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.blocks.common import (
    MAX_LEGEND,
    bar,
    escape,
    legend,
    people,
    percent,
    phrase,
    plain,
    readable,
    title,
    word_list,
)
from tests.factories.rows import CATEGORIES, LENA, SAM, category_view, many_categories
from tests.factories.snapshots import FOLDER

ENTITY = re.compile(r"&(?!(?:amp|lt|gt);)")
HOSTILE = ["<!channel>", "<@U0SAM>", "<https://evil.example|click>", "a & b", "*bold* `code` ```", "x" * 500]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_is_quoted_keeps_its_power(text: str):
    for shown in (escape(text), title(text), word_list([text])):
        assert "<" not in shown
        assert not ENTITY.search(shown)


@given(text=st.text())
def test_escaping_can_be_read_back(text: str):
    assert readable(escape(text)) == text


@pytest.mark.parametrize(
    ("delivered", "seen"),
    [
        ("a &amp; b &lt;ok&gt;", "a & b <ok>"),
        ("&amp;lt;", "&lt;"),
        ("<@U0SAM>", "@someone"),
        ("<@U0SAM|sam>", "@sam"),
        ("<#C0HELP|help>", "#help"),
        ("<#C0HELP|>", "#channel"),
        ("<#C0HELP>", "#channel"),
        ("<!channel>", "@channel"),
        ("<!here|here>", "here"),
        ("<!subteam^S1|@oncall>", "@oncall"),
        ("<!subteam^S1>", "@group"),
        ("<!date^1700000000^{date}|14 Nov>", "14 Nov"),
        ("<https://example.com|the docs>", "the docs"),
        ("<https://example.com>", "https://example.com"),
        ("&lt;!channel&gt;", "<!channel>"),
        ("1 < 2 > 0", "1 < 2 > 0"),
        ("nothing special", "nothing special"),
    ],
)
def test_what_slack_delivers_becomes_what_people_see(delivered: str, seen: str):
    assert readable(delivered) == seen


@pytest.mark.parametrize(
    ("probability", "shown"),
    [(0.0, "1%"), (0.004, "1%"), (0.5, "50%"), (0.876, "88%"), (0.999, "99%"), (1.0, "99%")],
)
def test_a_model_is_never_certain(probability: float, shown: str):
    assert percent(probability) == shown


@pytest.mark.parametrize(
    ("confidence", "words"),
    [
        (0.95, "almost certain"),
        (0.94, "quite sure"),
        (0.85, "quite sure"),
        (0.7, "fairly sure"),
        (0.5, "leaning this way"),
        (0.49, "not sure"),
    ],
)
def test_a_probability_has_a_plain_phrase(confidence: float, words: str):
    assert phrase(confidence) == words


@given(text=st.text(), limit=st.integers(1, 50))
def test_cut_text_fits(text: str, limit: int):
    assert len(plain(text, limit)) <= limit


@given(share=st.floats(-2, 2))
def test_a_bar_has_its_width(share: float):
    assert len(bar(share)) == 10


def test_few_people_are_named_and_many_are_counted():
    assert people(()) == ""
    assert people((SAM,)) == "<@U0SAM>"
    assert people((SAM, LENA)) == "<@U0SAM> and <@U0LENA>"
    assert people(("U1", "U2", "U3")) == "<@U1>, <@U2> and <@U3>"
    assert people([f"U{index}" for index in range(100)]).endswith("<@U4> and 95 more")


def test_the_legend_begins_with_what_always_works():
    assert legend(CATEGORIES) == (
        "React to correct me: :white_check_mark: right  :x: none of these"
        "  :key: Sign-in  :satellite_antenna: Network  :credit_card: Billing"
    )


def test_a_long_legend_says_how_many_are_missing():
    line = legend(many_categories(name="Name & more"))
    assert len(line) < MAX_LEGEND + 40
    assert re.search(r"  and \d\d more in my Home tab$", line)
    assert not ENTITY.search(line)


def test_a_category_shows_where_it_goes():
    assert category_view().where == "<#C0LOGIN>"
    assert category_view(destination_id=None).where == "#team-login"
    assert category_view(destination_id=None, destination="").where == "no channel yet"
    assert category_view().where_text == "#team-login"


def test_words_that_are_only_marks_are_left_out():
    assert word_list(["*", "`", "vpn"]) == "*vpn*"
    assert word_list([]) == "_none_"
    assert word_list(["&amp;"]) == "*&amp;*"


def test_the_text_of_every_card_is_one_line_for_notifications():
    texts = {path.name: json.loads(path.read_text("utf-8")).get("text", "") for path in FOLDER.glob("*.json")}
    assert len(texts) > 20
    assert [name for name, text in texts.items() if "\n" in text] == []
