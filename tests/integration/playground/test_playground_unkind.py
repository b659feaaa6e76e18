"""Slack at its unkindest: errors after the call was done, limits by tier, pages, channels that change."""

from __future__ import annotations

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from playground.limits import TIERS, Early

HELP = "C0HELP"


@pytest.fixture
def client(client):
    client.retry_handlers = []
    return client


@pytest.mark.parametrize("error", ["fatal_error", "internal_error", "service_unavailable"])
async def test_an_error_may_come_after_the_message_was_posted(playground, client, error: str):
    playground.faults.fail("chat.postMessage", error, done=True)
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=HELP, text="posted")
    assert caught.value.response["error"] == error
    assert [m["text"] for m in playground.messages(HELP)] == ["posted"]


async def test_so_may_a_503(playground, client):
    playground.faults.http_status("chat.postMessage", 503, done=True)
    with pytest.raises(SlackApiError):
        await client.chat_postMessage(channel=HELP, text="posted")
    assert [m["text"] for m in playground.messages(HELP)] == ["posted"]


async def test_a_reset_may_come_before_anything_was_done(playground, client):
    playground.faults.reset("chat.postMessage", times=2)
    for _ in range(2):
        with pytest.raises(aiohttp.ClientError):
            await client.chat_postMessage(channel=HELP, text="lost")
    await client.chat_postMessage(channel=HELP, text="posted")
    assert [m["text"] for m in playground.messages(HELP)] == ["posted"]


async def test_a_tier_is_so_many_calls_a_minute(playground, client, clock):
    playground.limits.per_minute.update(TIERS)
    for _ in range(20):
        await client.conversations_list()
    with pytest.raises(SlackApiError) as caught:
        await client.conversations_list()
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "60"
    await client.users_conversations()  # another method's limit is its own
    clock.now += 60
    await client.conversations_list()
    assert playground.limits.early == []


async def test_a_channel_takes_a_post_a_second_and_others_go_on(playground, client):
    playground.limits.per_minute["chat.postMessage"] = 2
    for _ in range(2):
        await client.chat_postMessage(channel=HELP, text="hi")
    with pytest.raises(SlackApiError):
        await client.chat_postMessage(channel=HELP, text="hi")
    billing = playground.state.channel("billing").id
    playground.limits.grace = 0
    await client.chat_postMessage(channel=billing, text="hi")


async def test_who_calls_before_retry_after_is_noted(playground, client, clock):
    playground.faults.rate_limit("users.info", retry_after=5)
    with pytest.raises(SlackApiError):
        await client.users_info(user="U0SAM")
    clock.now += 3
    await client.users_info(user="U0SAM")
    clock.now += 3
    await client.users_info(user="U0SAM")
    assert playground.limits.early == [Early("T0ACME", "users.info", 2.0)]


async def test_a_threads_pages_begin_with_its_parent_and_hold_while_more_is_posted(playground, client):
    root = await playground.post_message("U0SAM", HELP, "root")
    stamps = [await playground.post_message("U0SAM", HELP, str(n), root) for n in range(3)]
    first = await client.conversations_replies(channel=HELP, ts=root, limit=2)
    assert [m["ts"] for m in first["messages"]] == [root, *stamps[:2]]
    stamps.append(await playground.post_message("U0SAM", HELP, "late", root))
    cursor = first["response_metadata"]["next_cursor"]
    second = await client.conversations_replies(channel=HELP, ts=root, limit=2, cursor=cursor)
    assert [m["ts"] for m in second["messages"]] == [root, *stamps[2:]]
    assert not second["has_more"]


async def test_history_does_not_shift_under_its_pages(playground, client):
    stamps = [await playground.post_message("U0SAM", HELP, str(n)) for n in range(4)]
    first = await client.conversations_history(channel=HELP, limit=2)
    await playground.post_message("U0SAM", HELP, "late")
    cursor = first["response_metadata"]["next_cursor"]
    second = await client.conversations_history(channel=HELP, limit=2, cursor=cursor)
    assert [m["ts"] for m in second["messages"]] == stamps[1::-1]


async def test_the_bot_asks_for_the_channels_it_is_in(playground, client):
    for number in range(300):
        playground.add_channel(f"room-{number}", ["U0SAM"])
    hidden = playground.add_channel("secret", ["U0SAM"], private=True)
    mine = {c["name"] for c in (await client.users_conversations(limit=999))["channels"]}
    assert mine == {"help-desk", "billing"}
    answer = await client.users_conversations(user="U0SAM", limit=999, types="public_channel,private_channel")
    assert len(answer["channels"]) == 303
    assert hidden not in {c["id"] for c in answer["channels"]}


async def test_channels_are_renamed_archived_and_left(playground, client):
    billing = playground.state.channel("billing").id
    playground.rename_channel(billing, "money")
    assert (await client.conversations_info(channel=billing))["channel"]["name"] == "money"
    playground.archive_channel(billing)
    assert (await client.users_conversations(exclude_archived=True))["channels"][0]["id"] == HELP
    with pytest.raises(SlackApiError, match="is_archived"):
        await client.chat_postMessage(channel=billing, text="hi")
    playground.archive_channel(billing, archived=False)
    await playground.leave("U0FPOST", billing)
    with pytest.raises(SlackApiError, match="not_in_channel"):
        await client.chat_postMessage(channel=billing, text="hi")
