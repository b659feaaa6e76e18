"""App Home: what the bot knows and how to correct it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from slack_sdk.models.blocks import Block, DividerBlock, HeaderBlock, PlainTextObject
from slack_sdk.models.views import View

from bot.blocks.common import Blocks, CategoryView, escape, plain, section, small_print, title
from bot.blocks.retraining import moment
from bot.blocks.review_queue import Queue, queue_blocks

MAX_BLOCKS = 100
CATEGORIES_SHOWN = 80
"""A Home tab holds 100 blocks; what waits for a word comes before the categories."""
GIVEN_UP_SHOWN = 5
NOTHING_WAITS = Queue()
NONE: Blocks = []


def home_view(
    categories: Sequence[CategoryView],
    model: str,
    counts: Mapping[str, int] | None,
    is_admin: bool,
    queue: Queue = NOTHING_WAITS,
    *,
    figures: Blocks = NONE,
    proposals: Blocks = NONE,
    given_up: Sequence[tuple[str, datetime, str]] = (),
) -> dict[str, Any]:
    """Build the Home tab.

    Args:
        categories: the active ones.
        model: version name of the model that answers.
        counts: `tickets`, `labels`, `waiting`, `dead` of this workspace. None: not for this person.
        is_admin: admins also see the state of the inbox.
        queue: what waits for this person's word.
        figures: blocks on how routing goes.
        proposals: blocks of proposed categories.
        given_up: kind, moment and reason of the latest events that were given up; for admins.
    """
    blocks: list[Block | dict[str, Any]] = [
        HeaderBlock(text=PlainTextObject(text="Fingerpost")),
        section(
            "I point each support message to the team that owns it, and I learn from every correction.\n"
            "To correct me, react with a category's emoji or use the menu under my reply. "
            "`/why last` shows why I decided as I did."
        ),
    ]
    if counts is not None:
        known = f"{_count(counts.get('tickets', 0), 'ticket')} · {_count(counts.get('labels', 0), 'label')}"
        blocks.append(section(f"{known} · model `{title(model)}`"))
    blocks += figures
    if is_admin and counts is not None:
        blocks.append(
            section(
                f"*For admins:* {counts.get('waiting', 0)} waiting in the queue, "
                f"{counts.get('dead', 0)} given up. `/retrain` teaches me what people corrected."
            )
        )
        if given_up:
            blocks.append(section("\n".join(["*Given up:*", *map(_given_up, given_up[:GIVEN_UP_SHOWN])])))
            blocks.append(small_print("`fingerpost inbox replay` works on them again."))
    blocks += [*queue_blocks(queue), *proposals]
    room = min(CATEGORIES_SHOWN, MAX_BLOCKS - len(blocks) - 2)  # a divider, and how many more there are
    blocks += [DividerBlock(), *(section(_described(view)) for view in categories[:room])]
    more = len(categories) - room
    if more > 0:
        blocks.append(small_print(f"and {more} more categories"))
    if not categories:
        blocks.append(section("There are no categories yet, so I ask about every message."))
    return View(type="home", blocks=blocks).to_dict()


def _described(view: CategoryView) -> str:
    return f"{view.label} → {view.where}\n{escape(plain(view.description, 300))}".rstrip()


def _given_up(event: tuple[str, datetime, str]) -> str:
    kind, received_at, reason = event
    return f"• {moment(received_at)} {escape(kind)}: {escape(plain(reason, 90))}"


def _count(number: int, what: str) -> str:
    return f"*{number}* {what}{'' if number == 1 else 's'}"
