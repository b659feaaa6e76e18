"""The JSON API that the page uses."""

import asyncio
import base64
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from tests.factories.scripted_apps import bolt_app, client_of, scripted, serving

HELP = "C0HELP"


class Page:
    """A browser, without the browser."""

    def __init__(self, playground, session):
        self.url = f"{playground.url}/playground/"
        self.session = session

    async def call(self, verb: str, path: str, body=None, **options) -> tuple[int, dict]:
        async with self.session.request(verb, self.url + path, json=body, **options) as response:
            return response.status, await response.json()

    async def state(self, user="U0SAM", team="T0ACME") -> dict:
        async with self.session.get(f"{self.url}state", params={"user": user, "team": team}) as response:
            return await response.json()

    def stream(self, user="U0SAM", team="T0ACME"):
        return self.session.ws_connect(f"{self.url}stream?team={team}&user={user}")


@pytest.fixture
async def page(playground) -> AsyncIterator[Page]:
    async with aiohttp.ClientSession() as session:
        yield Page(playground, session)


async def test_the_state_is_what_one_person_sees(playground, page):
    ts = await playground.post_message("U0SAM", HELP, "root")
    client = client_of(playground)
    await client.chat_postMessage(channel=HELP, text="reply", thread_ts=ts)
    await client.chat_postEphemeral(channel=HELP, user="U0SAM", text="for Sam")
    private = playground.add_channel("secret", ["U0ANNA"], private=True)
    sam, anna = await page.state(), await page.state("U0ANNA")
    assert [m["text"] for m in sam["messages"][HELP]] == ["root", "reply", "for Sam"]
    assert sam["messages"][HELP][2]["ephemeral"] is True
    assert len(anna["messages"][HELP]) == 2
    assert private not in {c["id"] for c in sam["channels"]}
    assert private in {c["id"] for c in anna["channels"]}
    assert sam["app"] == {"id": "A0FPOST", "name": "Fingerpost", "bot_user_id": "U0FPOST"}
    assert {"/why", "/retrain", "/categories"} <= {c["command"] for c in sam["commands"]}
    assert (sam["home"], sam["view"], sam["banner"]) == (None, None, None)
    assert {u["id"] for u in (await page.state("U0BEN", "T0BETA"))["users"]} >= {"U0BETTY", "U0FPOSTBETA"}


async def test_messages_reactions_and_edits_reach_open_pages_of_the_same_workspace(playground, page):
    async with page.stream() as sam, page.stream("U0BEN", "T0BETA") as ben:
        _, posted = await page.call("POST", "messages", {"user": "U0LENA", "channel": HELP, "text": "hi"})
        target = {"user": "U0LENA", "channel": HELP, "ts": posted["ts"]}
        await page.call("PATCH", "messages", target | {"text": "ho"})
        await page.call("POST", "reactions", target | {"name": "tada"})
        await page.call("POST", "reactions", target | {"name": "tada", "remove": True})
        await page.call("DELETE", "messages", target)
        await page.call("POST", "banner", {"text": "learning", "fraction": 0.5, "state": "working"})
        kinds = [(await sam.receive_json())["type"] for _ in range(6)]
        assert kinds == ["message", "message_changed", "reactions", "reactions", "message_deleted", "banner"]
        assert (await ben.receive_json())["type"] == "banner"
    assert (await page.state())["banner"]["fraction"] == 0.5
    await page.call("POST", "banner", None)
    assert (await page.state())["banner"] is None


async def test_an_ephemeral_goes_to_its_person_only(playground, page):
    async with page.stream("U0SAM") as sam, page.stream("U0LENA") as lena:
        await client_of(playground).chat_postEphemeral(channel=HELP, user="U0SAM", text="for Sam")
        await playground.post_message("U0SAM", HELP, "for all")
        assert [(await sam.receive_json())["type"] for _ in range(2)] == ["ephemeral", "message"]
        assert (await lena.receive_json())["message"]["text"] == "for all"


async def test_a_file_is_posted_and_served_without_running_it(playground, page):
    content = base64.b64encode(b"<svg onload=alert(1)>").decode()
    file = {"name": "x.svg", "content_base64": content, "mimetype": "image/svg+xml"}
    body = {"user": "U0SAM", "channel": HELP, "text": "", "file": file}
    await page.call("POST", "messages", body)
    message = playground.messages(HELP)[0]
    assert message["subtype"] == "file_share"
    async with page.session.get(message["files"][0]["url_private"]) as response:
        assert response.content_type == "application/octet-stream"
        assert response.headers["Content-Disposition"] == "attachment"
        assert await response.read() == b"<svg onload=alert(1)>"


async def test_commands_and_actions_answer_what_the_person_sees(playground, page):
    app = bolt_app(playground)

    @app.action("go")
    async def go(ack):
        await ack()

    text = {"type": "plain_text", "text": "Go"}
    block = {
        "type": "actions",
        "block_id": "b",
        "elements": [{"type": "button", "action_id": "go", "text": text}],
    }
    posted = await client_of(playground).chat_postMessage(channel=HELP, text="x", blocks=[block])
    action = {"user": "U0SAM", "channel": HELP, "ts": posted["ts"], "block_id": "b", "action_id": "go"}
    async with serving(playground, app.web_app("/slack/events")):
        assert await page.call("POST", "actions", action) == (200, {"ok": True})
        status, answer = await page.call("POST", "actions", action | {"action_id": "stop"})
        assert (status, answer["ok"]) == (404, False)
    command = {"user": "U0SAM", "channel": HELP, "command": "/why", "text": ""}
    _, answer = await page.call("POST", "commands", command)
    assert answer == {"ok": False, "error": "app_unreachable"}


async def test_faults_and_redeliveries_can_be_asked_for(playground, page):
    fault = {"kind": "fail", "method": "auth.test", "times": 1, "error": "fatal_error"}
    assert (await page.call("POST", "faults", fault))[0] == 200
    assert (await page.call("POST", "faults", fault | {"kind": "nonsense"}))[0] == 400
    answer = await client_of(playground).api_call("api.test")
    assert answer["ok"]
    app, seen = scripted(lambda request, body: web.Response())
    async with serving(playground, app):
        event_id = await playground.send_event({"type": "message"})
        await playground.wait_for(lambda: seen)
        assert (await page.call("POST", "redeliver", {"event_id": event_id}))[1]["ok"]
        assert (await page.call("POST", "redeliver", {"event_id": "Ev1"}))[0] == 404
    assert seen[1][0]["X-Slack-Retry-Num"] == "1"


async def test_the_journal_can_be_waited_for(playground, page):
    async def later() -> None:
        await playground.wait_for(lambda: playground.journal._waiting)
        await client_of(playground).auth_test()

    waiting = asyncio.create_task(later())
    async with page.session.get(f"{page.url}journal", params={"after": 0, "wait": 10}) as response:
        found = await response.json()
    await waiting
    assert [entry["method"] for entry in found["entries"]] == ["auth.test"]
    assert found["last"] == 1


async def test_mistakes_are_told(page):
    assert (await page.call("POST", "messages", {"user": "U0SAM"}))[0] == 400
    assert (await page.call("POST", "messages", [1]))[0] == 400
    assert (await page.call("POST", "messages", {"user": "U0X", "channel": HELP, "text": "x"}))[0] == 404
    assert (
        await page.call("POST", "reactions", {"user": "U0SAM", "channel": HELP, "ts": "1.1", "name": "x"})
    )[0] == 404


async def test_other_web_sites_cannot_get_in(page):
    body = {"user": "U0SAM", "channel": HELP, "text": "x"}
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        assert (await page.call("POST", "messages", body, headers=headers))[0] == 403
    own = {"Origin": page.url.removesuffix("/playground/")}
    assert (await page.call("POST", "messages", body, headers=own))[0] == 200
