"""The card of `/categories`: what there is, menus to change it, proposals; the note about a retired one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    DividerBlock,
    MarkdownTextObject,
    Option,
    PlainTextObject,
    SectionBlock,
    StaticSelectElement,
)

from bot.blocks.action_ids import ActionId, CategoryOp, CategoryValue
from bot.blocks.common import (
    MAX_TEXT,
    Card,
    CategoryView,
    button,
    card,
    counted,
    escape,
    one_line,
    people,
    plain,
    section,
    small_print,
    title,
)

PAGE = 20
"""With its menu a category shows about 350 characters; Slack refuses a message of more than about 13,200."""
RETIRED_SHOWN = 8
PROPOSALS_SHOWN = 3
EXCERPTS_SHOWN = 3
EXCERPT_LENGTH = 120
DESCRIPTION_LENGTH = 150
MAX_NAMES = 6000
"""Beyond so many characters of names and descriptions the card shows them cut."""
BRIEF_LENGTH = 30

CHANGES = {
    CategoryOp.RENAME: "Rename",
    CategoryOp.EMOJI: "Emoji",
    CategoryOp.DESTINATION: "Destination",
    CategoryOp.MERGE: "Merge into…",
    CategoryOp.SPLIT: "Split…",
    CategoryOp.RETIRE: "Retire",
}
HELP = (
    "`/categories` shows the categories. Admins can say `add`, or `rename`, `emoji`, `destination`, `merge`, "
    "`split` or `retire` and a category's name after it: `/categories rename Network`. "
    "`owner` or `disown` with a name and a person says whose word counts as its team's."
)

REASONS = {
    "is_archived": "the channel is archived",
    "channel_not_found": "the channel is gone, or it is private and I am not in it",
}
ANSWERED_ALL_THE_SAME = (
    "People are answered in their threads all the same. The teams' cards follow when I can post there."
)
NOT_IN_IT = "I am in no channel of that name: invite me, or choose another with `/categories destination`"


@dataclass(frozen=True, slots=True)
class ProposalView:
    """A group of tickets that no category fits: words for a name, best first, and the tickets' texts.

    `hidden` of its tickets the reader may not see; then there are no words.
    """

    id: UUID
    words: Sequence[str]
    excerpts: Sequence[str]
    tickets: int
    hidden: int = 0


def list_card(
    categories: Sequence[CategoryView],
    labels: Mapping[str, int],
    retired: Sequence[CategoryView] = (),
    proposals: Sequence[ProposalView] = (),
    *,
    is_admin: bool,
    page: int = 1,
) -> Card:
    """Show the categories; to admins with menus, the retired ones and what is proposed.

    Args:
        categories: the active ones, in order.
        labels: how many labels stand for each slug.
        retired: those that can be restored.
        proposals: those that are open.
        is_admin: whether the person may change anything.
        page: which twenty, from 1.
    """
    pages = max(1, -(-len(categories) // PAGE))
    page = min(max(1, page), pages)
    shown = categories[(page - 1) * PAGE : page * PAGE]
    if sum(map(_length, (*shown, *retired[:RETIRED_SHOWN]))) > MAX_NAMES:
        shown, retired = [*map(_brief, shown)], [*map(_brief, retired)]
        proposals = [replace(view, excerpts=()) for view in proposals]
    blocks: list[Block] = []
    head = f"*{counted(len(categories), 'category', 'categories')}*"
    if is_admin:
        blocks.append(_with_button(head, "Add a category", ActionId.CATEGORY_ADD, CategoryOp.ADD.value))
        blocks += [block for view in proposals[:PROPOSALS_SHOWN] for block in proposal_blocks(view)]
    else:
        blocks.append(section(head))
    blocks += [_line(view, labels.get(view.slug, 0), is_admin=is_admin) for view in shown]
    if pages > 1:
        following = f" `/categories list {page + 1}` shows the next." if page < pages else ""
        blocks.append(small_print(f"Page {page} of {pages}.{following}"))
    if is_admin and retired:
        blocks.append(DividerBlock())
        blocks += [_retired(view, labels.get(view.slug, 0)) for view in retired[:RETIRED_SHOWN]]
        if len(retired) > RETIRED_SHOWN:
            blocks.append(small_print(f"and {len(retired) - RETIRED_SHOWN} more that were retired"))
    blocks.append(small_print(HELP))
    names = ", ".join(title(view.name) for view in shown) or "none"
    return card(f"Categories: {names}", blocks)


def owners_card(category: CategoryView, user_ids: Sequence[str]) -> Card:
    """Say who owns a category's tickets."""
    said = f"*{title(category.name)}* is owned by who is in {category.where} for a week, and by name: "
    return card(f"Owners of {title(category.name)}", [section(f"{said}{people(user_ids) or 'nobody'}.")])


def proposal_blocks(proposal: ProposalView) -> list[Block]:
    """Propose a category, with examples and two buttons; for the list and for App Home."""
    words = ", ".join(f"*{title(plain(word, 40))}*" for word in list(proposal.words)[:5] if word.strip())
    quoted = [one_line(text, EXCERPT_LENGTH) for text in proposal.excerpts]
    lines = [f"> {escape(text)}" for text in quoted[:EXCERPTS_SHOWN] if text]
    head = f":bulb: {counted(proposal.tickets, 'ticket fits', 'tickets fit')} no category. "
    if proposal.hidden:
        head += f"{proposal.hidden} of them you may not read, so their words are not shown."
    else:
        head += f"Words they share: {words or '_none_'}"
    return [
        section("\n".join([head, *lines])),
        ActionsBlock(
            block_id=f"proposal:{proposal.id}",
            elements=[
                button(ActionId.PROPOSAL_ACCEPT, "Make it a category", str(proposal.id), style="primary"),
                button(ActionId.PROPOSAL_DISMISS, "Dismiss", str(proposal.id)),
            ],
        ),
    ]


def with_retired(shown: Card, lost: CategoryView | None) -> Card:
    """Say below a ticket's card that its category was retired; None: it was not."""
    if lost is None:
        return shown
    note = f"This ticket was in {title(lost.name)}, a category that was retired."
    return Card(
        f"{shown.text} {note}", [*shown.blocks, small_print(f":card_index_dividers: {note}").to_dict()]
    )


def _length(view: CategoryView) -> int:
    """Return how many characters a category takes on the card, without its menu."""
    return sum(len(escape(text)) for text in (view.name, view.emoji, view.description, view.destination))


def _brief(view: CategoryView) -> CategoryView:
    """Cut what nobody should have written so long."""
    name, emoji, where = (plain(text, BRIEF_LENGTH) for text in (view.name, view.emoji, view.destination))
    return replace(view, name=name, emoji=emoji, destination=where, description="")


def _line(view: CategoryView, labels: int, *, is_admin: bool) -> SectionBlock:
    text = f"{view.label} → {view.where} · {counted(labels, 'label')}"
    if view.description:
        text += f"\n{escape(plain(' '.join(view.description.split()), DESCRIPTION_LENGTH))}"
    menu = StaticSelectElement(
        action_id=str(ActionId.CATEGORY_CHANGE),
        placeholder=PlainTextObject(text="Change"),
        options=[
            Option(text=PlainTextObject(text=name), value=CategoryValue(op, view.slug).encode())
            for op, name in CHANGES.items()
        ],
    )
    return SectionBlock(
        block_id=f"category:{view.slug}",
        text=MarkdownTextObject(text=text, verbatim=True),
        accessory=menu if is_admin else None,
    )


def _retired(view: CategoryView, labels: int) -> SectionBlock:
    fate = "merged" if view.merged_into else f"retired, {counted(labels, 'label')} kept"
    text = f"~{title(view.name).replace('~', '')}~ ({fate})"
    return _with_button(text, "Restore", ActionId.CATEGORY_RESTORE, view.slug, f"retired:{view.slug}")


def _with_button(
    text: str, label: str, action: ActionId, value: str, block_id: str | None = None
) -> SectionBlock:
    return SectionBlock(
        block_id=block_id,
        text=MarkdownTextObject(text=text, verbatim=True),
        accessory=button(action, label, value),
    )


def unreachable_card(categories: Sequence[CategoryView]) -> Card:
    """Tell admins that the owning teams hear nothing of their tickets, and why."""
    head = ":warning: *I cannot post where these categories go.*"
    lines = [f"{view.label} → {view.where}: {_reason(view)}." for view in categories]
    return card(
        f"I cannot post where these categories go: {', '.join(title(view.name) for view in categories)}.",
        [section(plain("\n".join([head, *lines]), MAX_TEXT)), small_print(ANSWERED_ALL_THE_SAME)],
    )


def _reason(view: CategoryView) -> str:
    return REASONS.get(view.trouble or "", NOT_IN_IT)
