"""A correction counts at once: for the same words, for similar ones, on all replicas, with any model."""

from __future__ import annotations

import pytest

from bot.policy import Thresholds
from bot.tickets.memory import TicketMemory
from bot.tickets.memory_keeper import MemoryKeeper
from classifier.feedback.correction_memory import CERTAIN
from storage.database import Database
from storage.models import Prediction, Ticket, TicketState
from tests.factories.world import ANNA, HELP, LENA, SAM, TEAM, World, only_staff, text_of

TEXT, ALIKE = "my password does not work here", "my password does not work here today"
OTHER = "the vpn is dead"


@pytest.fixture
def remembering(world: World) -> World:
    """The same, with a model in whose space similar words are near."""
    world.model.recall_threshold, world.model.recall_near = 0.8, 0.5
    return world


async def correct(world: World, text: str = TEXT, emoji: str = "credit_card", user: str = LENA) -> str:
    ts = await world.say(text)
    await world.card(ts)
    await world.playground.react(user, HELP, ts, emoji)
    await world.card(ts, lambda shown: f"<@{user}>" in shown)
    return ts


async def kept(world: World, ts: str) -> tuple[Ticket, Prediction]:
    await world.quiet()
    async with world.database.reader() as work:
        ticket = await work.tickets.find(team_id=TEAM, channel_id=HELP, ts=ts)
        assert ticket is not None
        row = await work.tickets.latest_prediction(team_id=TEAM, ticket_id=ticket.id)
        assert row is not None
        return ticket, row


async def test_the_same_words_go_where_people_said_whatever_the_model_is(any_world: World):
    first = await correct(any_world)
    any_world.model.version = "20260202T000000Z-next"
    ts = await any_world.say("MY password does not work here!!")
    text = text_of(await any_world.card(ts))
    assert "*Billing* →" in text
    assert "Someone corrected <" in text
    assert f"/archives/{HELP}/p{first.replace('.', '')}|a similar message>" in text
    assert "95%" not in text
    ticket, row = await kept(any_world, ts)
    assert (ticket.category, row.category) == ("billing", "login")
    assert row.remembered_ticket_id is not None


async def test_a_similar_message_goes_there_too_and_its_team_hears_why(remembering: World):
    await correct(remembering)
    ts = await remembering.say(ALIKE)
    assert "Someone corrected" in text_of(await remembering.card(ts))
    billing = remembering.playground.state.channel("team-billing").id
    posted = await remembering.playground.wait_for(
        lambda: [m for m in remembering.playground.messages(billing) if "today" in text_of(m)]
    )
    assert "someone corrected <" in text_of(posted[0])
    assert " I am " not in text_of(posted[0])
    identity = remembering.playground.state.channel("team-identity").id
    assert not [m for m in remembering.playground.messages(identity) if "today" in text_of(m)]


async def test_less_alike_it_asks_and_offers_what_people_said_first(remembering: World):
    remembering.model.recall_threshold = 0.99
    await correct(remembering)
    ts = await remembering.say(ALIKE)
    card = await remembering.card(ts)
    assert "so I ask" in text_of(card)
    choices = card["blocks"][1]["elements"]
    assert choices[0]["text"]["text"].startswith(":credit_card: Billing")
    ticket, row = await kept(remembering, ts)
    assert ticket.state == row.decision == TicketState.ASKED


@pytest.mark.parametrize("confidence", [0.5, CERTAIN])
async def test_one_colleague_only_makes_the_model_ask_and_two_or_an_admin_overrule_it(
    remembering: World, confidence: float
):
    only_staff(remembering)
    remembering.model.confidence = confidence
    ts = await correct(remembering)
    assert "so I ask" in text_of(await remembering.card(await remembering.say(ALIKE)))
    await remembering.playground.react(SAM, HELP, ts, "credit_card")
    await remembering.quiet()
    assert "*Billing* →" in text_of(await remembering.card(await remembering.say(f"{ALIKE} again")))
    for user in (SAM, LENA):
        await remembering.playground.unreact(user, HELP, ts, "credit_card")
    await remembering.card(ts, lambda text: "Corrected" not in text)
    await remembering.playground.react(ANNA, HELP, ts, "credit_card")
    await remembering.quiet()
    assert "*Billing* →" in text_of(await remembering.card(await remembering.say(f"{ALIKE} and now")))


async def test_a_message_of_another_kind_is_left_to_the_model(remembering: World):
    await correct(remembering)
    ts = await remembering.say(OTHER)
    assert "*Network* →" in text_of(await remembering.card(ts))
    assert (await kept(remembering, ts))[1].remembered_ticket_id is None


async def test_a_correction_that_was_taken_back_is_forgotten_at_once(remembering: World):
    ts = await correct(remembering)
    await remembering.playground.unreact(LENA, HELP, ts, "credit_card")
    await remembering.card(ts, lambda text: "Corrected" not in text)
    for text in (TEXT, ALIKE):
        assert "*Sign-in* →" in text_of(await remembering.card(await remembering.say(text)))


async def test_people_who_disagree_teach_nothing(remembering: World):
    ts = await correct(remembering)
    await remembering.playground.react(SAM, HELP, ts, "satellite_antenna")
    await remembering.card(ts, lambda text: "Others disagree" in text)
    again = await remembering.say(ALIKE)
    assert "*Sign-in* →" in text_of(await remembering.card(again))


async def test_none_of_these_silences_the_same_words(world: World):
    await correct(world, emoji="x")
    ts = await world.say(TEXT)
    ticket, row = await kept(world, ts)
    assert ticket.state == TicketState.OUT_OF_SCOPE
    assert row.remembered_ticket_id is not None
    assert world.playground.thread(HELP, ts) == []


async def test_none_of_these_of_one_colleague_alone_only_makes_the_bot_ask_about_the_same_words(world: World):
    only_staff(world)
    ts = await correct(world, emoji="x")
    for text in (TEXT, f"{TEXT}!"):
        again = await world.say(text, user=SAM)
        assert "so I ask" in text_of(await world.card(again))
        assert (await kept(world, again))[0].state == TicketState.ASKED
    await world.playground.react(SAM, HELP, ts, "x")
    await world.quiet()
    assert (await kept(world, await world.say(f"{TEXT}!!")))[0].state == TicketState.OUT_OF_SCOPE


async def test_one_colleague_who_says_it_of_many_messages_is_still_one(remembering: World):
    only_staff(remembering)
    for number in range(3):
        await correct(remembering, f"{TEXT} {number}")
    assert "so I ask" in text_of(await remembering.card(await remembering.say(ALIKE)))
    await correct(remembering, f"{TEXT} again", user=SAM)
    assert "*Billing* →" in text_of(await remembering.card(await remembering.say(ALIKE)))


async def test_chatter_that_people_made_a_ticket_is_one_the_next_time(world: World):
    chatter = "thanks everybody, see you tomorrow"
    ts = await world.say(chatter)
    await world.quiet()
    await world.playground.react(LENA, HELP, ts, "key")
    await world.card(ts, lambda text: "Corrected by" in text)
    assert "so I ask" in text_of(await world.card(await world.say(chatter)))
    await world.playground.react(SAM, HELP, ts, "key")
    await world.quiet()
    assert "*Sign-in* →" in text_of(await world.card(await world.say(chatter)))


async def test_the_card_follows_the_decision_when_people_confirm_it(world: World):
    await correct(world)
    ts = await world.say(TEXT)
    await world.card(ts)
    await world.playground.react(LENA, HELP, ts, "white_check_mark")
    text = text_of(await world.card(ts, lambda text: "Confirmed by" in text))
    assert "*Billing* →" in text
    assert "Someone corrected <" in text
    assert await world.labels(ts) == [("billing", LENA)]


async def test_why_says_that_people_decided(world: World):
    await correct(world)
    await world.card(await world.say(TEXT))
    await world.playground.run_command(LENA, HELP, "/why", "last")
    text = text_of(await world.private(LENA))
    assert "someone corrected <" in text
    assert "so it went to *Billing*" in text


async def test_another_replica_knows_what_was_corrected_here(remembering: World, sqlite_url: str):
    ts = await correct(remembering)
    ticket, _ = await kept(remembering, ts)
    [prediction] = await remembering.model.classify([ALIKE])
    other = Database(sqlite_url)
    memory = TicketMemory(other)

    async def look(**changes: object) -> str | None:
        given = {"team_id": TEAM, "text": ALIKE, "leave_out": None} | changes
        found = await memory.recall(prediction, Thresholds(), **given)
        return found.recalled.category if found else None

    try:
        assert await look() == "billing"
        assert await look(leave_out=ticket.id) is None
        assert await look(team_id="T0OTHER") is None
        await remembering.playground.react(LENA, HELP, ts, "satellite_antenna")
        await remembering.card(ts, lambda text: "*Network*" in text and "Corrected by" in text)
        assert await look() == "network"
    finally:
        await other.dispose()


async def test_a_new_model_reads_the_labelled_tickets_again(remembering: World):
    await correct(remembering)
    keeper = MemoryKeeper(remembering.bot.workspace)
    assert await keeper.refresh() == 0
    remembering.model.version = "20260202T000000Z-next"
    assert await keeper.refresh() == 1
    assert await keeper.refresh() == 0
    ts = await remembering.say(ALIKE)
    assert "*Billing* →" in text_of(await remembering.card(ts))
    remembering.model.version = "20260303T000000Z-last"
    assert await keeper.refresh() == 1
    async with remembering.database.reader() as work:
        versions = await work.embeddings.versions(team_id=TEAM)
    assert sorted(versions) == ["20260202T000000Z-next", "20260303T000000Z-last"]
