"""What is somebody's request is read, whatever its form in Slack."""

from __future__ import annotations

from typing import Any

import pytest

from playground.workspace.people import UploadedFile
from tests.factories.world import BOT, HELP, LENA, OTHER_BOT, SAM, World, make_world, text_of

RANDOM = "C0RANDOM"
FORM = {"What is it about?": "my vpn drops every hour", "How urgent?": "today"}


def rich(*elements: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": list(elements)}]}]


async def seen(world: World, ts: str, answer: str) -> str:
    """Wait for the card; return what the model read."""
    assert answer in text_of(await world.card(ts))
    await world.quiet()
    return world.model.seen[-1]


async def test_a_shared_message_is_read(any_world: World):
    origin = await any_world.say("my vpn drops every hour", channel=RANDOM)
    ts = await any_world.playground.share_message(LENA, RANDOM, origin, HELP)
    assert await seen(any_world, ts, "Network") == "my vpn drops every hour"


async def test_what_is_said_about_a_shared_message_is_read_with_it(world: World):
    origin = await world.say("it drops every hour", channel=RANDOM)
    ts = await world.playground.share_message(LENA, RANDOM, origin, HELP, "Sam has trouble with the vpn")
    assert await seen(world, ts, "Network") == "Sam has trouble with the vpn\nit drops every hour"


async def test_a_shared_message_that_is_only_a_file_gets_a_question(world: World):
    origin = await world.say("", channel=RANDOM, files=[UploadedFile("screen.png", b"\x89PNG", "image/png")])
    ts = await world.playground.share_message(LENA, RANDOM, origin, HELP)
    assert "cannot read files" in text_of(await world.card(ts))
    assert world.model.seen == []


async def test_a_message_of_blocks_alone_is_read(world: World):
    blocks = rich({"type": "text", "text": "my vpn & wifi "}, {"type": "emoji", "name": "cry"})
    ts = await world.say(None, blocks=blocks)
    assert await seen(world, ts, "Network") == "my vpn &amp; wifi :cry:"


async def test_a_mail_to_the_channel_is_read(world: World):
    body = "Hello,\nmy vpn <drops> every hour.\n-- \nKim"
    ts = await world.playground.send_mail(HELP, "Trouble", body)
    assert await seen(world, ts, "Network") == "Trouble\nHello,\nmy vpn &lt;drops&gt; every hour.\n-- \nKim"
    team = world.playground.state.channel("team-network").id
    assert "new ticket from an e-mail" in text_of(world.playground.messages(team)[-1])


async def test_what_slackbot_says_by_itself_is_no_ticket(world: World):
    await world.playground.send_event(
        {"type": "message", "user": "USLACKBOT", "channel": HELP, "ts": "1790000000.000100", "text": "vpn"}
    )
    await world.delivered("event", "message")
    assert await world.tickets() == 0


async def test_a_text_that_became_a_file_is_read(world: World):
    message = {"type": "message", "subtype": "file_share", "user": SAM, "channel": HELP, "text": ""}
    files = [{"id": "F0LONG", "mode": "snippet", "filetype": "text", "preview": "vpn <log>"}]
    await world.playground.send_event({**message, "ts": "1790000000.000100", "files": files})
    await world.playground.wait_for(lambda: world.model.seen)
    assert world.model.seen == ["vpn &lt;log&gt;"]


async def test_an_apps_post_is_read_only_where_the_operator_chose_it(sqlite_url: str):
    async with make_world(sqlite_url, accept_apps=("A0WORKFLOW", "B0OTHER")) as world:
        form = await world.playground.submit_workflow_form(HELP, FORM)
        assert "my vpn drops every hour" in await seen(world, form, "Network")
        team = world.playground.state.channel("team-network").id
        assert "new ticket from an app" in text_of(world.playground.messages(team)[-1])
        post = await world.say(
            "New request",
            user=OTHER_BOT,
            attachments=[{"title": "Request 7", "text": "my password", "fallback": "Request 7"}],
        )
        assert await seen(world, post, "Sign-in") == "New request\nRequest 7\nmy password"
        assert await world.tickets() == 2


async def test_apps_are_not_read_where_nobody_chose_them(world: World):
    await world.playground.submit_workflow_form(HELP, FORM)
    await world.say("my password", user=OTHER_BOT)
    await world.delivered("event", "message", 2)
    assert await world.tickets() == 0


@pytest.mark.parametrize("chosen", ["A0FPOST", "B0FPOST", BOT])
async def test_the_bot_never_answers_itself(sqlite_url: str, chosen: str):
    async with make_world(
        sqlite_url, accept_apps=(chosen,), support_channels=(HELP, "team-network")
    ) as world:
        await world.card(await world.say("my vpn drops"))
        await world.quiet()
        own = {"user": BOT, "bot_id": "B0FPOST", "app_id": "A0FPOST", "channel": HELP, "text": "vpn"}
        # another app's event about our post, which Bolt does not know for ours
        await world.playground.send_event({"type": "message", "ts": "1790000000.000100", **own})
        await world.quiet()
        assert await world.tickets() == 1


async def test_a_preview_of_a_link_changes_nothing(world: World):
    ts = await world.say("see https://status.example/vpn please")
    await world.card(ts)
    await world.playground.unfurl(HELP, ts, "https://status.example/vpn", "Status", "the invoice was paid")
    await world.delivered("event", "message", 3)
    await world.quiet()
    assert len(world.model.seen) == 1
