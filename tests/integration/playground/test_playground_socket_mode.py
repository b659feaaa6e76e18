"""Socket Mode with Slack's own client and Bolt's own handler."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError

from playground import Playground
from tests.factories.scripted_apps import bolt_app, client_of

HELP = "C0HELP"


@asynccontextmanager
async def connected(playground: Playground, app: AsyncApp) -> AsyncIterator[AsyncSocketModeHandler]:
    """Bolt's handler, connected; it looks after its connection every tenth of a second."""
    handler = AsyncSocketModeHandler(
        app, playground.app.app_token, web_client=client_of(playground), ping_interval=0.1
    )
    before = playground.socket_count
    await handler.connect_async()
    await playground.wait_for(lambda: playground.socket_count > before)
    try:
        yield handler
    finally:
        await handler.close_async()


@asynccontextmanager
async def raw_socket(playground: Playground) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A bare socket, which acknowledges nothing by itself."""
    opened = await client_of(playground).apps_connections_open(app_token=playground.app.app_token)
    async with aiohttp.ClientSession() as session, session.ws_connect(opened["url"]) as socket:
        yield socket


async def test_a_message_comes_over_the_socket_and_is_acknowledged(playground):
    app = bolt_app(playground)

    @app.event("message")
    async def on_message(event, client):
        if "bot_id" not in event:
            await client.chat_postMessage(channel=event["channel"], text="found", thread_ts=event["ts"])

    async with connected(playground, app):
        ts = await playground.post_message("U0SAM", HELP, "hello")
        await playground.wait_for(lambda: playground.thread(HELP, ts))
        await playground.wait_for(lambda: playground.delivery.pending == 0)
    outcomes = [entry.response for entry in playground.journal.find("event")]
    assert {(o["transport"], o["reason"]) for o in outcomes} == {("socket", None)}


async def test_commands_and_buttons_are_answered_in_the_acknowledgement(playground):
    app = bolt_app(playground)

    @app.command("/why")
    async def why(ack, command):
        await ack(f"payload {command['text']}")

    @app.action("go")
    async def go(ack, respond):
        await ack()
        await respond("went")

    text = {"type": "plain_text", "text": "Go"}
    block = {"type": "actions", "elements": [{"type": "button", "action_id": "go", "text": text}]}
    async with connected(playground, app):
        assert (await playground.run_command("U0SAM", HELP, "/why", "too large")).ok
        posted = await client_of(playground).chat_postMessage(channel=HELP, text="x", blocks=[block])
        assert (await playground.click("U0SAM", HELP, posted["ts"], "go")).ok
        await playground.wait_for(lambda: len(playground.ephemerals("U0SAM")) == 2)
    assert [m["text"] for m in playground.ephemerals("U0SAM")] == ["payload too large", "went"]


async def test_an_event_that_is_not_acknowledged_comes_again(playground):
    async with raw_socket(playground) as socket:
        hello = await socket.receive_json()
        assert (hello["type"], hello["num_connections"]) == ("hello", 1)
        await playground.post_message("U0SAM", HELP, "hello")
        first = await socket.receive_json()
        second = await socket.receive_json()
        await socket.send_json({"envelope_id": second["envelope_id"]})
        await playground.wait_for(lambda: playground.delivery.pending == 0)
    assert (first["type"], first["accepts_response_payload"]) == ("events_api", False)
    assert (first["retry_attempt"], second["retry_attempt"], second["retry_reason"]) == (0, 1, "timeout")
    assert first["envelope_id"] != second["envelope_id"]
    assert first["payload"]["event_id"] == second["payload"]["event_id"]


async def test_a_failing_listener_gets_the_event_again_with_its_number(playground):
    app = bolt_app(playground)
    numbers = []

    @app.event("message")
    async def on_message(request):
        numbers.append(request.headers.get("x-slack-retry-num"))
        if len(numbers) == 1:
            raise RuntimeError("the database is down")

    async with connected(playground, app):
        await playground.post_message("U0SAM", HELP, "hello")
        await playground.wait_for(lambda: len(numbers) == 2 and playground.delivery.pending == 0)
    assert numbers[0] in (None, ["0"])
    assert numbers[1] == ["1"]


async def test_a_refreshed_socket_comes_back_and_loses_nothing(playground):
    app = bolt_app(playground)
    heard = []

    @app.event("message")
    async def on_message(event):
        heard.append(event["text"])

    async with connected(playground, app):
        await playground.post_message("U0SAM", HELP, "before")
        await playground.wait_for(lambda: heard)
        await playground.drop_sockets()
        await playground.post_message("U0SAM", HELP, "between")
        await playground.wait_for(lambda: playground.socket_count == 1)
        await playground.post_message("U0SAM", HELP, "after")
        await playground.wait_for(lambda: {"before", "between", "after"} <= set(heard))


async def test_each_event_goes_to_one_of_the_connections(playground):
    async with raw_socket(playground) as one, raw_socket(playground) as other:
        for number, socket in enumerate((one, other), start=1):
            assert (await socket.receive_json())["num_connections"] == number
        await playground.wait_for(lambda: playground.socket_count == 2)
        got = []
        for socket in (other, one) * 2:
            await playground.post_message("U0SAM", HELP, "hello")
            envelope = await socket.receive_json()
            await socket.send_json({"envelope_id": envelope["envelope_id"]})
            got.append(envelope["payload"]["event_id"])
            await playground.wait_for(lambda: playground.delivery.pending == 0)
    assert len(set(got)) == 4


async def test_an_eleventh_connection_is_refused(playground):
    async with AsyncExitStack() as stack:
        for _ in range(10):
            socket = await stack.enter_async_context(raw_socket(playground))
            assert (await socket.receive_json())["type"] == "hello"
        await playground.wait_for(lambda: playground.socket_count == 10)
        extra = await stack.enter_async_context(raw_socket(playground))
        assert (await extra.receive_json())["reason"] == "too_many_websockets"


async def test_an_address_works_once_and_needs_the_app_token(playground):
    client = client_of(playground)
    with pytest.raises(SlackApiError, match="not_allowed_token_type"):
        await client.apps_connections_open(app_token=playground.app.token)
    url = (await client.apps_connections_open(app_token="xapp-playground"))["url"]
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as socket:
            await socket.receive_json()
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)


async def test_a_warning_announces_a_disconnect_and_keeps_the_socket(playground):
    async with raw_socket(playground) as socket:
        await socket.receive_json()
        await playground.wait_for(lambda: playground.socket_count == 1)
        await playground.drop_sockets("warning")
        assert (await socket.receive_json())["reason"] == "warning"
        assert playground.socket_count == 1
        async with asyncio.timeout(5):
            await playground.drop_sockets()
            assert (await socket.receive_json())["reason"] == "refresh_requested"
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
