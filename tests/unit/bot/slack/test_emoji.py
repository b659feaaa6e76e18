"""One name an emoji."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack.emoji import ALIASES, CONFIRM, NONE_OF_THESE, _names, emoji_name, normalise


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
        ("\U0001f4b3", "credit_card"),
        ("\u2709\ufe0f", "email"),
        ("\u2709", "email"),
        ("\U0001f44d\U0001f3fd", "+1"),
        ("1\ufe0f\u20e3", "one"),
        ("\U0001f1e9\U0001f1ea", "de"),
        ("envelope", "email"),
        ("e-mail", "email"),
        ("knife", "hocho"),
        ("flag-de", "de"),
        ("lady_beetle", "beetle"),
        ("telephone", "phone"),
        ("female-technologist::skin-tone-3", "female-technologist"),
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


def test_every_name_of_slacks_ends_in_one_that_stays():
    names = list(_names())
    assert len(names) > 3000
    assert {normalise(normalise(name)) for name in names} == {normalise(name) for name in names}


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        (" :Key: ", "key"),
        ("\U0001f511", "key"),
        ("satellite", "satellite"),
        ("\U0001f6f0\ufe0f", "satellite"),
        ("our_own", "our_own"),
        ("\u262d", "\u262d"),
    ],
)
def test_what_a_person_types_or_pastes_becomes_slacks_name(typed: str, name: str):
    assert emoji_name(typed) == name
