"""What a change of the categories must keep to."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.blocks.action_ids import CategoryOp, CategoryValue, ModalValue
from bot.categories.rules import CategoryForm, emoji_name, errors_of, example_lines, slug_of
from storage.models import Category, CategoryState


def row(slug: str, name: str, emoji: str, state: CategoryState = CategoryState.ACTIVE) -> Category:
    return Category(team_id="T1", slug=slug, name=name, emoji=emoji, description="", position=0, state=state)


TICKET = UUID(int=1)
ROWS = [
    row("login", "Sign-in", "key"),
    row("network", "Network", "satellite_antenna"),
    row("billing", "Billing", "credit_card"),
    row("printing", "Printing", "printer", CategoryState.RETIRED),
]


def form(op: CategoryOp, slug: str | None = None, **fields) -> CategoryForm:
    return CategoryForm(op, slug, **({"name": "Security", "emoji": "shield"} | fields))


@pytest.mark.parametrize(
    ("wanted", "fields"),
    [
        (form(CategoryOp.ADD), []),
        (form(CategoryOp.ADD, name=""), ["name"]),
        (form(CategoryOp.ADD, name="billing"), ["name"]),
        (form(CategoryOp.ADD, name="  BILLING "), ["name"]),
        (form(CategoryOp.ADD, name="Login"), ["name"]),  # another name's slug
        (form(CategoryOp.ADD, name="Printing"), ["name"]),  # a retired one
        (form(CategoryOp.ADD, emoji=""), ["emoji"]),
        (form(CategoryOp.ADD, emoji="🔑"), ["emoji"]),
        (form(CategoryOp.ADD, emoji="🛡️"), []),
        (form(CategoryOp.ADD, emoji="☭"), ["emoji"]),  # Slack has no such emoji
        (form(CategoryOp.ADD, emoji="👍🏽"), ["emoji"]),
        (form(CategoryOp.ADD, emoji="unsere_eigene"), []),
        (form(CategoryOp.ADD, emoji="two words"), ["emoji"]),
        (form(CategoryOp.ADD, emoji="key"), ["emoji"]),
        (form(CategoryOp.ADD, emoji="satellite"), ["emoji"]),  # an alias of one that is taken
        (form(CategoryOp.ADD, emoji="thumbsup"), ["emoji"]),
        (form(CategoryOp.ADD, emoji="x"), ["emoji"]),
        (form(CategoryOp.ADD, emoji="printer"), []),  # of a retired one
        (form(CategoryOp.ADD, name="", emoji=""), ["emoji", "name"]),
        (form(CategoryOp.RENAME, "login", name="Access"), []),
        (form(CategoryOp.RENAME, "login", name="Sign-in"), []),
        (form(CategoryOp.RENAME, "login", name="network"), ["name"]),
        (form(CategoryOp.RENAME, "printing", name="Paper"), [""]),
        (form(CategoryOp.RENAME, "nothing", name="Paper"), [""]),
        (form(CategoryOp.EMOJI, "login", emoji="key"), []),
        (form(CategoryOp.EMOJI, "login", emoji="credit_card"), ["emoji"]),
        (form(CategoryOp.MERGE, "login", target="network"), []),
        (form(CategoryOp.MERGE, "login", target="login"), ["target"]),
        (form(CategoryOp.MERGE, "login", target="printing"), ["target"]),
        (form(CategoryOp.MERGE, "login"), ["target"]),
        (form(CategoryOp.SPLIT, "login", tickets=(TICKET,)), []),
        (form(CategoryOp.SPLIT, "login"), ["tickets_1"]),
        (form(CategoryOp.SPLIT, "login", tickets=(TICKET,), emoji="key"), ["emoji"]),
        (form(CategoryOp.RETIRE, "login"), []),
        (form(CategoryOp.RESTORE, "printing"), []),
        (form(CategoryOp.RESTORE, "login"), [""]),
        (form(CategoryOp.RESTORE, "nothing"), [""]),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_by_its_field(wanted: CategoryForm, fields: list[str]):
    assert sorted(errors_of(wanted, ROWS)) == fields


@pytest.mark.parametrize("op", [CategoryOp.MERGE, CategoryOp.RETIRE])
def test_two_categories_stay(op: CategoryOp):
    assert errors_of(form(op, "login", target="network"), [*ROWS[:2], ROWS[3]])


def test_a_category_whose_emoji_or_name_was_given_away_is_not_restored():
    for other in (row("ink", "Ink", "printer"), row("ink", "printing", "black_nib")):
        assert errors_of(form(CategoryOp.RESTORE, "printing"), [*ROWS, other])


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Joiners & leavers", "joiners_leavers"), ("Übersicht", "ubersicht"), ("OOS", "category_oos")],
)
def test_a_slug_comes_from_the_name(name: str, slug: str):
    assert slug_of(name) == slug


@given(name=st.text(min_size=1))
def test_every_name_has_a_slug_that_an_option_can_carry(name: str):
    slug = slug_of(name)
    assert slug
    assert slug.isascii()
    assert ":" not in slug
    assert slug != "oos"
    assert len(CategoryValue(CategoryOp.DESTINATION, slug).encode()) <= 150


def test_names_in_other_scripts_differ():
    assert slug_of("印刷") != slug_of("請求")


def test_example_messages_are_the_lines_of_the_field():
    text = "- my badge does not open the door\n\n  * lost my badge \nlost my badge\n"
    assert example_lines(text) == ["my badge does not open the door", "lost my badge"]


@pytest.mark.parametrize("typed", ["key", ":key:", " :KEY: ", "key::skin-tone-2"])
def test_an_emoji_is_read_as_people_type_it(typed: str):
    assert emoji_name(typed) == "key"


def test_a_form_comes_back_from_the_inbox_as_it_was():
    sent = form(
        CategoryOp.SPLIT, "login", tickets=(TICKET,), examples=("a",), proposal_id=uuid4(), destination="C1"
    )
    assert CategoryForm.from_json(sent.to_json()) == sent


def test_a_modals_metadata_comes_back_and_a_foreign_one_is_refused():
    value = ModalValue(CategoryOp.ADD, None, uuid4(), "https://hooks.slack.com/x")
    assert ModalValue.decode(value.encode()) == value
    for foreign in ("", "{}", "[]", "null", '{"op": "fly", "slug": null, "proposal": null, "url": ""}'):
        with pytest.raises(ValueError):  # noqa: PT011 - json's own error is one too
            ModalValue.decode(foreign)
