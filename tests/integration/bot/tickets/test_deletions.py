"""A message that was deleted in Slack leaves us: its text, what was made from it, and our posts about it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.blocks.action_ids import ActionId
from bot.clock import utc_now
from bot.tickets.deletions import Forgetter
from bot.tickets.label_files import IMPORTED, import_labels
from storage.models import ReplyState
from tests.factories.category_dialogs import submit, typed
from tests.factories.moving_clock import MovingClock
from tests.factories.storage import everything
from tests.factories.world import ANNA, BOT, HELP, LENA, SAM, TEAM, World, make_world, text_of, unsent

SECRET = "xylophone"
TEXT = f"my password for the {SECRET} does not work"


@pytest.fixture
async def clock_world(sqlite_url: str) -> AsyncIterator[World]:
    """A world whose clock the test moves."""
    async with make_world(sqlite_url, clock=MovingClock(utc_now())) as made:
        yield made


def clock_of(world: World) -> MovingClock:
    clock: Any = world.bot.workspace.clock
    return clock


def posts(world: World, channel: str = "team-identity") -> list[dict[str, Any]]:
    place = world.playground.state.channel(channel).id
    return [m for m in world.playground.messages(place) if m.get("bot_id")]


def replies(world: World, ts: str) -> list[dict[str, Any]]:
    return [m for m in world.playground.thread(HELP, ts) if m.get("bot_id")]


def raw(world: World) -> bytes:
    """The bytes of a SQLite database, its log included; of Postgres none."""
    if world.database.dialect != "sqlite":
        return b""
    path = Path(str(world.database.url.database))
    return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))


async def delete(world: World, ts: str, user: str = SAM) -> None:
    """Delete a message, and wait until the bot has done what follows from it."""
    await world.playground.delete_message(user, HELP, ts)
    await forgotten(world, ts)


async def forgotten(world: World, ts: str) -> None:
    async def done() -> bool:
        async with world.database.reader() as work:
            ticket = await work.tickets.find(team_id=TEAM, channel_id=HELP, ts=ts)
            if ticket is None or ticket.deleted_at is None:
                return False
            about = await work.replies.all_for_ticket(team_id=TEAM, ticket_id=ticket.id)
        return all(each.ts is None for each in about)

    await world.playground.wait_for(done)
    await world.quiet()


async def test_a_deleted_message_leaves_database_and_slack(any_world: World):
    world = any_world
    ts = await world.say(TEXT)
    await world.card(ts)
    await world.playground.react(LENA, HELP, ts, "credit_card")
    await world.card(ts, lambda shown: "Corrected by" in shown)
    await world.quiet()
    assert SECRET in await everything(world.database)
    assert posts(world)
    await delete(world, ts)
    assert SECRET not in await everything(world.database)
    assert SECRET.encode() not in raw(world)
    assert (replies(world, ts), posts(world), posts(world, "team-billing")) == ([], [], [])
    assert await world.labels(ts) == []
    assert await world.tickets() == 0


async def test_a_picture_of_its_words_goes_with_it(world: World):
    ts = await world.say(TEXT)
    await world.press(LENA, await world.card(ts), ActionId.WHY)
    await world.press(LENA, await world.private(LENA), ActionId.PICTURE)
    await world.playground.wait_for(lambda: len(replies(world, ts)) == 2)
    await world.quiet()
    await delete(world, ts)
    assert replies(world, ts) == []
    assert world.playground.state.files == {}


async def test_a_silent_ticket_is_forgotten_as_well(world: World):
    ts = await world.say(f"the {SECRET} was nice, thanks")
    await world.quiet()
    await delete(world, ts)
    assert SECRET not in await everything(world.database)


async def test_an_admin_may_have_deleted_it_and_a_thread_of_people_stays(world: World):
    ts = await world.say(TEXT)
    await world.card(ts)
    await world.quiet()
    await world.say("same here", user=LENA, thread_ts=ts)
    await delete(world, ts, user=ANNA)
    assert [m["text"] for m in world.playground.thread(HELP, ts)] == ["same here"]


async def test_a_deleted_reply_changes_nothing(world: World):
    ts = await world.say(TEXT)
    await world.card(ts)
    reply = await world.say("it is urgent", thread_ts=ts)
    await world.quiet()
    await world.playground.delete_message(SAM, HELP, reply)
    await world.quiet()
    assert len(replies(world, ts)) == 1
    assert await world.tickets() == 1


async def test_a_deletion_overtakes_a_message_that_the_model_is_reading(any_world: World):
    world = any_world
    world.model.gate.clear()
    ts = await world.say(TEXT)
    await _wait_for_ticket(world, ts)
    async with world.database.unit_of_work() as work:  # another replica takes the deletion
        await work.forgetting.bury(team_id=TEAM, channel_id=HELP, ts=ts, user_id=SAM, now=utc_now())
        await work.commit()
    assert SECRET not in await everything(world.database)
    world.model.gate.set()
    await world.quiet()
    assert SECRET not in await everything(world.database)
    assert (replies(world, ts), posts(world)) == ([], [])


async def _wait_for_ticket(world: World, ts: str) -> None:
    async def there() -> bool:
        async with world.database.reader() as work:
            return await work.tickets.find(team_id=TEAM, channel_id=HELP, ts=ts) is not None

    await world.playground.wait_for(there)


async def test_a_deletion_waits_for_its_own_message_and_wins(world: World):
    world.model.gate.clear()
    ts = await world.say(TEXT)
    await _wait_for_ticket(world, ts)
    await world.playground.delete_message(SAM, HELP, ts)
    await world.delivered("event", "message", 2)
    world.model.gate.set()
    await forgotten(world, ts)
    assert SECRET not in await everything(world.database)
    assert (replies(world, ts), posts(world)) == ([], [])


async def test_a_message_that_comes_after_its_deletion_is_no_ticket(any_world: World):
    world, ts = any_world, f"{utc_now().timestamp():.6f}"
    gone = {"type": "message", "subtype": "message_deleted", "deleted_ts": ts, "hidden": True}
    late = {"type": "message", "ts": ts, "user": SAM, "text": TEXT}
    for fields in (gone, late, gone):
        await world.playground.send_event({"channel": HELP, "channel_type": "channel", **fields})
        await world.quiet()
    assert SECRET not in await everything(world.database)
    assert await world.tickets() == 0
    assert posts(world) == []


async def test_an_edit_that_comes_after_the_deletion_brings_nothing_back(world: World):
    ts = await world.say("my password does not work")
    await world.card(ts)
    await world.quiet()
    await delete(world, ts)
    edited = {
        "type": "message",
        "user": SAM,
        "text": TEXT,
        "ts": ts,
        "edited": {"user": SAM, "ts": "1799999999.1"},
    }
    fields = {"subtype": "message_changed", "message": edited, "hidden": True, "ts": "1799999999.000100"}
    await world.playground.send_event(
        {"type": "message", "channel": HELP, "channel_type": "channel", **fields}
    )
    await world.delivered("event", "message", 3)
    await world.quiet()
    assert SECRET not in await everything(world.database)
    assert (replies(world, ts), await world.tickets()) == ([], 0)


async def test_deletions_elsewhere_leave_no_trace(world: World):
    place = world.playground.state.channel("team-identity").id
    before = await everything(world.database)
    fields = {"subtype": "message_deleted", "deleted_ts": "1790000000.000100", "channel": place}
    await world.playground.send_event({"type": "message", "channel_type": "channel", **fields})
    await world.delivered("event", "message")
    await world.quiet()
    after = await everything(world.database)
    assert [row for row in after.split("\n") if row.startswith("ticket:")] == []
    assert before.count("reply:") == after.count("reply:")


async def test_a_post_that_is_under_way_is_deleted_when_it_arrives(world: World):
    world.playground.faults.hang("chat.postMessage", 0.5, times=2)
    ts = await world.say(TEXT)

    async def sending() -> bool:
        async with world.database.reader() as work:
            ticket = await work.tickets.find(team_id=TEAM, channel_id=HELP, ts=ts)
            about = await work.replies.all_for_ticket(team_id=TEAM, ticket_id=ticket.id) if ticket else []
        return len(about) == 2 and {each.state for each in about} == {ReplyState.SENDING}

    await world.playground.wait_for(sending)
    await world.playground.delete_message(SAM, HELP, ts)

    async def sent() -> bool:
        async with world.database.reader() as work:
            return not await unsent(work)

    await world.playground.wait_for(sent)
    await Forgetter(world.bot.workspace).remove_posts()
    await forgotten(world, ts)
    assert (replies(world, ts), posts(world)) == ([], [])
    assert SECRET not in await everything(world.database)


@pytest.mark.parametrize("fault", ["internal_error", 429])
async def test_what_slack_does_not_take_now_is_deleted_later(clock_world: World, fault: str | int):
    world, forgetter = clock_world, Forgetter(clock_world.bot.workspace)
    ts = await world.say(TEXT)
    await world.card(ts)
    await world.quiet()
    faults = world.playground.faults
    if fault == 429:
        faults.rate_limit("chat.delete", times=1, retry_after=30)
    else:
        faults.fail("chat.delete", str(fault), times=1)
    await world.playground.delete_message(SAM, HELP, ts)
    await world.delivered("event", "message", 2)
    await world.quiet()
    assert len(replies(world, ts)) + len(posts(world)) == 2
    assert SECRET not in await everything(world.database)
    clock_of(world).move(seconds=31)
    await forgetter.remove_posts()
    await forgotten(world, ts)
    assert (replies(world, ts), posts(world)) == ([], [])


async def test_what_slack_never_deletes_is_emptied(world: World):
    ts = await world.say(TEXT)
    await world.card(ts)
    await world.quiet()
    world.playground.faults.fail("chat.delete", "compliance_exports_prevent_deletion", times=2)
    await delete(world, ts)
    [card], [team_card] = replies(world, ts), posts(world)
    assert text_of(card) == text_of(team_card) == "The message was deleted.\nThe message was deleted."
    assert SECRET not in str((card, team_card))


async def test_a_correction_and_why_after_a_deletion_are_answered_in_words(world: World):
    old = await world.say("the vpn is down")
    await world.card(old)
    ts = await world.say(TEXT)
    card = await world.card(ts)
    await world.quiet()
    world.playground.faults.fail("chat.delete", "internal_error", times=1000)
    await world.playground.delete_message(SAM, HELP, ts)
    await world.playground.wait_for(lambda: _is_forgotten(world, ts))
    await world.press(LENA, card, ActionId.CORRECT, "billing")
    assert "I do not know that message" in text_of(await world.private(LENA))
    await world.playground.react(LENA, HELP, card["ts"], "credit_card")
    await world.playground.run_command(SAM, HELP, "/why", "last")
    assert "Network" in text_of(await world.private(SAM))
    link = f"https://acme.slack.com/archives/{HELP}/p{ts.replace('.', '')}"
    await world.playground.run_command(ANNA, HELP, "/why", link)
    assert "I do not know that message" in text_of(await world.private(ANNA))
    await world.quiet()
    async with world.database.reader() as work:
        assert (await work.inbox.counts())["dead"] == 0
    assert SECRET not in await everything(world.database)


async def _is_forgotten(world: World, ts: str) -> bool:
    async with world.database.reader() as work:
        ticket = await work.tickets.find(team_id=TEAM, channel_id=HELP, ts=ts)
    return ticket is not None and ticket.deleted_at is not None


@pytest.mark.drill("deleted")
async def test_paraphrases_of_forgotten_examples_are_answered_all_the_same(
    world: World, measured: Callable[[str], None]
):
    world.model.recall_threshold, world.model.recall_near = 0.8, 0.5
    labelled = await world.say("my password does not work here")
    await world.card(labelled)
    await world.playground.react(ANNA, HELP, labelled, "credit_card")
    await world.card(labelled, lambda shown: "Corrected by" in shown)
    await import_labels(world.database, TEAM, [("the invoice is wrong once more", "login")], utc_now())
    await submit(world, "add", typed(name="Doors", emoji="door", examples=EXAMPLES))
    await world.quiet()
    async with world.database.unit_of_work() as work:
        kept = [t for t in await work.tickets.recent(team_id=TEAM) if t.channel_id == IMPORTED]
        assert len(kept) == 6
        for ticket in kept[::2]:
            await work.forgetting.forget(ticket, now=utc_now())
        await work.commit()
    await delete(world, labelled)
    channels = [
        world.playground.add_channel(f"help-{n}", [SAM, BOT]) for n in range(5)
    ]  # the bot paces itself
    texts = ("my password does not work here", "the invoice is wrong once more", "a badge for the vpn")
    for number in range(20):
        channel = channels[number % 5]
        ts = await world.say(f"{texts[number % 3]} {'x' * number}", channel=channel)
        await world.card(ts, channel=channel)
    await world.quiet()
    async with world.database.reader() as work:
        assert (await work.inbox.counts())["dead"] == 0
    measured("20 paraphrases of a deleted message, imports and examples: 20 answers")


EXAMPLES = (
    "the vpn badge is lost\nlost my vpn badge\nthe vpn gate is shut\nneed a vpn badge\nvpn badge printer"
)


async def test_old_tickets_and_events_are_forgotten_where_the_operator_wants_it(sqlite_url: str):
    clock = MovingClock(utc_now())
    async with make_world(sqlite_url, clock=clock) as world:
        ts = await world.say(TEXT)
        await world.card(ts)
        await world.playground.react(LENA, HELP, ts, "credit_card")
        await world.card(ts, lambda shown: "Corrected by" in shown)
        await import_labels(world.database, TEAM, [(f"a {SECRET} again", "login")], clock())
        await give_up(world, {"text": SECRET})
        keeper = Forgetter(world.bot.workspace, retention_days=30)
        clock.move(days=29)
        new = await world.say("the vpn is down")
        await world.card(new)
        await keeper.look()
        assert SECRET in await everything(world.database)
        clock.move(days=2)
        await keeper.look()
        stored = await everything(world.database)
        assert SECRET not in stored
        assert "the vpn is down" in stored
        assert len(replies(world, ts)) == 1  # what is in Slack is Slack's to keep
        assert await world.tickets() == 1


async def give_up(world: World, payload: dict[str, Any]) -> None:
    """Leave a dead letter."""
    now = world.bot.workspace.clock()
    async with world.database.unit_of_work() as work:
        await work.inbox.add(team_id=TEAM, event_id="dead", kind="message", payload=payload, now=now)
        claim = await work.inbox.claim(
            team_id=TEAM, kinds=["message"], worker="test", now=now, lease=timedelta(0), limit=9
        )
        for event in claim.events:
            await work.inbox.dead(event.id, worker="test", error="test", now=now)
        await work.commit()
