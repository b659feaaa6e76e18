"""Tickets in a database that no category fits become proposals, once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from classifier.contract import Prediction
from classifier.retraining.discovery_job import propose, propose_everywhere
from storage.database import Database
from storage.feedback.categories import CategorySpec
from storage.learning_models import CategoryProposal
from storage.models import LabelKind, LabelRole, LabelSource, TicketState

pytest.importorskip("storage.feedback.proposals")

TEAM, NOW = "T0ACME", datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
DOORS = ("front", "garage", "lab", "back", "side", "north")


class Topics:
    """Says a text's vector by the topic word in it."""

    version = "20260101T000000Z-aaaaaa"

    async def classify(self, texts: Sequence[str]) -> list[Prediction]:
        return [Prediction("login", 0.4, (("login", 0.4),), (), 0.5, vector(t), self.version) for t in texts]


def vector(text: str) -> np.ndarray:
    topic = next((word for word in ("badge", "password") if word in text), text)
    draw = np.random.default_rng(sum(topic.encode()))
    own = np.random.default_rng(sum(text.encode()))
    made = draw.normal(size=32) + 0.3 * own.normal(size=32)
    return (made / np.linalg.norm(made)).astype(np.float32)


async def ticket(database: Database, number: int, text: str, *, state=TicketState.ASKED, label=..., age=1):
    """Keep a ticket; `label` None is "none of these", without one nobody said anything."""
    ts = f"{(NOW - timedelta(days=age)).timestamp():.0f}.{number:06d}"
    async with database.unit_of_work() as work:
        row, _ = await work.tickets.add_if_new(
            team_id=TEAM, channel_id="C0HELP", ts=ts, user_id="U0SAM", text=text, now=NOW
        )
        await work.tickets.decide(row, state=state, category=None)
        if label is not ...:
            await work.labels.add(
                team_id=TEAM, ticket_id=row.id, category=label, user_id="U0LENA", role=LabelRole.STAFF,
                kind=LabelKind.CORRECTION if label else LabelKind.NONE_OF_THESE, source=LabelSource.MENU,
                now=NOW,
            )  # fmt: skip
        await work.commit()
    return row


async def workspace(database: Database, *, doors: Sequence[str] = DOORS, **fields) -> list[str]:
    async with database.unit_of_work() as work:
        await work.categories.sync(team_id=TEAM, specs=[CategorySpec("login", "Sign-in", "key", "")])
        await work.commit()
    for number in range(8):
        await ticket(database, number, f"my password {number} is wrong", label="login")
    rows = [
        await ticket(database, 50 + i, f"badge does not open the {door} door", **fields)
        for i, door in enumerate(doors)
    ]
    return [str(row.id) for row in rows]


async def proposals(database: Database) -> list[CategoryProposal]:
    async with database.reader() as work:
        return await work.proposals.open(team_id=TEAM)


async def test_unsure_tickets_that_nobody_labelled_become_one_proposal_once(database: Database):
    members = await workspace(database)
    (group,) = await propose(database, Topics(), TEAM, NOW)
    (kept,) = await proposals(database)
    assert set(kept.ticket_ids) == set(members) == set(group.members)
    assert "badge" in kept.words
    assert await propose(database, Topics(), TEAM, NOW + timedelta(days=1)) == []


async def test_tomorrows_larger_group_is_the_same_one(sqlite_url: str):
    database = Database(sqlite_url)
    try:
        await workspace(database)
        await propose(database, Topics(), TEAM, NOW)
        for number, door in enumerate(("south", "west", "roof")):
            await ticket(database, 90 + number, f"badge does not open the {door} door")
        assert await propose_everywhere(database, Topics(), NOW + timedelta(days=1)) == 0
        assert len(await proposals(database)) == 1
    finally:
        await database.dispose()


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ({"label": None}, 1),  # people said "none of these"
        ({"label": None, "state": TicketState.ROUTED}, 1),
        ({"state": TicketState.OUT_OF_SCOPE}, 1),
        ({"label": "login"}, 0),
        ({"state": TicketState.ROUTED}, 0),  # sent to a team, and nobody minded
        ({"age": 40}, 0),
    ],
)
async def test_what_counts_as_a_ticket_that_no_category_fits(sqlite_url: str, fields, count: int):
    database = Database(sqlite_url)
    try:
        await workspace(database, **fields)
        assert await propose_everywhere(database, Topics(), NOW) == count
    finally:
        await database.dispose()
