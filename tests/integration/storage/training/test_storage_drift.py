"""What the drift detectors read and keep, on SQLite and Postgres."""

import asyncio
from datetime import timedelta

from storage.tickets.tickets import PredictionValues
from tests.factories.storage import NOW, SECOND, add_label, add_predicted

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LONG_AGO = NOW - timedelta(days=365)


async def corrections(work, *, after=LONG_AGO, until=NOW + 300 * DAY, limit=100):
    found = await work.drift.corrections(team_id="T1", after=after, until=until, patience=DAY, limit=limit)
    return [item.value for item in found]


async def test_a_routing_counts_as_corrected_by_a_label_that_stands_and_came_in_time(database):
    async with database.unit_of_work() as work:
        cases = [
            ("correction", HOUR, False),
            ("none_of_these", HOUR, False),
            ("confirmation", HOUR, False),
            ("correction", DAY + HOUR, False),
            ("correction", HOUR, True),
            (None, HOUR, False),
        ]
        for place, (kind, later, taken_back) in enumerate(cases):
            ticket = await add_predicted(work, now=NOW + place * SECOND)
            if kind is not None:
                await add_label(work, ticket, "billing", kind=kind, now=NOW + later)
            if taken_back:
                await work.labels.withdraw(
                    team_id="T1", ticket_id=ticket.id, user_id="U1", source="button", now=NOW + later
                )
        await add_predicted(work, state="asked")
        await add_predicted(work, team_id="T2")
        assert await corrections(work) == [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
        assert await work.drift.share_uncorrected(team_id="T1", since=LONG_AGO) == (3, 6)
        assert await work.drift.share_uncorrected(team_id="T1", since=NOW + DAY) == (0, 0)
        routings = await work.drift.routings(team_id="T1", after=LONG_AGO, until=NOW + DAY)
        assert [routing.corrected for routing in routings] == [False, False, True, False, True, True]
        assert {routing.category for routing in routings} == {"login"}


async def test_a_ticket_that_was_read_again_counts_once(database):
    async with database.unit_of_work() as work:
        ticket = await add_predicted(work)
        first = await work.tickets.latest_prediction(team_id="T1", ticket_id=ticket.id)
        await work.tickets.record(
            ticket, values_of(first, confidence=0.9), state=ticket.state, category="login", now=NOW + SECOND
        )
        found = await work.drift.confidences(team_id="T1", after=LONG_AGO, until=NOW + DAY, limit=10)
        assert [(item.value, item.at) for item in found] == [(0.5, NOW)]
        assert await corrections(work) == [0.0]


def values_of(row, **changes):
    names = ("model_version", "category", "confidence", "out_of_scope", "embedding")
    return PredictionValues(**{name: getattr(row, name) for name in names} | changes, decision="routed")


async def test_the_next_look_begins_behind_whole_moments(database):
    async with database.unit_of_work() as work:
        for place in (0, 1, 1, 2):
            await add_predicted(work, now=NOW + place * SECOND)
        first = await work.drift.confidences(team_id="T1", after=LONG_AGO, until=NOW + DAY, limit=2)
        assert [item.at for item in first] == [NOW]
        rest = await work.drift.confidences(team_id="T1", after=NOW, until=NOW + DAY, limit=10)
        assert [item.at for item in rest] == [NOW + SECOND, NOW + SECOND, NOW + 2 * SECOND]
        assert await work.drift.confidences(team_id="T1", after=NOW, until=NOW, limit=10) == []


async def test_two_replicas_count_nothing_twice(database):
    async def count(number):
        async with database.unit_of_work() as work:
            row = await work.drift.lock(team_id="T1", signal="corrections", now=NOW)
            row.state = {"seen": [*row.state.get("seen", []), number]}
            row.seen_until = NOW
            await work.commit()

    await asyncio.gather(*(count(number) for number in range(6)))
    async with database.reader() as work:
        (row,) = await work.drift.states(team_id="T1")
        assert sorted(row.state["seen"]) == list(range(6))
        assert row.seen_until == NOW
        assert await work.drift.states(team_id="T2") == []
