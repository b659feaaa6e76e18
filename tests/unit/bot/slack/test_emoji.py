"""One name an emoji."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack.emoji import ALIASES, CONFIRM, NONE_OF_THESE, normalise


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("key", "key"),
        (":key:", "key"),
        ("KEY", "key"),
        ("+1", "+1"),
        ("thumbsup", "+1"),
        ("+1::skin-tone-3", "+1"),
        (":thumbsup::skin-tone-6:", "+1"),
        ("-1::skin-tone-2", "-1"),
        ("wave::skin-tone-2::skin-tone-5", "wave"),
        ("our-custom_emoji", "our-custom_emoji"),
        ("", ""),
    ],
)
def test_colons_skin_tones_and_aliases_go(sent: str, name: str):
    assert normalise(sent) == name


def test_the_alias_table_is_flat():
    assert not set(ALIASES) & set(ALIASES.values())


def test_right_and_none_of_these_are_names_that_reactions_end_up_with():
    assert {normalise(name) for name in CONFIRM | NONE_OF_THESE} == CONFIRM | NONE_OF_THESE
    assert not CONFIRM & NONE_OF_THESE


@given(name=st.text())
def test_a_normal_name_stays(name: str):
    assert normalise(normalise(name)) == normalise(name)
