"""Small makers of rows and values. Each names what a test usually does not care about; the rest is given."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np

from bot.blocks.common import CategoryView
from classifier import contract
from storage.models import (
    Label,
    LabelKind,
    LabelRole,
    LabelSource,
    Prediction,
    Ticket,
    TicketState,
)

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
TICKET = UUID("11111111-2222-4333-8444-555555555555")
TEAM, HELP, SAM, LENA, ANNA = "T0ACME", "C0HELP", "U0SAM", "U0LENA", "U0ANNA"


def category_view(
    slug: str = "login", name: str = "Sign-in", emoji: str = "key", **fields: Any
) -> CategoryView:
    """Make a category with a channel that was found in Slack."""
    values: dict[str, Any] = {
        "description": "Passwords and codes",
        "destination": f"team-{slug}",
        "destination_id": f"C0{slug.upper()}",
    }
    return CategoryView(slug, name, emoji, **(values | fields))


LOGIN = category_view()
NETWORK = category_view("network", "Network", "satellite_antenna", description="Wi-Fi and VPN")
BILLING = category_view("billing", "Billing", "credit_card", description="Invoices and refunds")
CATEGORIES = (LOGIN, NETWORK, BILLING)


def many_categories(count: int = 100, name: str = "N" * 300, **fields: Any) -> list[CategoryView]:
    """Make as many categories as nobody should have, with names that nobody should give."""
    values = {"description": "D" * 2000, "destination": "d" * 200, "destination_id": None} | fields
    return [category_view(f"slug_{index}", f"{index} {name}", "e" * 60, **values) for index in range(count)]


def ticket(
    state: TicketState = TicketState.ROUTED, text: str = "my password does not work", **fields: Any
) -> Ticket:
    """Make a ticket of Sam's in #help."""
    values: dict[str, Any] = {
        "id": TICKET,
        "team_id": TEAM,
        "channel_id": HELP,
        "ts": "1790000000.000100",
        "user_id": SAM,
        "category": "login" if state == TicketState.ROUTED else None,
        "created_at": NOW,
        "posted_at": NOW,
    }
    return Ticket(state=state, text=text, **(values | fields))


def prediction_row(category: str = "login", confidence: float = 0.88, **fields: Any) -> Prediction:
    """Make what a model said, as it is stored."""
    rest = [slug for slug in ("login", "network", "billing") if slug != category]
    values: dict[str, Any] = {
        "team_id": TEAM,
        "ticket_id": TICKET,
        "model_version": "20260101T000000Z-test",
        "alternatives": [[category, confidence], *([slug, (1 - confidence) / 2] for slug in rest)],
        "words": [
            {"text": "password", "start": 3, "end": 11, "score": 0.7},
            {"text": "work", "start": 21, "end": 25, "score": 0.2},
        ],
        "out_of_scope": 0.02,
        "decision": TicketState.ROUTED,
        "created_at": NOW,
    }
    return Prediction(category=category, confidence=confidence, **(values | fields))


def label(category: str | None = "billing", user_id: str = LENA, *, minutes: int = 1, **fields: Any) -> Label:
    """Make a person's label, some minutes after the ticket."""
    values: dict[str, Any] = {
        "id": UUID(int=minutes),
        "team_id": TEAM,
        "ticket_id": TICKET,
        "role": LabelRole.STAFF,
        "kind": LabelKind.CORRECTION,
        "source": LabelSource.REACTION,
        "created_at": NOW + timedelta(minutes=minutes),
    }
    return Label(category=category, user_id=user_id, **(values | fields))


def prediction(
    category: str = "login",
    confidence: float = 0.88,
    alternatives: Sequence[tuple[str, float]] = (("login", 0.88), ("network", 0.07), ("billing", 0.05)),
    **fields: Any,
) -> contract.Prediction:
    """Make what a model says."""
    values: dict[str, Any] = {
        "words": (contract.Word("password", 3, 11, 0.7),),
        "out_of_scope": 0.02,
        "embedding": np.zeros(4, dtype=np.float32),
        "model_version": "20260101T000000Z-test",
    }
    return contract.Prediction(category, confidence, tuple(alternatives), **(values | fields))


def message_body(text: Any = "my password does not work", **event: Any) -> dict[str, Any]:
    """Make an Events API body with a person's root message."""
    fields: dict[str, Any] = {
        "type": "message",
        "channel": HELP,
        "channel_type": "channel",
        "ts": "1790000000.000100",
        "user": SAM,
        "text": text,
    }
    return {"type": "event_callback", "team_id": TEAM, "event_id": "Ev1", "event": fields | event}


def reaction_body(reaction: Any = "key", kind: str = "reaction_added", **event: Any) -> dict[str, Any]:
    """Make an Events API body with a reaction of Lena's on Sam's message."""
    fields: dict[str, Any] = {
        "type": kind,
        "user": LENA,
        "reaction": reaction,
        "item": {"type": "message", "channel": HELP, "ts": "1790000000.000100"},
        "item_user": SAM,
        "event_ts": "1790000060.000200",
    }
    return {"type": "event_callback", "team_id": TEAM, "event_id": "Ev2", "event": fields | event}
