"""What is remembered of labelled tickets, on SQLite and Postgres."""

import numpy as np

from storage.models import TicketState
from storage.tickets.tickets import PredictionValues
from storage.types import vector_to_bytes
from tests.factories.storage import NOW, SECOND, add_label, add_ticket

VECTOR = vector_to_bytes(np.array([0.6, 0.8]))


async def predicted(work, ticket, category="vpn", state=TicketState.ROUTED, decided=None, version="v1"):
    values = PredictionValues(
        model_version=version,
        category=category,
        confidence=0.9,
        out_of_scope=0.0,
        decision=state.value,
        embedding=VECTOR,
    )
    return await work.tickets.record(ticket, values, state=state, category=decided or category, now=NOW)


async def test_a_labelled_tickets_place_is_kept_once(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        await predicted(work, ticket)
        for _ in range(2):
            await work.embeddings.keep(team_id="T1", ticket_id=ticket.id, now=NOW)
        key = {"team_id": "T1", "model_version": "v1"}
        assert await work.embeddings.vectors(**key) == [(ticket.id, VECTOR)]
        assert await work.embeddings.vectors(**key, since=NOW + SECOND) == []
        assert await work.embeddings.vectors(**key | {"team_id": "T2"}) == []
        assert await work.embeddings.vectors(**key | {"model_version": "v2"}) == []


async def test_no_place_is_kept_of_a_ticket_of_another_workspace(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work, team_id="T2")
        values = {"ticket_id": ticket.id, "model_version": "v1", "embedding": VECTOR, "now": NOW}
        assert not await work.embeddings.add(team_id="T1", **values)
        assert await work.embeddings.add(team_id="T2", **values)


async def test_what_was_said_before_people_corrected_it_is_rejected(database):
    async with database.unit_of_work() as work:
        routed, asked, confirmed, remembered = [await add_ticket(work, text=t) for t in "abcd"]
        await predicted(work, routed)
        await add_label(work, routed, "wifi")
        await predicted(work, asked, state=TicketState.ASKED)
        await add_label(work, asked, None, kind="none_of_these")
        await predicted(work, confirmed)
        await add_label(work, confirmed, "vpn", kind="confirmation")
        await predicted(work, remembered, decided="wifi")
        await add_label(work, remembered, "printer")
        found = {t.text: (t.category, t.rejected) for t in await work.embeddings.labelled(team_id="T1")}
        assert found == {
            "a": ("wifi", {"vpn"}),
            "b": (None, {"vpn"}),
            "c": ("vpn", frozenset()),
            "d": ("printer", {"vpn", "wifi"}),
        }


async def test_disputed_and_withdrawn_labels_are_not_remembered(database):
    async with database.unit_of_work() as work:
        disputed, withdrawn = [await add_ticket(work) for _ in range(2)]
        await add_label(work, disputed, "vpn")
        await add_label(work, disputed, "wifi", user_id="U2")
        await add_label(work, withdrawn, "vpn")
        await work.labels.withdraw(
            team_id="T1", ticket_id=withdrawn.id, user_id="U1", source="button", now=NOW
        )
        assert await work.embeddings.labelled(team_id="T1") == []


async def test_only_the_newest_labelled_tickets_are_remembered(database):
    async with database.unit_of_work() as work:
        tickets = [await add_ticket(work, text=str(number)) for number in range(4)]
        for ticket in tickets[:3]:
            await add_label(work, ticket, "vpn")
        found = await work.embeddings.labelled(team_id="T1", newest=2)
        assert [ticket.text for ticket in found] == ["2", "1"]
        waiting = await work.embeddings.missing(team_id="T1", model_version="v1", limit=9, newest=2)
        assert [text for _, text in waiting] == ["2", "1"]


async def test_a_model_misses_the_labelled_tickets_that_it_has_not_read(database):
    async with database.unit_of_work() as work:
        read, unread, empty = [await add_ticket(work, text=text) for text in ("a", "b", " ")]
        for ticket in (read, unread, empty):
            await add_label(work, ticket, "vpn")
        await predicted(work, read)
        await work.embeddings.keep(team_id="T1", ticket_id=read.id, now=NOW)
        missing = work.embeddings.missing
        assert await missing(team_id="T1", model_version="v1", limit=9) == [(unread.id, "b")]
        assert len(await missing(team_id="T1", model_version="v2", limit=9)) == 2
        assert len(await missing(team_id="T1", model_version="v2", limit=1)) == 1
        assert await missing(team_id="T2", model_version="v2", limit=9) == []


async def test_every_change_of_a_label_or_an_embedding_changes_the_fingerprint(database):
    async with database.unit_of_work() as work:
        seen = [await work.embeddings.fingerprint(team_id="T1", model_version="v1")]

        async def changed():
            seen.append(await work.embeddings.fingerprint(team_id="T1", model_version="v1"))
            return seen[-1] != seen[-2]

        ticket = await add_ticket(work)
        await predicted(work, ticket)
        assert not await changed()
        await add_label(work, ticket, "wifi")
        assert await changed()
        await add_label(work, ticket, "printer", now=NOW)  # at the same moment
        assert await changed()
        await work.embeddings.keep(team_id="T1", ticket_id=ticket.id, now=NOW)
        assert await changed()
        await work.labels.withdraw(team_id="T1", ticket_id=ticket.id, user_id="U1", source="button", now=NOW)
        assert await changed()
        await add_label(work, await add_ticket(work, team_id="T2"), "wifi")
        assert not await changed()


async def test_old_models_places_are_dropped(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        for number, version in enumerate(("v1", "v2", "v3")):
            await work.embeddings.add(
                team_id="T1",
                ticket_id=ticket.id,
                model_version=version,
                embedding=VECTOR,
                now=NOW + number * SECOND,
            )
        assert await work.embeddings.versions(team_id="T1") == ["v3", "v2", "v1"]
        await work.embeddings.drop(team_id="T1", model_versions=["v1", "v2"])
        assert await work.embeddings.versions(team_id="T1") == ["v3"]
