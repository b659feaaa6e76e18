"""Checked-in JSON snapshots of what people see. UPDATE_SNAPSHOTS=1 writes them anew; then read the diff."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from bot.blocks.common import Card
from playground.blocks.validation import check_message_blocks, check_view

FOLDER = Path(__file__).parents[1] / "unit" / "bot" / "snapshots"


def check_card(name: str, card: Card) -> None:
    """Compare a card with its snapshot, after Slack's limits."""
    check_message_blocks(card.blocks, {})
    _compare(name, {"text": card.text, "blocks": card.blocks})


def check_home(name: str, view: dict[str, Any]) -> None:
    """Compare a Home tab with its snapshot, after Slack's limits."""
    check_view(view, "home", {})
    _compare(name, view)


def check_modal(name: str, view: dict[str, Any]) -> None:
    """Compare a modal with its snapshot, after Slack's limits."""
    check_view(view, "modal", {})
    _compare(name, view)


def _compare(name: str, value: dict[str, Any]) -> None:
    path = FOLDER / f"{name}.json"
    written = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        FOLDER.mkdir(exist_ok=True)
        path.write_text(written, encoding="utf-8")
    assert path.exists(), f"no snapshot {path.name}: UPDATE_SNAPSHOTS=1 writes it"
    assert json.loads(path.read_text(encoding="utf-8")) == value
