"""Shadow time in the playground: what admins see of it, how they end it, and how its end is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from playground.server import Playground
from storage.models import LabelRole, LabelSource, ModelKind, ModelState, RunSource, RunState
from storage.training.shadows import Silent
from tests.factories.world import ANNA, CATEGORIES, HELP, LENA, TEAM, World, make_world, text_of

VERSION = "20260102T000000Z-00000b"
ADMINS = "fingerpost-admins"
UNTIL = datetime(2026, 12, 1, 3, tzinfo=UTC)


@pytest.fixture
async def world(sqlite_url: str) -> AsyncIterator[World]:
    channels = [*(str(category.destination) for category in CATEGORIES), ADMINS]
    playground = Playground(channels=channels, acceleration=0.01)
    async with make_world(sqlite_url, playground=playground, admin_channel=ADMINS) as made:
        yield made


def now() -> datetime:
    return datetime.now(UTC)


async def shadowed(world: World, texts: tuple[str, ...] = ()) -> list[str]:
    """A challenger that said "billing" about messages that went elsewhere; returns where they stand."""
    places = []
    for text in texts:
        places.append(await world.say(text))
        await world.card(places[-1])
    async with world.database.unit_of_work() as work:
        await work.models.add(
            team_id=TEAM, version=VERSION, path="none", kind=ModelKind.FINE_TUNE, manifest_hash="0" * 64,
            metrics={}, now=now(),
        )  # fmt: skip
        await work.shadows.begin(team_id=TEAM, version=VERSION, until=UNTIL)
        answers = []
        for ts in places:
            ticket = await work.tickets.find(team_id=TEAM, channel_id=HELP, ts=ts)
            answers.append(Silent(ticket.id, "billing", 0.9, 0.1, agrees=False))
        await work.shadows.record(team_id=TEAM, version=VERSION, answers=answers, now=now())
        await work.commit()
    return places


async def end(world: World, state: ModelState, **found: Any) -> None:
    result = {"state": str(state), "reason": "", "ended_at": now().isoformat(), "told": False, **found}
    async with world.database.unit_of_work() as work:
        live = state is ModelState.ACTIVE
        kept = ModelState.SHADOW if live else state
        assert await work.shadows.end(team_id=TEAM, version=VERSION, state=kept, result=result)
        if live:
            await work.models.activate(team_id=TEAM, version=VERSION, now=now())
        await work.commit()


async def told(world: World, channel: str, begin: str) -> dict[str, Any]:
    found = await world.playground.wait_for(
        lambda: [m for m in world.playground.messages(channel) if m["text"].startswith(begin)]
    )
    assert len(found) == 1
    return found[0]


async def answer(world: World, text: str) -> str:
    await world.playground.run_command(ANNA, HELP, "/retrain", text)
    await world.quiet()
    return text_of(world.playground.ephemerals(ANNA)[-1])


async def test_status_says_who_answers_in_silence_and_how_often_otherwise(world: World):
    await shadowed(world, ("my password does not work",))
    shown = await answer(world, "status")
    assert f"`{VERSION}` answers in silence until" in shown
    assert "1 message, 1 of them otherwise" in shown


async def test_an_admin_ends_the_silence_and_the_model_stays(world: World):
    await shadowed(world)
    assert "answers no more in silence. The model stays" in await answer(world, "cancel")
    assert "There is no retraining to cancel" in await answer(world, "cancel")
    async with world.database.reader() as work:
        (row,) = await work.models.list(team_id=TEAM)
        events = [(e.actor, e.action, e.subject) for e in await work.audit.recent(team_id=TEAM)]
    assert row.state == ModelState.CANDIDATE
    assert (ANNA, "shadow_cancel", VERSION) in events


async def test_its_end_is_told_to_the_admins_with_the_differences_that_people_judged_first(world: World):
    first, second = await shadowed(world, ("my password does not work", "my vpn is down again"))
    async with world.database.unit_of_work() as work:
        ticket = await work.tickets.find(team_id=TEAM, channel_id=HELP, ts=second)
        await work.labels.add(
            team_id=TEAM, ticket_id=ticket.id, category="network", user_id=LENA, role=LabelRole.OWNER,
            kind="confirmation", source=LabelSource.BUTTON, now=now(),
        )  # fmt: skip
        await work.commit()
    await end(
        world, ModelState.REFUSED, reason="It has 1 wrong <!channel>.", answered=9, differ=2, judged=1,
        right_before=1, right_now=0, p_worse=0.01,
    )  # fmt: skip
    card = await told(world, ADMINS, "The model stays")
    shown = text_of(card)
    assert "<!channel>" not in shown
    assert "answered 9 messages in silence, 2 of them otherwise" in shown
    assert "People labelled 1 of those: it has 0 right, the model before 1" in shown
    listed = shown[shown.index("Where they differ") :]
    assert listed.index(second.replace(".", "")) < listed.index(first.replace(".", ""))
    assert "Network, the new one says Billing; people say Network" in listed
    assert f"/retrain rollback {VERSION}" in shown


async def test_it_is_told_where_the_retraining_was_asked_for_and_once(world: World):
    await shadowed(world)
    async with world.database.unit_of_work() as work:
        await work.runs.add_if_free(
            team_id=TEAM, slot="command/1", requested_by=ANNA, source=RunSource.COMMAND, channel_id=HELP,
            now=now(),
        )  # fmt: skip
        run = await work.runs.claim(holder="t", now=now(), lease=timedelta(minutes=1))
        await work.runs.finish(
            run.id, fence=run.fence, state=RunState.DONE, now=now(), reason="", model_version=VERSION,
            metrics={"shadow_until": UNTIL.isoformat(), "accuracy": 0.9, "accuracy_before": 0.8},
        )  # fmt: skip
        await work.commit()
    passed = text_of(await told(world, HELP, f"Retraining done: {VERSION} answers in silence first"))
    assert "answers in silence until" in passed
    assert "The new one is right on 90.0%" in passed
    assert "passed and answered in silence first" in await answer(world, "history")
    await end(world, ModelState.ACTIVE, answered=0, differ=0)
    world.model.version = VERSION
    assert "No message came" in text_of(await told(world, HELP, f"{VERSION} is live"))
    await world.quiet()
    assert not [m for m in world.playground.messages(ADMINS) if "live" in m["text"]]


async def test_what_the_schedule_brought_is_told_to_the_admins(world: World):
    async with world.database.unit_of_work() as work:
        await work.runs.add_if_free(
            team_id=TEAM, slot="cron/1", requested_by="schedule", source=RunSource.CRON, channel_id=None,
            now=now(),
        )  # fmt: skip
        run = await work.runs.claim(holder="t", now=now(), lease=timedelta(minutes=1))
        await work.runs.finish(
            run.id, fence=run.fence, state=RunState.FAILED, now=now(), reason="It is worse.", metrics={}
        )
        await work.commit()
    assert "It is worse" in text_of(await told(world, ADMINS, "The model stays"))
