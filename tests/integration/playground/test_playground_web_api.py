"""The Web API as Slack's own client meets it."""

import asyncio
import functools

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from playground import Playground
from tests.factories.scripted_apps import client_of

HELP = "C0HELP"


async def refused(call) -> str:
    """The error code of a call that Slack refuses."""
    with pytest.raises(SlackApiError) as caught:
        await call
    return caught.value.response["error"]


def section(text: str) -> dict:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


async def test_a_token_decides_who_calls(playground, client):
    assert (await client.auth_test())["user_id"] == "U0FPOST"
    beta = AsyncWebClient(token="xoxb-playground-T0BETA", base_url=playground.api_url)
    assert (await beta.auth_test())["team_id"] == "T0BETA"
    assert (
        await refused(AsyncWebClient(token="xoxb-x", base_url=playground.api_url).auth_test())
        == "invalid_auth"
    )
    assert await refused(AsyncWebClient(base_url=playground.api_url).auth_test()) == "not_authed"


async def test_another_workspaces_channels_people_and_messages_are_not_there(playground):
    ts = await playground.post_message("U0SAM", HELP, "ours")
    beta = AsyncWebClient(token="xoxb-playground-T0BETA", base_url=playground.api_url)
    assert await refused(beta.chat_postMessage(channel=HELP, text="hi")) == "channel_not_found"
    assert await refused(beta.conversations_replies(channel=HELP, ts=ts)) == "channel_not_found"
    assert await refused(beta.users_info(user="U0SAM")) == "user_not_found"


async def test_a_missing_scope_is_named(playground, client):
    playground.app.installations["T0ACME"].scopes.discard("chat:write")
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=HELP, text="hi")
    assert caught.value.response["error"] == "missing_scope"
    assert caught.value.response["needed"] == "chat:write"


async def test_posting_needs_membership_or_the_public_scope(playground, client):
    assert await refused(client.chat_postMessage(channel="C0RANDOM", text="hi")) == "not_in_channel"
    playground.app.installations["T0ACME"].scopes.add("chat:write.public")
    await client.chat_postMessage(channel="C0RANDOM", text="hi")
    await client.conversations_join(channel="C0RANDOM")
    assert (await client.conversations_info(channel="C0RANDOM"))["channel"]["is_member"]


async def test_text_is_needed_cut_and_limited(playground, client):
    assert (
        await refused(client.api_call("chat.postMessage", json={"channel": HELP, "text": " "})) == "no_text"
    )
    posted = await client.chat_postMessage(channel=HELP, text="x" * 40_001)
    assert len(posted["message"]["text"]) == 40_000
    update = client.chat_update(channel=HELP, ts=posted["ts"], text="x" * 4_001)
    assert await refused(update) == "msg_too_long"


async def test_an_update_without_blocks_removes_them(playground, client):
    posted = await client.chat_postMessage(channel=HELP, text="a", blocks=[section("a")])
    assert playground.messages(HELP)[0]["blocks"]
    await client.chat_update(channel=HELP, ts=posted["ts"], text="b")
    assert "blocks" not in playground.messages(HELP)[0]


async def test_only_own_messages_can_be_changed(playground, client):
    ts = await playground.post_message("U0SAM", HELP, "mine")
    assert await refused(client.chat_update(channel=HELP, ts=ts, text="b")) == "cant_update_message"
    assert await refused(client.chat_delete(channel=HELP, ts=ts)) == "cant_delete_message"
    assert await refused(client.chat_update(channel=HELP, ts="1.000001", text="b")) == "message_not_found"


async def test_a_reply_goes_to_a_parent_never_to_a_reply(playground, client):
    ts = await playground.post_message("U0SAM", HELP, "root")
    reply = await client.chat_postMessage(channel=HELP, text="r", thread_ts=ts)
    under_reply = client.chat_postMessage(channel=HELP, text="r", thread_ts=reply["ts"])
    assert await refused(under_reply) == "thread_not_found"
    found = await client.conversations_replies(channel=HELP, ts=reply["ts"])
    assert [message["ts"] for message in found["messages"]] == [ts, reply["ts"]]
    history = await client.conversations_history(channel=HELP)
    assert [message["ts"] for message in history["messages"]] == [ts]
    assert history["messages"][0]["reply_count"] == 1


async def test_history_goes_by_pages_and_bounds(playground, client):
    stamps = [await playground.post_message("U0SAM", HELP, str(n)) for n in range(5)]
    pages = [page["messages"] async for page in await client.conversations_history(channel=HELP, limit=2)]
    assert [[m["ts"] for m in page] for page in pages] == [stamps[:2:-1], stamps[2:0:-1], stamps[:1]]
    one = await client.conversations_history(channel=HELP, latest=stamps[2], inclusive=True, limit=1)
    assert one["messages"][0]["ts"] == stamps[2]
    after = await client.conversations_history(channel=HELP, oldest=stamps[3])
    assert [m["ts"] for m in after["messages"]] == [stamps[4]]


async def test_metadata_is_shown_to_those_who_ask(playground, client):
    metadata = {"event_type": "ticket", "event_payload": {"id": "1"}}
    posted = await client.chat_postMessage(channel=HELP, text="a", metadata=metadata)
    await client.chat_update(channel=HELP, ts=posted["ts"], text="b")
    plain = await client.conversations_history(channel=HELP)
    asked = await client.conversations_history(channel=HELP, include_all_metadata=True)
    assert "metadata" not in plain["messages"][0]
    assert asked["messages"][0]["metadata"] == metadata


async def test_mentions_in_posted_text_are_counted(playground, client):
    blocks = [section("<!here>"), {"type": "header", "text": {"type": "plain_text", "text": "<!everyone>"}}]
    await client.chat_postMessage(channel=HELP, text="&lt;!channel&gt; <@U0SAM>", blocks=blocks)
    assert playground.messages(HELP)[0]["mentions"] == ["@U0SAM", "!here"]
    assert playground.journal.find("api", "chat.postMessage")[0].mentions == ("@U0SAM", "!here")


async def test_an_ephemeral_reply_shows_only_in_an_active_thread_of_a_member(playground, client):
    ts = await playground.post_message("U0SAM", HELP, "root")
    await client.chat_postEphemeral(channel=HELP, user="U0SAM", text="lost", thread_ts=ts)
    assert playground.ephemerals("U0SAM") == []
    await client.chat_postMessage(channel=HELP, text="r", thread_ts=ts)
    shown = await client.chat_postEphemeral(channel=HELP, user="U0SAM", text="seen", thread_ts=ts)
    assert [m["text"] for m in playground.ephemerals("U0SAM")] == ["seen"]
    update = client.chat_update(channel=HELP, ts=shown["message_ts"], text="b")
    assert await refused(update) == "message_not_found"
    stranger = client.chat_postEphemeral(channel="C0BILLING", user="U0GUEST", text="x")
    assert await refused(stranger) == "user_not_in_channel"


async def test_reactions_are_unique_and_have_names(playground, client):
    ts = await playground.post_message("U0SAM", HELP, "root")
    await client.reactions_add(channel=HELP, timestamp=ts, name="thumbsup")
    assert await refused(client.reactions_add(channel=HELP, timestamp=ts, name="+1")) == "already_reacted"
    assert await refused(client.reactions_add(channel=HELP, timestamp=ts, name="No Way")) == "invalid_name"
    await client.reactions_remove(channel=HELP, timestamp=ts, name="+1")
    assert await refused(client.reactions_remove(channel=HELP, timestamp=ts, name="+1")) == "no_reaction"


async def test_a_rate_limit_says_when_to_come_back(playground, client):
    playground.faults.rate_limit("chat.postMessage", times=1, retry_after=1)
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=HELP, text="hi")
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "1"
    playground.faults.rate_limit("chat.postMessage", times=1, retry_after=0)
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=1))
    await client.chat_postMessage(channel=HELP, text="hi")
    assert [e.status for e in playground.journal.find("api", "chat.postMessage")] == [429, 429, 200]


async def test_an_outage_an_error_and_a_hanging_call(playground):
    client = AsyncWebClient(token=playground.app.token, base_url=playground.api_url, retry_handlers=[])
    playground.faults.http_status("*", 503)
    with pytest.raises(SlackApiError):
        await client.auth_test()
    playground.faults.fail("auth.test", "account_inactive")
    assert await refused(client.auth_test()) == "account_inactive"
    playground.faults.hang("chat.postMessage", 2.0)
    client.timeout = 0.5
    with pytest.raises(asyncio.TimeoutError):
        await client.chat_postMessage(channel=HELP, text="late")
    # The caller gave up, the message comes all the same: as with the real Slack.
    await playground.wait_for(lambda: playground.messages(HELP))


async def test_a_lost_answer_leaves_the_message_posted(playground):
    client = AsyncWebClient(token=playground.app.token, base_url=playground.api_url, retry_handlers=[])
    playground.faults.lose_answer("chat.postMessage")
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=HELP, text="posted")
    assert [m["text"] for m in playground.messages(HELP)] == ["posted"]


async def test_an_upload_is_looked_at_after_the_answer():
    look = asyncio.Event()
    async with Playground(sleep=lambda seconds: look.wait()) as playground:
        client = client_of(playground)
        ts = await playground.post_message("U0SAM", HELP, "root")
        done = await client.files_upload_v2(
            channel=HELP, thread_ts=ts, content=b"\x89PNG", filename="why.png", title="Why", alt_txt="words"
        )
        file_id = done["file"]["id"]
        assert done["file"]["mimetype"] == ""
        block = {"type": "image", "slack_file": {"id": file_id}, "alt_text": "words"}
        with_file = functools.partial(client.chat_postMessage, channel=HELP, text="x", blocks=[block])
        assert await refused(with_file()) == "invalid_blocks"
        look.set()
        shared = await playground.wait_for(lambda: playground.thread(HELP, ts))
        assert shared[0]["subtype"] == "file_share"
        info = (await client.files_info(file=file_id))["file"]
        assert (info["mimetype"], info["alt_txt"]) == ("image/png", "words")
        await with_file()
        async with aiohttp.ClientSession() as session, session.get(info["url_private"]) as response:
            assert await response.read() == b"\x89PNG"


async def test_a_home_tab_has_a_hash_against_races(playground, client):
    view = {"type": "home", "blocks": [section("hello")]}
    first = await client.views_publish(user_id="U0SAM", view=view)
    await client.views_publish(user_id="U0SAM", view=view, hash=first["view"]["hash"])
    stale = client.views_publish(user_id="U0SAM", view=view, hash=first["view"]["hash"])
    assert await refused(stale) == "hash_conflict"
    assert playground.home("U0SAM")["blocks"] == [section("hello")]


async def test_lists_people_and_links(playground, client):
    names = {c["name"] for c in (await client.conversations_list())["channels"]}
    assert names == {"help-desk", "random", "billing"}
    assert "U0FPOST" in (await client.conversations_members(channel=HELP))["members"]
    assert (await client.users_info(user="U0GUEST"))["user"]["is_restricted"]
    ts = await playground.post_message("U0SAM", HELP, "root")
    link = (await client.chat_getPermalink(channel=HELP, message_ts=ts))["permalink"]
    assert link == f"https://acme.slack.com/archives/C0HELP/p{ts.replace('.', '')}"
    opened = await client.conversations_open(users="U0SAM")
    await client.chat_postMessage(channel=opened["channel"]["id"], text="hi")
    assert await refused(client.api_call("no.such")) == "unknown_method"


async def test_form_bodies_work_like_json(playground):
    form = {"channel": HELP, "text": "x", "blocks": '[{"type":"divider"}]', "token": playground.app.token}
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{playground.api_url}chat.postMessage", data=form) as response:
            assert (await response.json())["ok"]
        async with session.post(
            f"{playground.api_url}chat.postMessage", data=form | {"blocks": "["}
        ) as response:
            assert (await response.json())["error"] == "invalid_blocks_format"
    assert playground.app.token not in playground.journal.tail()


async def test_an_error_inside_the_playground_is_a_500_that_the_journal_keeps(
    playground, client, monkeypatch
):
    monkeypatch.setattr(playground.state, "direct", None)
    with pytest.raises(SlackApiError) as caught:
        await client.conversations_open(users="U0SAM")
    assert caught.value.response.status_code == 500
    assert playground.journal.find("api", "conversations.open")[0].status == 500
