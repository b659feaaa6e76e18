"""What buttons carry, and what comes back."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.blocks.action_ids import NONE, ActionId, CategoryOp, CategoryValue, TicketValue
from tests.factories.rows import TICKET

OPTION_VALUE = 150
SLUGS = st.from_regex(r"[a-z][a-z0-9_]{0,40}", fullmatch=True)


@given(ticket=st.uuids(), category=st.none() | SLUGS)
def test_what_goes_out_comes_back(ticket: UUID, category: str | None):
    value = TicketValue(ticket, category)
    assert TicketValue.decode(value.encode()) == value
    assert len(value.encode()) <= OPTION_VALUE


def test_none_of_these_has_a_sign_of_its_own():
    assert TicketValue(TICKET).encode() == f"{TICKET}:{NONE}"


def test_a_value_without_a_category_is_none_of_these():
    assert TicketValue.decode(str(TICKET)).category is None


@given(value=st.text())
def test_a_foreign_value_is_refused_with_value_error_alone(value: str):
    try:
        TicketValue.decode(value)
    except ValueError:
        return


@pytest.mark.parametrize("value", ["", ":", "login", "not-a-uuid:login"])
def test_a_value_that_is_none_of_ours_is_refused(value: str):
    with pytest.raises(ValueError, match="badly formed"):
        TicketValue.decode(value)


def test_action_ids_differ_and_none_hides_behind_the_choices():
    values = [action.value for action in ActionId]
    assert len(set(values)) == len(values)
    assert [value for value in values if value.startswith(f"{ActionId.CHOOSE}_")] == []


@given(op=st.sampled_from(CategoryOp), slug=SLUGS)
def test_what_a_categorys_menu_sends_comes_back(op: CategoryOp, slug: str):
    value = CategoryValue(op, slug)
    assert CategoryValue.decode(value.encode()) == value
    assert len(value.encode()) <= OPTION_VALUE


def test_a_foreign_value_of_a_categorys_menu_is_refused():
    with pytest.raises(ValueError, match="fly"):
        CategoryValue.decode("fly:login")
