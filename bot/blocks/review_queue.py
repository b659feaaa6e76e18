"""The review queue in App Home: disputed tickets and doubted labels, one tap each to settle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement

from bot.blocks.action_ids import ActionId, TicketValue
from bot.blocks.common import (
    CategoryView,
    button,
    counted,
    escape,
    one_line,
    people,
    section,
    small_print,
    word_list,
)

SHOWN = 10
"""Entries of four blocks each; a Home tab holds 100 blocks, and the categories come after them."""
OPINIONS_SHOWN = 5
CHOICES_SHOWN = 6
CAPPED_SHOWN = 10
EXCERPT = 160
NEAR_EXCERPT = 60

_SURFACES = {
    "reaction": "by emoji",
    "button": "by button",
    "menu": "in the menu",
    "import": "imported",
    "question": "when I asked",
    "review": "here",
    "categories": "by a change of the categories",
}


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one person stands for.

    Attributes:
        category: None for "none of these".
        user_id: of the person; "" for an import.
        role: "admin", "owner", "staff" or "import".
        source: where they said it, a `LabelSource` value.
        at: when.
    """

    category: CategoryView | None
    user_id: str
    role: str
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Near:
    """A labelled ticket like this one. `category` None: none of these."""

    text: str
    category: CategoryView | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A ticket that waits for a person's word.

    Attributes:
        ticket_id: for the buttons' values.
        text: of the message, as Slack delivered it.
        link: to it; "" where it was imported.
        opinions: of the people who said something, oldest first.
        words: those that the model looked at, best first.
        near: labelled tickets like it, nearest first.
        choices: what can be settled on besides "none of these", without repeats.
        doubt: (given, suggested) where the model doubts the label, None where people disagree. None in it:
            none of these.
    """

    ticket_id: UUID
    text: str
    link: str
    opinions: Sequence[Opinion]
    words: Sequence[str]
    near: Sequence[Near]
    choices: Sequence[CategoryView]
    doubt: tuple[CategoryView | None, CategoryView | None] | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """What one person sees of the queue.

    Attributes:
        entries: at most `SHOWN`.
        more: how many wait besides.
        capped: (user id, lost, judged) of the people whose labels need a second one; for admins only.
        notice: what became of the last tap, where it changed nothing.
    """

    entries: Sequence[Entry] = ()
    more: int = 0
    capped: Sequence[tuple[str, int, int]] = ()
    notice: str = ""


def queue_blocks(queue: Queue) -> list[Block]:
    """Build the queue's part of a Home tab; nothing where nothing waits."""
    blocks: list[Block] = []
    if queue.notice:
        blocks.append(section(f":information_source: {escape(queue.notice)}"))
    if queue.capped:
        shown = queue.capped[:CAPPED_SHOWN]
        named = ", ".join(f"{people([user])} ({lost} of {judged})" for user, lost, judged in shown)
        rest = len(queue.capped) - len(shown)
        more = f" and {rest} more" if rest > 0 else ""
        blocks.append(
            section(f"*Labels that mostly lost:* {named}{more}. What they say counts once somebody agrees.")
        )
    if queue.entries:
        waiting = len(queue.entries) + queue.more
        said = counted(waiting, "ticket waits", "tickets wait")
        blocks.append(section(f"*To settle:* {said} for your word. I do not learn from them yet."))
    for entry in queue.entries[:SHOWN]:
        blocks += _entry(entry)
    if queue.more > 0:
        blocks.append(small_print(f"and {queue.more} more"))
    return blocks


def _entry(entry: Entry) -> list[Block]:
    link = f" · <{entry.link}|Open the thread>" if entry.link else " · imported"
    if entry.doubt is None:
        head = f":left_right_arrow: *People disagree*{link}"
    else:
        given, suggested = (_label(view) for view in entry.doubt)
        same = entry.doubt[0] == entry.doubt[1]
        mine = f"It says {given}; I would say {suggested}."
        said = f"It says {given} now, as I would. Somebody else has to say so too." if same else mine
        head = f":thinking_face: *I doubt a label*{link}\n{said}"
    lines = [head, *(_opinion(opinion) for opinion in entry.opinions[:OPINIONS_SHOWN])]
    more = len(entry.opinions) - OPINIONS_SHOWN
    if more > 0:
        lines.append(f"and {more} more")
    # A section of its own: a quoted ``` that nobody closes cannot swallow what stands beside it.
    return [
        section("\n".join(lines)),
        section(f"> {_excerpt(entry.text, EXCERPT) or '(no text)'}"),
        small_print("\n".join([f"Words I looked at: {word_list(entry.words)}", *map(_near, entry.near)])),
        ActionsBlock(block_id=f"review:{entry.ticket_id}", elements=_buttons(entry)),
    ]


def _opinion(opinion: Opinion) -> str:
    who = people([opinion.user_id]) if opinion.user_id else "An import"
    role = {"admin": " (admin)", "owner": " (owning team)"}.get(opinion.role, "")
    stamp = int(opinion.at.timestamp())
    when = f"<!date^{stamp}^{{date_short_pretty}} {{time}}|{opinion.at:%Y-%m-%d %H:%M} UTC>"
    how = _SURFACES.get(opinion.source, opinion.source)
    return f"• {_label(opinion.category)}: {who}{role}, {when}, {how}"


def _near(near: Near) -> str:
    return f"Like it: “{_excerpt(near.text, NEAR_EXCERPT)}” → {_label(near.category)}"


def _label(view: CategoryView | None) -> str:
    return view.label if view else ":x: *None of these*"


def _excerpt(text: str, limit: int) -> str:
    return escape(one_line(text, limit))


def _buttons(entry: Entry) -> list[ButtonElement]:
    buttons = []
    if entry.doubt is not None:
        given = entry.doubt[0]
        buttons.append(_button(entry, "keep", "Keep as it is", given, style="primary"))
    kept = entry.doubt[0].slug if entry.doubt and entry.doubt[0] else None
    for index, view in enumerate([view for view in entry.choices if view.slug != kept][:CHOICES_SHOWN]):
        buttons.append(_button(entry, str(index), view.plain_label(), view))
    if entry.doubt is None or entry.doubt[0] is not None:
        buttons.append(_button(entry, "none", "None of these", None))
    return buttons


def _button(
    entry: Entry, name: str, label: str, view: CategoryView | None, style: str | None = None
) -> ButtonElement:
    value = TicketValue(entry.ticket_id, view.slug if view else None)
    return button(f"{ActionId.SETTLE}_{name}", label, value.encode(), style=style)
