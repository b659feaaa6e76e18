"""The modals of `/categories`. A block's id is the name of its field, so that an error finds its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from slack_sdk.models.blocks import (
    Block,
    CheckboxesElement,
    ConversationFilter,
    ConversationSelectElement,
    InputBlock,
    InputInteractiveElement,
    Option,
    PlainTextInputElement,
    PlainTextObject,
    StaticSelectElement,
)
from slack_sdk.models.views import View

from bot.blocks.action_ids import CATEGORY_VIEW, CategoryOp, ModalValue
from bot.blocks.common import (
    LABEL_LENGTH,
    CategoryView,
    counted,
    escape,
    one_line,
    plain,
    section,
    small_print,
)

NAME_MAX = 60
EMOJI_MAX = 100
DESCRIPTION_MAX = 300
EXAMPLES_MAX = 3000
OPTIONS_MAX = 100
BOXES = 10
"""So many check boxes one element holds; two of them show twenty tickets."""
TICKETS_SHOWN = 2 * BOXES

TITLES = {
    CategoryOp.ADD: "Add a category",
    CategoryOp.RENAME: "Rename a category",
    CategoryOp.EMOJI: "Change an emoji",
    CategoryOp.DESTINATION: "Change a destination",
    CategoryOp.MERGE: "Merge categories",
    CategoryOp.SPLIT: "Split a category",
    CategoryOp.RETIRE: "Retire a category",
}
SUBMITS = {
    CategoryOp.ADD: "Add",
    CategoryOp.MERGE: "Merge",
    CategoryOp.SPLIT: "Split",
    CategoryOp.RETIRE: "Retire",
}


@dataclass(frozen=True, slots=True)
class TicketOption:
    """A ticket that a person can tick."""

    ticket_id: UUID
    text: str


def pick_modal(value: ModalValue, categories: Sequence[CategoryView]) -> dict[str, Any]:
    """Ask which category is meant."""
    return _modal(replace(value, slug=None), [_select("category", "Category", categories)], submit="Next")


def add_modal(value: ModalValue, name: str = "", examples: Sequence[TicketOption] = ()) -> dict[str, Any]:
    """Ask for a new category; with a proposal its tickets are ticked already."""
    blocks: list[Block] = [*_identity(name), *_tickets(examples, "Tickets that belong to it", ticked=True)]
    blocks.append(
        _input(
            "examples",
            "Example messages",
            PlainTextInputElement(action_id="examples", multiline=True, max_length=EXAMPLES_MAX),
            optional=True,
            hint="Five to eight, one a line, as people write them. I learn the category from them at once.",
        )
    )
    return _modal(value, blocks)


def rename_modal(value: ModalValue, category: CategoryView) -> dict[str, Any]:
    """Ask for another name and description."""
    return _modal(value, [_name(category.name), _description(category.description)])


def emoji_modal(value: ModalValue, category: CategoryView) -> dict[str, Any]:
    """Ask for another emoji."""
    return _modal(value, [_about(category), _emoji(category.emoji)])


def destination_modal(value: ModalValue, category: CategoryView) -> dict[str, Any]:
    """Ask for another channel."""
    return _modal(value, [_about(category), _destination(category.destination_id)])


def merge_modal(
    value: ModalValue, category: CategoryView, others: Sequence[CategoryView], labels: int
) -> dict[str, Any]:
    """Ask what a category becomes a part of."""
    told = section(
        f"{category.label} is offered no more. Its {counted(labels, 'label')} and its "
        "tickets move to the category below. `/categories list` can restore it."
    )
    return _modal(value, [told, _select("target", "Merge into", others)])


def split_modal(
    value: ModalValue, category: CategoryView, examples: Sequence[TicketOption]
) -> dict[str, Any]:
    """Ask for a new category and which of the old one's tickets belong to it."""
    if not examples:
        nothing = section(f"No ticket is labelled {category.label} yet, so there is nothing to split.")
        return _modal(value, [nothing], submit=None)
    blocks: list[Block] = [section(f"A new category takes some tickets of {category.label}."), *_identity()]
    blocks += _tickets(examples, "Tickets that move", ticked=False)
    return _modal(value, blocks)


def retire_modal(value: ModalValue, category: CategoryView, labels: int) -> dict[str, Any]:
    """Ask whether it is meant."""
    told = section(
        f"{category.label} is offered no more, and I stop routing to it. Its "
        f"{counted(labels, 'label')} stay. `/categories list` can restore it."
    )
    return _modal(value, [told])


def message_modal(value: ModalValue, text: str) -> dict[str, Any]:
    """Say why nothing can be done."""
    return _modal(value, [section(escape(plain(text, 500)))], submit=None)


def _modal(value: ModalValue, blocks: Sequence[Block], submit: str | None = "") -> dict[str, Any]:
    view = View(
        type="modal",
        callback_id=CATEGORY_VIEW,
        private_metadata=value.encode(),
        title=PlainTextObject(text=TITLES.get(value.op, "Categories")),
        submit=None if submit is None else PlainTextObject(text=submit or SUBMITS.get(value.op, "Save")),
        close=PlainTextObject(text="Close" if submit is None else "Cancel"),
        blocks=list(blocks),
    )
    return view.to_dict()


def _identity(name: str = "") -> list[Block]:
    return [_name(name), _emoji(), _description(), _destination()]


def _name(initial: str = "") -> InputBlock:
    shown = plain(" ".join(initial.split()), NAME_MAX) or None
    return _input(
        "name", "Name", PlainTextInputElement(action_id="name", initial_value=shown, max_length=NAME_MAX)
    )


def _emoji(initial: str | None = None) -> InputBlock:
    element = PlainTextInputElement(
        action_id="emoji",
        initial_value=initial,
        max_length=EMOJI_MAX,
        placeholder=PlainTextObject(text="credit_card", emoji=False),
    )
    return _input(
        "emoji",
        "Emoji",
        element,
        hint="Its name in Slack, or the emoji itself. People react with it to correct me.",
    )


def _description(initial: str = "") -> InputBlock:
    shown = plain(initial, DESCRIPTION_MAX) or None
    element = PlainTextInputElement(
        action_id="description", initial_value=shown, multiline=True, max_length=DESCRIPTION_MAX
    )
    hint = "What belongs here, in the words that people use. I learn from it."
    return _input("description", "Description", element, optional=True, hint=hint)


def _destination(initial: str | None = None) -> InputBlock:
    element = ConversationSelectElement(
        action_id="destination",
        initial_conversation=initial,
        filter=ConversationFilter(include=["public", "private"]),
        placeholder=PlainTextObject(text="The owning team's channel"),
    )
    hint = "New tickets are posted there. Without one they only get a card in their thread."
    return _input("destination", "Destination", element, optional=True, hint=hint)


def _select(field: str, label: str, categories: Sequence[CategoryView]) -> InputBlock:
    options = [
        Option(text=PlainTextObject(text=view.plain_label(), emoji=True), value=view.slug)
        for view in categories[:OPTIONS_MAX]
    ]
    return _input(field, label, StaticSelectElement(action_id=field, options=options))


def _tickets(examples: Sequence[TicketOption], label: str, *, ticked: bool) -> list[InputBlock]:
    """Return check boxes in groups of ten: `tickets_1`, `tickets_2`."""
    blocks = []
    for start in range(0, min(len(examples), TICKETS_SHOWN), BOXES):
        options = [
            Option(
                text=PlainTextObject(text=one_line(each.text, LABEL_LENGTH) or "(a file)"),
                value=str(each.ticket_id),
            )
            for each in examples[start : start + BOXES]
        ]
        field = f"tickets_{start // BOXES + 1}"
        element = CheckboxesElement(
            action_id=field, options=options, initial_options=options if ticked else None
        )
        blocks.append(_input(field, label if start == 0 else f"{label} (more)", element, optional=True))
    return blocks


def _about(category: CategoryView) -> Block:
    return small_print(f"{category.label} → {category.where}")


def _input(
    field: str,
    label: str,
    element: InputInteractiveElement,
    *,
    optional: bool = False,
    hint: str | None = None,
) -> InputBlock:
    return InputBlock(
        block_id=field,
        label=PlainTextObject(text=label),
        element=element,
        optional=optional,
        hint=PlainTextObject(text=hint) if hint else None,
    )
