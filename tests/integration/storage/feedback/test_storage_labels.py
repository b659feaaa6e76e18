"""Labels on SQLite and Postgres."""

import asyncio

import pytest

from storage import RowNotFound
from tests.factories.storage import NOW, SECOND, add_label, add_ticket


async def active(work, ticket):
    labels = await work.labels.active_for(team_id=ticket.team_id, ticket_id=ticket.id)
    return [(label.user_id, label.category) for label in labels]


async def test_a_persons_latest_word_replaces_their_earlier_one(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        first = await add_label(work, ticket, "vpn")
        await add_label(work, ticket, "wifi", now=NOW + SECOND)
        await add_label(work, ticket, "printer", user_id="U2", now=NOW + 2 * SECOND)
        assert await active(work, ticket) == [("U1", "wifi"), ("U2", "printer")]
        assert first.withdrawn_at == NOW + SECOND


async def test_the_same_word_twice_is_one_label(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        first = await add_label(work, ticket, "vpn")
        assert (await add_label(work, ticket, "vpn", now=NOW + SECOND)).id == first.id
        assert (await add_label(work, ticket, "vpn", source="reaction", detail="lock")).id != first.id


async def test_two_clicks_at_once_leave_one_active_label(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        await work.commit()

    async def click(category):
        async with database.unit_of_work() as work:
            await add_label(work, ticket, category)
            await work.commit()

    await asyncio.gather(*(click(f"c{number}") for number in range(6)))
    async with database.reader() as work:
        assert len(await active(work, ticket)) == 1


async def test_taking_back_a_reaction_withdraws_the_label_it_gave(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        key = {"team_id": "T1", "ticket_id": ticket.id, "user_id": "U1", "source": "reaction"}
        label = await add_label(work, ticket, "vpn", source="reaction", detail="lock")
        assert await work.labels.withdraw(**key, detail="key", now=NOW) == []
        assert await work.labels.withdraw(**key | {"user_id": "U2"}, now=NOW) == []
        assert await work.labels.withdraw(**key, detail="lock", now=NOW) == [label]
        assert await active(work, ticket) == []


async def test_a_label_for_another_workspaces_ticket_is_refused(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        with pytest.raises(RowNotFound):
            await add_label(work, ticket, "vpn", team_id="T2")


async def test_training_examples_are_one_a_ticket_by_trust_then_time(database):
    async with database.unit_of_work() as work:
        first = await add_ticket(work, text="vpn is down", ts="1767600001.0")
        second = await add_ticket(work, text="thanks!", ts="1767600002.0")
        await add_ticket(work, text="nobody labelled me")
        gone = await add_ticket(work, text="changed my mind")
        await add_label(work, first, "wifi", user_id="U1", role="admin")
        await add_label(work, first, "vpn", user_id="U2", role="staff", now=NOW + SECOND)
        await add_label(work, second, None, kind="none_of_these")
        await add_label(work, gone, "vpn")
        await work.labels.withdraw(team_id="T1", ticket_id=gone.id, user_id="U1", source="button", now=NOW)
        await add_label(work, await add_ticket(work, team_id="T2"), "vpn")
        examples = await work.labels.training_examples(team_id="T1")
    assert [(example.text, example.category) for example in examples] == [
        ("vpn is down", "wifi"),
        ("thanks!", None),
    ]
    assert len(examples[0].label_ids) == 1  # of two labels, the one that won
    assert examples[0].user_ids == ("U1",)
    assert examples[0].posted_at == first.posted_at


async def test_labels_are_counted_from_a_moment_on(database):
    async with database.unit_of_work() as work:
        await add_label(work, await add_ticket(work), "vpn")
        await add_label(work, await add_ticket(work), "vpn", now=NOW + SECOND)
        assert await work.labels.count_since(team_id="T1", when=None) == 2
        assert await work.labels.count_since(team_id="T1", when=NOW) == 1
        assert await work.labels.count_since(team_id="T2", when=None) == 0
