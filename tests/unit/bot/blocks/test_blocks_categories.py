"""The card and the modals of `/categories`."""

from __future__ import annotations

from uuid import UUID

from bot.blocks.action_ids import CategoryOp, ModalValue
from bot.blocks.categories import ProposalView, list_card, with_retired
from bot.blocks.category_modals import (
    TicketOption,
    add_modal,
    destination_modal,
    emoji_modal,
    merge_modal,
    message_modal,
    pick_modal,
    rename_modal,
    retire_modal,
    split_modal,
)
from bot.blocks.common import Card
from playground.blocks.validation import check_message_blocks, check_view
from tests.factories.rows import CATEGORIES, LOGIN, category_view, many_categories
from tests.factories.snapshots import check_card, check_modal

LABELS = {"login": 12, "network": 1}
URL = "https://hooks.slack.com/commands/T0ACME/1/x"
PROPOSAL = ProposalView(UUID(int=7), ("badge", "door"), ("my badge does not open the door",), 6)
PRINTING = category_view("printing", "Printing", "printer")
PAPER = category_view("paper", "Paper", "scroll", merged_into="login")


def value(op: CategoryOp, slug: str | None = "login", proposal: UUID | None = None) -> ModalValue:
    return ModalValue(op, slug, proposal, URL)


def examples(count: int, text: str = "my <@U0SAM> password &amp; I") -> list[TicketOption]:
    return [TicketOption(UUID(int=number), f"{number} {text}") for number in range(1, count + 1)]


def test_everybody_sees_what_there_is():
    check_card("categories", list_card(CATEGORIES, LABELS, [PRINTING], [PROPOSAL], is_admin=False))


def test_admins_can_change_it():
    check_card(
        "categories_admin", list_card(CATEGORIES, LABELS, [PRINTING, PAPER], [PROPOSAL], is_admin=True)
    )


def test_an_empty_workspace():
    check_card("categories_empty", list_card([], {}, is_admin=True))


def test_limits_hold_with_a_hundred_categories_huge_names_and_hostile_proposals():
    many = many_categories(100, "&" * 300)
    hostile = [ProposalView(UUID(int=n), ["<!channel>" * 20] * 9, ["&" * 4000] * 9, 9) for n in range(9)]
    for page in (1, 3, 5, 99, -1):
        shown = list_card(many, {}, many, hostile, is_admin=True, page=page)
        check_message_blocks(shown.blocks, {})
        assert "<!" not in str(shown)
    assert "Page 5 of 5." in str(list_card(many, {}, is_admin=True, page=99).blocks)


def test_a_retired_category_is_told_below_its_tickets_cards():
    shown = with_retired(Card("text", []), category_view("x", "<!here>*"))
    assert "&lt;!here&gt;, a category that was retired" in shown.text
    assert shown.blocks[-1]["elements"][0]["text"].startswith(":card_index_dividers:")
    assert with_retired(shown, None) is shown


def test_modal_add():
    check_modal("category_add", add_modal(value(CategoryOp.ADD, None)))


def test_modal_add_from_a_proposal():
    modal = add_modal(value(CategoryOp.ADD, None, UUID(int=7)), "Badge door", examples(12))
    check_modal("category_add_proposal", modal)


def test_modal_rename():
    check_modal("category_rename", rename_modal(value(CategoryOp.RENAME), LOGIN))


def test_modal_emoji():
    check_modal("category_emoji", emoji_modal(value(CategoryOp.EMOJI), LOGIN))


def test_modal_destination():
    check_modal("category_destination", destination_modal(value(CategoryOp.DESTINATION), LOGIN))


def test_modal_merge():
    check_modal("category_merge", merge_modal(value(CategoryOp.MERGE), LOGIN, CATEGORIES[1:], 12))


def test_modal_split():
    check_modal("category_split", split_modal(value(CategoryOp.SPLIT), LOGIN, examples(3)))


def test_modal_split_of_nothing():
    check_modal("category_split_nothing", split_modal(value(CategoryOp.SPLIT), LOGIN, []))


def test_modal_retire():
    check_modal("category_retire", retire_modal(value(CategoryOp.RETIRE), LOGIN, 1))


def test_modal_pick():
    check_modal("category_pick", pick_modal(value(CategoryOp.MERGE), CATEGORIES))


def test_modal_message():
    check_modal("category_message", message_modal(value(CategoryOp.MERGE), "<!channel> is & was taken"))


def test_modals_keep_to_the_limits():
    many = many_categories(200, "&" * 300)
    long = examples(50, "&lt;" * 1000)
    for modal in (
        pick_modal(value(CategoryOp.MERGE, None), many),
        merge_modal(value(CategoryOp.MERGE), many[0], many[1:], 99),
        split_modal(value(CategoryOp.SPLIT), many[0], long),
        add_modal(value(CategoryOp.ADD), "n" * 900, long),
        rename_modal(value(CategoryOp.RENAME), many[0]),
        emoji_modal(value(CategoryOp.EMOJI), many[0]),
        destination_modal(value(CategoryOp.DESTINATION), many[0]),
        retire_modal(value(CategoryOp.RETIRE), many[0], 5),
        message_modal(value(CategoryOp.RETIRE), "&" * 4000),
    ):
        check_view(modal, "modal", {})
