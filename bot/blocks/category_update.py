"""What came of the update that a change of categories asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.blocks.common import Card, card, escape, plain, section, title
from bot.blocks.retraining import REASON_LENGTH

NAMED = 10
"""Categories that are named; more would not be read."""


def update_card(state: str, reason: str, metrics: Mapping[str, Any], names: Mapping[str, str]) -> Card:
    """Say whether changed categories are in use now, and how well each is told by its own messages.

    Args:
        state: of the run.
        reason: why it failed, in plain words.
        metrics: as the run's row holds them: `learned` {slug: [recognised, messages]}, `waiting` and
            `removed` slugs.
        names: of the categories, by slug.
    """
    if state != "done":
        head = "*The model stays as it was:* the change of categories is not learned."
        return _card(":no_entry:", head, [escape(plain(reason, REASON_LENGTH))])
    learned: Mapping[str, Sequence[int]] = metrics.get("learned") or {}
    lines = [
        f"{_name(slug, names)}: {hits} of its {of} messages are recognised when they are kept from it"
        + (". It will often be missed: label more messages of it." if 2 * hits < of else ".")
        for slug, (hits, of) in list(learned.items())[:NAMED]
    ]
    if waiting := [_name(slug, names) for slug in metrics.get("waiting") or ()]:
        lines.append(f"Too few messages to learn yet: {', '.join(waiting[:NAMED])}.")
    if removed := [_name(slug, names) for slug in metrics.get("removed") or ()]:
        lines.append(f"Answered no more: {', '.join(removed[:NAMED])}.")
    return _card(":white_check_mark:", "*The changed categories are in use.*", lines)


def _name(slug: str, names: Mapping[str, str]) -> str:
    return title(names.get(slug, slug))


def _card(icon: str, head: str, lines: Sequence[str]) -> Card:
    return card(" ".join([head.replace("*", ""), *lines]), [section("\n".join([f"{icon} {head}", *lines]))])
