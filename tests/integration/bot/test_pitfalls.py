"""What Slack really sends: each pitfall of the platform once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from playground.workspace.people import UploadedFile
from tests.factories.world import ANNA, GUEST, HELP, LENA, OTHER_BOT, SAM, STRANGER, World, text_of


def event(subtype: str | None = None, **fields: object) -> dict[str, object]:
    made = {
        "type": "message",
        "channel": HELP,
        "channel_type": "channel",
        "ts": "1790000000.000100",
        **fields,
    }
    return made | ({"subtype": subtype} if subtype else {})


async def test_a_command_whose_text_contains_payload_arrives_whole(any_world: World):
    result = await any_world.playground.run_command(SAM, HELP, "/why", "payload too large")
    assert result.ok
    answer = await any_world.private(SAM)
    assert "Say `/why last`" in text_of(answer)


async def test_a_null_text_is_accepted_and_ignored(any_world: World):
    sent = await any_world.playground.send_event(event(user=SAM, text=None))
    await any_world.delivered("event", "message")
    assert sent
    assert await any_world.tickets() == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"user": OTHER_BOT, "bot_id": "B0OTHER", "text": "password from a bot"},
        {"subtype": "bot_message", "bot_id": "B0OTHER", "text": "password from an old bot"},
        {"user": "U0FPOST", "bot_id": "B0FPOST", "text": "password from ourselves"},
        {"subtype": "message_changed", "message": {"user": SAM, "text": "password"}, "hidden": True},
        {"subtype": "message_deleted", "deleted_ts": "1790000000.000100", "hidden": True},
        {"subtype": "channel_join", "user": SAM, "text": "<@U0SAM> has joined the channel"},
        {"subtype": "channel_topic", "user": SAM, "text": "set the topic: password"},
        {"user": SAM, "thread_ts": "1780000000.000100", "text": "password in a thread"},
        {"subtype": "thread_broadcast", "user": SAM, "thread_ts": "1780000000.000100", "text": "password"},
    ],
    ids=lambda fields: str(fields.get("subtype") or ("thread" if "thread_ts" in fields else fields["text"])),
)
async def test_what_is_no_root_message_of_a_person_is_accepted_and_ignored(world: World, fields: dict):
    await world.playground.send_event(event(**fields))
    await world.delivered("event", "message")
    deliveries = [e for e in world.playground.journal if e.kind == "event"]
    assert {e.status for e in deliveries} == {200}
    await world.quiet()
    assert await world.tickets() == 0


@pytest.mark.parametrize("with_retry_headers", [True, False])
async def test_a_redelivered_event_gets_one_reply(any_world: World, with_retry_headers: bool):
    ts = await any_world.say("my password does not work")
    await any_world.card(ts)
    event_id = next(
        e.request["event_id"]
        for e in any_world.playground.journal
        if e.kind == "event" and e.method == "message"
    )
    outcomes = [await any_world.playground.redeliver(event_id, with_retry_headers) for _ in range(3)]
    await any_world.quiet()
    assert all(outcome.status == 200 for outcome in outcomes)
    assert len(any_world.playground.thread(HELP, ts)) == 1
    assert await any_world.tickets() == 1


async def test_the_same_message_under_another_event_id_gets_one_reply(world: World):
    ts = await world.say("my password does not work")
    await world.card(ts)
    await world.playground.send_event(
        event(user=SAM, text="my password does not work", ts=ts), event_id="EvOTHER"
    )
    await world.delivered("event", "message", 2)
    await world.quiet()
    assert len(world.playground.thread(HELP, ts)) == 1


@pytest.mark.parametrize("timestamp", ["soon", "", "1e400", "-1", "NaN"])
async def test_a_timestamp_that_is_no_number_is_refused(world: World, timestamp: str):
    body = json.dumps({"type": "event_callback", "event": event(user=SAM, text="password")})
    headers = world.playground.signed_headers(body) | {"X-Slack-Request-Timestamp": timestamp}
    outcome = await world.playground.post_raw("/slack/events", body, headers)
    assert outcome.status == 401


async def test_forged_and_stale_requests_are_refused(world: World):
    body = json.dumps(
        {"type": "event_callback", "event_id": "EvF", "event": event(user=SAM, text="password")}
    )
    now = world.playground.clock()
    good = world.playground.signed_headers(body)
    for headers in (
        {},
        good | {"X-Slack-Signature": "v0=" + "0" * 64},
        world.playground.signed_headers(body + " "),
        world.playground.signed_headers(body, timestamp=now - 301),
        world.playground.signed_headers(body, timestamp=now + 302),
    ):
        assert (await world.playground.post_raw("/slack/events", body, headers)).status == 401
    assert await world.tickets() == 0


async def test_a_skin_tone_does_not_hide_a_confirmation(world: World):
    ts = await world.say("my password does not work")
    await world.card(ts)
    await world.playground.react(LENA, HELP, ts, "thumbsup::skin-tone-4")
    await world.card(ts, lambda text: "Confirmed by" in text)
    assert await world.labels(ts) == [("login", LENA)]


async def test_an_emoji_that_is_no_category_changes_nothing(world: World):
    ts = await world.say("my password does not work")
    await world.card(ts)
    await world.playground.react(LENA, HELP, ts, "tada")
    await world.delivered("event", "reaction_added")
    await world.quiet()
    assert await world.labels(ts) == []


async def test_a_reaction_on_a_message_that_is_no_ticket_is_accepted_and_ignored(world: World):
    ts = await world.say("good morning", channel=HELP, thread_ts=await world.say("thanks"))
    await world.playground.react(LENA, HELP, ts, "key")
    await world.delivered("event", "reaction_added")
    await world.quiet()
    assert all(e.status == 200 for e in world.playground.journal if e.kind == "event")


@pytest.mark.parametrize("user", [GUEST, STRANGER, OTHER_BOT])
async def test_reactions_of_guests_strangers_and_bots_are_no_labels(world: World, user: str):
    ts = await world.say("my password does not work")
    await world.card(ts)
    await world.playground.react(user, HELP, ts, "credit_card")
    await world.delivered("event", "reaction_added")
    await world.quiet()
    assert await world.labels(ts) == []


async def test_a_mention_inside_quoted_text_pings_nobody(world: World):
    ts = await world.say("password <!channel> <!here> <@U0LENA> <https://evil.example.com|click> & more")
    card = await world.card(ts)
    await world.quiet()
    team = world.playground.state.channel("team-identity").id
    for message in (card, *world.playground.messages(team)):
        assert message["mentions"] in ([], [f"@{SAM}"])  # the author's name on the team's card is ours
        assert not any("evil" in link for link in message.get("links", []))


async def test_a_message_of_12000_characters_gets_a_card(world: World):
    ts = await world.say("my password " + "does not work and " * 660)
    assert "Sign-in" in text_of(await world.card(ts))


async def test_a_language_that_the_model_never_learned_is_asked_about(world: World):
    said = (
        (Path(__file__).parents[2] / "data" / "cases" / "other-languages.txt").read_text("utf-8").splitlines()
    )
    for text in said:
        assert "not sure" in text_of(await world.card(await world.say(text)))


async def test_an_empty_message_with_a_file_gets_a_question(any_world: World):
    file = UploadedFile("screen.png", b"\x89PNG", "image/png")
    ts = await any_world.say("", files=[file])
    card = await any_world.card(ts)
    assert "cannot read files" in text_of(card)
    assert any_world.model.seen == []


async def test_why_without_an_argument_says_how_to_use_it(world: World):
    await world.playground.run_command(SAM, HELP, "/why", "")
    assert "Say `/why last`" in text_of(await world.private(SAM))


async def test_why_with_a_foreign_link_says_that_it_does_not_know_it(world: World):
    link = "https://other.slack.com/archives/C0ELSE/p1700000000123456"
    await world.playground.run_command(SAM, HELP, "/why", link)
    assert "do not know that message" in text_of(await world.private(SAM))


async def test_why_does_not_show_a_private_channel_to_somebody_outside(world: World):
    private = world.playground.add_channel("secret-desk", [SAM, "U0FPOST"], private=True)
    ts = await world.say("my password is lost", channel=private)
    await world.card(ts, channel=private)
    link = f"https://acme.slack.com/archives/{private}/p{ts.replace('.', '')}"
    await world.playground.run_command(LENA, HELP, "/why", link)
    answer = text_of(await world.private(LENA))
    assert "cannot see" in answer
    assert "password" not in answer


async def test_retrain_by_somebody_who_is_no_admin_is_refused(any_world: World):
    await any_world.playground.run_command(LENA, HELP, "/retrain")
    assert "Only admins" in text_of(await any_world.private(LENA))
    async with any_world.database.reader() as work:
        assert await work.runs.latest(team_id="T0ACME") is None


async def test_retrain_with_too_few_labels_is_refused_with_the_numbers(world: World):
    await world.playground.run_command(ANNA, HELP, "/retrain")
    assert "0 new label(s)" in text_of(await world.private(ANNA))


async def test_retrain_twice_at_once_starts_one(any_world: World):
    ts = await any_world.say("my password does not work")
    await any_world.card(ts)
    await any_world.playground.react(LENA, HELP, ts, "credit_card")
    await any_world.card(ts, lambda text: "Corrected by" in text)
    await asyncio.gather(*(any_world.playground.run_command(ANNA, HELP, "/retrain") for _ in range(2)))
    assert "already running" in text_of(await any_world.private(ANNA))
    await any_world.quiet()
    shown = [m for m in any_world.playground.messages(HELP) if m.get("text", "").startswith("Retraining:")]
    assert len(shown) == 1


@pytest.mark.drill("unacknowledged")
async def test_a_database_that_is_away_is_no_acknowledgement_and_nothing_is_lost(world: World, monkeypatch):
    add = world.bot.inbox.add

    async def broken(**_event: object) -> bool:
        raise ConnectionError("the database is away")

    monkeypatch.setattr(world.bot.inbox, "add", broken)
    ts = await world.say("my password does not work")
    await world.playground.wait_for(
        lambda: any(e.kind == "event" and e.status == 500 for e in world.playground.journal)
    )
    monkeypatch.setattr(world.bot.inbox, "add", add)
    await world.card(ts)


async def test_a_classifier_that_is_away_delays_the_answer(world: World):
    world.model.fail_next(times=1)
    ts = await world.say("my password does not work")
    assert "Sign-in" in text_of(await world.card(ts))


async def test_slacks_retry_after_is_obeyed_and_nothing_is_lost(world: World):
    world.playground.faults.rate_limit("chat.postMessage", times=2, retry_after=1)
    ts = await world.say("my password does not work")
    await world.card(ts)
    await world.quiet()
    posts = [e for e in world.playground.journal if e.method == "chat.postMessage"]
    refused = [e for e in posts if e.status == 429]
    assert len(refused) == 2
    assert len(world.playground.thread(HELP, ts)) == 1


async def test_an_answer_that_got_lost_is_not_posted_twice(world: World):
    world.playground.faults.lose_answer("chat.postMessage", times=1)
    ts = await world.say("my password does not work")
    await world.card(ts)
    async with world.database.unit_of_work() as work:
        from sqlalchemy import update

        from storage.models import Reply

        await work.session.execute(
            update(Reply).values(next_attempt_at=Reply.created_at)
        )  # the lease is over
        await work.commit()
    world.bot.outbox.wake()
    await world.quiet()
    assert len(world.playground.thread(HELP, ts)) == 1
