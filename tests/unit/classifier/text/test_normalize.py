import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.text.normalize import MAX_CHARACTERS, model_text


@pytest.mark.parametrize(
    ("message", "read"),
    [
        ("<@U12AB> my laptop died", "@user my laptop died"),
        ("ask in <#C024BE7LR|help-it> please", "ask in #help-it please"),
        ("<!here> vpn down", "@here vpn down"),
        ("<!subteam^S12|@it-team> hi", "@it-team hi"),
        ("see <https://example.com/a/b?c=1|the guide>", "see the guide"),
        ("<https://docs.example.com/a/b>", "docs.example.com"),
        ("open https://www.example.com/path now", "open example.com now"),
        ("<mailto:a@example.com|a@example.com> bounced", "a@example.com bounced"),
        ("R&amp;D &lt;script&gt;", "R&D <script>"),
        ("thanks :thumbsup::skin-tone-3: :smile:", "thanks thumbsup smile"),
        ("at 10:30:45 it broke", "at 10:30:45 it broke"),
        ("*bold* _it_ ~no~ `code`", "bold it no code"),
        ("a  \n\t b", "a b"),
        ("ﬁle ①", "file 1"),
        ("e\u0301te\u0301", "été"),
        ("a\u202eb\u200bc\x00d", "abcd"),
        ("", ""),
        ("   ", ""),
    ],
)
def test_a_message_reads_as_the_model_should_see_it(message, read):
    assert model_text(message).text == read


def test_a_code_block_keeps_its_ends_and_the_exception():
    block = "```Traceback (most recent call last):\n  File a\n  File b\nKeyError: 'x'\n  more\nlast line```"
    assert model_text(f"help {block} please").text == (
        "help Traceback (most recent call last): KeyError: 'x' last line please"
    )


def test_words_point_at_what_was_written():
    message = "Hi <@U12AB>, the <https://x.example.com/p|billing page> says R&amp;D &lt;b&gt; can't pay :cry:"
    read = model_text(message)
    words = [message[slice(*read.span(start, end))] for start, end in read.words()]
    assert words == ["Hi", "the", "billing", "page", "says", "R", "D", "b", "can't", "pay", "cry"]


@given(
    st.text(max_size=300) | st.from_regex(r"(<@U1\||:a:|```|&amp;|<http://|\n|é|x ){0,30}", fullmatch=True)
)
def test_every_character_has_an_origin(message):
    read = model_text(message)
    assert len(read.text) == len(read.starts) == len(read.ends)
    assert all(0 <= start <= end <= len(message) for start, end in zip(read.starts, read.ends, strict=True))
    assert read.text == read.text.strip()
    for start, end in read.words():
        begin, behind = read.span(start, end)
        assert begin < behind


@pytest.mark.parametrize(
    "unit", ["<", "<@U", "a\u0301\u0302\u0303\u0304\u0305", "```", ":a", "*", "&amp;", "\u202e", "x y ", "a."]
)
@pytest.mark.parametrize("before", ["", ":", "```"])
def test_huge_input_takes_less_than_a_second(before, unit):
    message = before + unit * (3_000_000 // len(unit))
    began = time.perf_counter()
    read = model_text(message)
    assert time.perf_counter() - began < 1
    assert read.truncated
    assert len(read.text) <= MAX_CHARACTERS * 4
