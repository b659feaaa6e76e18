"""What leaves training, what judges models, what waits for a person, and who is capped."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import delete

from storage import RowNotFound
from storage.feedback.resolution import MIN_JUDGED
from storage.learning_models import ReviewState
from storage.models import Ticket
from tests.factories.storage import NOW, SECOND, add_label, add_ticket


async def trained(work, team_id="T1"):
    return [(e.text, e.category) for e in await work.labels.training_examples(team_id=team_id)]


async def doubt(work, ticket, given="vpn", suggested="wifi", **values):
    given_values = {"score": 0.8, "now": NOW} | values
    return await work.reviews.add(
        team_id=ticket.team_id, ticket_id=ticket.id, given=given, suggested=suggested, **given_values
    )


async def settle(work, ticket, category, **values):
    given = {"user_id": "U9", "now": NOW} | values
    return await work.reviews.settle(team_id=ticket.team_id, ticket_id=ticket.id, category=category, **given)


async def test_a_disputed_ticket_leaves_training_until_it_is_solved(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        await add_label(work, ticket, "vpn", user_id="U1")
        await add_label(work, ticket, "wifi", user_id="U2", now=NOW + SECOND)
        assert await trained(work) == []
        await add_label(work, ticket, "wifi", user_id="U3", role="owner", now=NOW + 2 * SECOND)
        (example,) = await work.labels.training_examples(team_id="T1")
        assert (example.category, example.user_ids) == ("wifi", ("U3", "U2"))


async def test_disputes_are_listed_the_longest_waiting_first(database):
    async with database.unit_of_work() as work:
        late, early, agreed, outranked = [await add_ticket(work) for _ in range(4)]
        for ticket, seconds in ((late, 9), (early, 1), (outranked, 2)):
            await add_label(work, ticket, None, user_id="U1")
            await add_label(work, ticket, "wifi", user_id="U2", now=NOW + seconds * SECOND)
        await add_label(work, outranked, "dns", user_id="U3", role="admin")
        for user_id in ("U1", "U2"):
            await add_label(work, agreed, "vpn", user_id=user_id)
        found = await work.labels.disputed(team_id="T1")
        assert [each.ticket.id for each in found] == [early.id, late.id]
        assert [label.user_id for label in found[0].labels] == ["U1", "U2"]
        assert found[0].resolved.category is None  # what stood first
        assert await work.labels.disputed(team_id="T1", capped=frozenset({"U2"})) == []
        assert await work.labels.disputed(team_id="T2") == []


async def test_a_deleted_ticket_takes_everything_about_it_along(database):
    async with database.unit_of_work() as work:
        ticket, kept = await add_ticket(work, text="gone"), await add_ticket(work, text="kept")
        for each in (ticket, kept):
            await add_label(work, each, "vpn")
        await doubt(work, ticket)
        await work.gold.add(team_id="T1", ticket_id=ticket.id, category="vpn", added_by="U9", now=NOW)
        await work.commit()
    async with database.unit_of_work() as work:
        await work.session.execute(delete(Ticket).where(Ticket.id == ticket.id))
        await work.commit()
    async with database.reader() as work:
        assert await trained(work) == [("kept", "vpn")]
        assert await work.reviews.open(team_id="T1") == []
        assert await work.gold.list(team_id="T1") == []


async def test_a_doubted_label_is_out_of_training_until_somebody_looked(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work, text="t")
        await add_label(work, ticket, "vpn")
        assert (await doubt(work, ticket)).state == ReviewState.OPEN
        assert await trained(work) == []
        row = await settle(work, ticket, "vpn")
        assert (row.state, row.settled_by, row.settled_at) == (ReviewState.KEPT, "U9", NOW)
        assert await trained(work) == [("t", "vpn")]
        assert await settle(work, ticket, "vpn") is None


async def test_one_ticket_has_one_open_doubt_and_the_newest_counts(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        await add_label(work, ticket, "vpn")
        first = await doubt(work, ticket)
        again = await doubt(work, ticket, now=NOW + SECOND, score=0.9)
        assert (again.id, again.created_at, again.score) == (first.id, NOW, 0.9)
        other = await doubt(work, ticket, suggested=None, now=NOW + SECOND)
        assert (other.id, other.suggested, other.created_at) == (first.id, None, NOW + SECOND)


async def test_two_replicas_that_doubt_at_once_leave_one_row(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        await add_label(work, ticket, "vpn")
        await work.commit()

    async def replica():
        async with database.unit_of_work() as work:
            row = await doubt(work, ticket)
            await work.commit()
            return row is not None

    assert all(await asyncio.gather(*(replica() for _ in range(4))))
    async with database.reader() as work:
        assert len(await work.reviews.open(team_id="T1")) == 1


async def test_a_label_that_was_kept_is_not_doubted_again_but_another_one_is(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        await add_label(work, ticket, "vpn")
        await doubt(work, ticket)
        await settle(work, ticket, "vpn")
        assert await doubt(work, ticket) is None
        await add_label(work, ticket, None, now=NOW + SECOND)
        assert await doubt(work, ticket, given=None) is not None


async def test_what_somebody_settled_in_the_queue_is_not_doubted(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        await add_label(work, ticket, "vpn")
        await doubt(work, ticket)
        await add_label(work, ticket, "wifi", user_id="U9", role="admin", source="review")
        assert (await settle(work, ticket, "wifi")).state == ReviewState.CHANGED
        assert await doubt(work, ticket, given="wifi", suggested="vpn") is None


async def test_a_doubt_that_comes_late_or_about_nothing_is_none(database):
    async with database.unit_of_work() as work:
        ticket, silent = await add_ticket(work), await add_ticket(work)
        await add_label(work, ticket, "wifi")
        assert await doubt(work, ticket, given="vpn") is None  # people say something else by now
        assert await doubt(work, silent) is None
        suspects = [(ticket.id, "wifi", None, 0.7), (silent.id, "vpn", "wifi", 0.9)]
        assert await work.reviews.add_suspects(team_id="T1", suspects=suspects, now=NOW) == 1
        assert await work.reviews.add_suspects(team_id="T2", suspects=suspects, now=NOW) == 0


async def test_doubts_are_listed_worst_first(database):
    async with database.unit_of_work() as work:
        for score in (0.5, 0.9, 0.7):
            ticket = await add_ticket(work)
            await add_label(work, ticket, "vpn")
            await doubt(work, ticket, score=score)
        assert [row.score for row in await work.reviews.open(team_id="T1", limit=2)] == [0.9, 0.7]


async def test_the_gold_set_judges_and_is_never_trained_on(database):
    async with database.unit_of_work() as work:
        gold, plain = await add_ticket(work, text="gold"), await add_ticket(work, text="plain")
        for ticket in (gold, plain):
            await add_label(work, ticket, "vpn")
        key = {"team_id": "T1", "ticket_id": gold.id, "added_by": "U9", "now": NOW}
        assert await work.gold.add(**key, category="vpn")
        assert not await work.gold.add(**key, category="wifi")  # frozen
        assert await trained(work) == [("plain", "vpn")]
        (example,) = await work.labels.gold_examples(team_id="T1")
        assert (example.text, example.category, example.user_ids) == ("gold", "vpn", ("U1",))
        assert example.label_ids
        assert await work.gold.ids(team_id="T1") == {gold.id}
        assert [row.ticket_id for row in await work.gold.list(team_id="T1")] == [gold.id]
        assert await work.labels.gold_examples(team_id="T2") == []


async def test_a_frozen_ticket_that_nobody_bears_out_any_more_neither_judges_nor_teaches(database):
    async with database.unit_of_work() as work:
        ticket, nothing = await add_ticket(work), await add_ticket(work)
        await add_label(work, ticket, "vpn")
        await add_label(work, nothing, None)
        for each, category in ((ticket, "vpn"), (nothing, None)):
            await work.gold.add(team_id="T1", ticket_id=each.id, category=category, added_by="U9", now=NOW)
        await add_label(work, ticket, "wifi", now=NOW + SECOND)  # they say something else now
        assert [each.ticket_id for each in await work.labels.gold_examples(team_id="T1")] == [nothing.id]
        assert await work.gold.ids(team_id="T1") == {ticket.id, nothing.id}
        assert await trained(work) == []


async def test_behind_an_example_stands_the_most_trusted_and_then_the_latest(database):
    async with database.unit_of_work() as work:
        ticket, gone = await add_ticket(work), await add_ticket(work)
        await add_label(work, ticket, "vpn", user_id="U1", role="staff")
        await add_label(work, ticket, "vpn", user_id="U2", role="owner", now=NOW + SECOND)
        await add_label(work, ticket, "vpn", user_id="U3", role="staff", now=NOW + 2 * SECOND)
        await add_label(work, gone, "vpn")
        await work.labels.withdraw(team_id="T1", ticket_id=gone.id, user_id="U1", source="button", now=NOW)
        (example,) = await work.labels.training_examples(team_id="T1")
        assert (example.role, example.user_id, len(example.user_ids)) == ("owner", "U2", 3)


async def test_tickets_whose_doubt_somebody_settled_are_known(database):
    async with database.unit_of_work() as work:
        waiting, settled = await add_ticket(work), await add_ticket(work)
        for ticket in (waiting, settled):
            await add_label(work, ticket, "vpn")
            await doubt(work, ticket)
        await settle(work, settled, "vpn")
        assert await work.reviews.settled_tickets(team_id="T1") == {settled.id}
        assert await work.reviews.settled_tickets(team_id="T2") == frozenset()
        suspects = [(each.id, "vpn", None, 0.9) for each in (waiting, settled)]
        await work.reviews.add_suspects(team_id="T1", suspects=suspects, now=NOW + SECOND)
        assert [row.ticket_id for row in await work.reviews.open(team_id="T1")] == [waiting.id]


async def test_a_ticket_of_another_workspace_cannot_be_gold(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work, team_id="T2")
        key = {"category": None, "added_by": "U9", "now": NOW}
        for ticket_id in (ticket.id, uuid4()):
            with pytest.raises(RowNotFound):
                await work.gold.add(team_id="T1", ticket_id=ticket_id, **key)


async def test_one_person_who_flips_labels_is_capped_once_enough_were_overruled(database):
    async with database.unit_of_work() as work:
        for number in range(MIN_JUDGED):
            ticket = await add_ticket(work, text=f"judged {number}")
            await add_label(work, ticket, "flipped", user_id="VANDAL")
            await add_label(work, ticket, "vpn", user_id="ANNA", role="admin")
        lonely, seconded = await add_ticket(work, text="lonely"), await add_ticket(work, text="seconded")
        await add_label(work, lonely, "flipped", user_id="VANDAL")
        await add_label(work, seconded, "wifi", user_id="VANDAL")
        await add_label(work, seconded, "wifi", user_id="SAM")
        assert await work.trust.refresh(team_id="T1", now=NOW) == {"VANDAL"}
        assert await work.trust.capped(team_id="T1") == {"VANDAL"}
        # seconded by Sam once: judged there too, and won
        rows = {row.user_id: (row.judged, row.lost) for row in await work.trust.list(team_id="T1")}
        assert rows["VANDAL"] == (MIN_JUDGED + 1, MIN_JUDGED)
        examples = await trained(work)
        assert ("lonely", "flipped") not in examples
        assert ("seconded", "wifi") in examples
        assert len(examples) == MIN_JUDGED + 1
        actions = [(e.action, e.subject) for e in await work.audit.recent(team_id="T1")]
        assert actions == [("person.capped", "VANDAL")]


async def test_a_person_who_took_the_labels_back_is_capped_no_more(database):
    async with database.unit_of_work() as work:
        tickets = [await add_ticket(work) for _ in range(MIN_JUDGED)]
        for ticket in tickets:
            await add_label(work, ticket, "flipped", user_id="VANDAL")
            await add_label(work, ticket, "vpn", user_id="ANNA", role="admin")
        assert await work.trust.refresh(team_id="T1", now=NOW) == {"VANDAL"}
        for ticket in tickets:
            await add_label(work, ticket, "vpn", user_id="VANDAL", now=NOW + SECOND)
        assert await work.trust.refresh(team_id="T1", now=NOW + SECOND) == frozenset()
        assert await work.trust.refresh(team_id="T2", now=NOW) == frozenset()
        assert len(await work.audit.recent(team_id="T1")) == 2


async def test_a_tickets_history_keeps_withdrawn_labels(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        await add_label(work, ticket, "vpn")
        await add_label(work, ticket, "wifi", now=NOW + SECOND)
        history = await work.labels.history(team_id="T1", ticket_id=ticket.id)
        assert [(label.category, label.withdrawn_at) for label in history] == [
            ("vpn", NOW + SECOND),
            ("wifi", None),
        ]


async def test_of_a_fifth_of_all_labels_that_one_person_flipped_none_is_trained_on(database):
    people, wrong = ("SAM", "LENA", "OLGA", "OMAR"), []
    async with database.unit_of_work() as work:
        for number in range(100):
            ticket = await add_ticket(work, text=f"t{number}")
            flips = number % 5 == 0
            author = "VANDAL" if flips else people[number % 4]
            await add_label(work, ticket, "flipped" if flips else "right", user_id=author)
            wrong += [ticket] if flips else []
        assert sum(category == "flipped" for _, category in await trained(work)) == 20
        for ticket in wrong[:MIN_JUDGED]:  # what owners noticed, or settled in the queue
            await add_label(work, ticket, "right", user_id="OTTO", role="owner", now=NOW + SECOND)
        assert [category for _, category in await trained(work)] == ["right"] * (80 + MIN_JUDGED)
