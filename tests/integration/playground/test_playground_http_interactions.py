"""Commands, buttons, menus, modals and the home tab over HTTP, with their triggers and response URLs."""

from urllib.parse import parse_qs

import aiohttp
from aiohttp import web

from tests.factories.scripted_apps import bolt_app, client_of, scripted, serving

HELP = "C0HELP"


def button(action_id="confirm", value="7") -> dict:
    text = {"type": "plain_text", "text": "Yes"}
    return {
        "type": "actions",
        "elements": [{"type": "button", "action_id": action_id, "text": text, "value": value}],
    }


def menu() -> dict:
    option = {"text": {"type": "plain_text", "text": "Billing"}, "value": "billing"}
    element = {"type": "static_select", "action_id": "correct", "options": [option]}
    return {"type": "actions", "block_id": "b", "elements": [element]}


def modal(title="Fix", **fields) -> dict:
    element = {"type": "plain_text_input", "action_id": "text"}
    label = {"type": "plain_text", "text": "Why"}
    return {
        "type": "modal",
        "title": {"type": "plain_text", "text": title},
        "submit": {"type": "plain_text", "text": "Save"},
        "blocks": [{"type": "input", "block_id": "why", "label": label, "element": element}],
        **fields,
    }


async def test_a_command_is_answered_to_its_person_only(playground):
    app = bolt_app(playground)

    @app.command("/why")
    async def why(ack, command):
        await ack(f"because of {command['text']}")

    async with serving(playground, app.web_app("/slack/events")):
        result = await playground.run_command("U0SAM", HELP, "/why", "last")
    assert result.ok
    assert [m["text"] for m in playground.ephemerals("U0SAM")] == ["because of last"]
    assert playground.ephemerals("U0LENA") == playground.messages(HELP) == []


async def test_a_command_without_an_answer_shows_an_error_and_is_not_retried(playground):
    app, seen = scripted(lambda request, body: 5.0)
    async with serving(playground, app):
        assert (await playground.run_command("U0SAM", HELP, "/why")).error == "operation_timeout"
    assert len(seen) == 1
    assert playground.ephemerals("U0SAM")[0]["text"] == '/why failed with the error "operation_timeout"'
    app, _ = scripted(lambda request, body: web.Response(status=500))
    async with serving(playground, app):
        assert (await playground.run_command("U0SAM", HELP, "/why")).error == "dispatch_failed"
    assert (await playground.run_command("U0SAM", HELP, "/nope")).error == "invalid_command"


async def test_a_trigger_lives_three_seconds_and_works_once(playground, clock):
    app, seen = scripted(lambda request, body: web.Response())

    async def trigger() -> str:
        await playground.run_command("U0SAM", HELP, "/why")
        return parse_qs(seen[-1][1])["trigger_id"][0]

    client = _Lenient(playground)
    async with serving(playground, app):
        late = await trigger()
        clock.now += 3.1
        assert await client.open(late, modal()) == "expired_trigger_id"
        good = await trigger()
        clock.now += 2.9
        assert await client.open(good, modal()) is None
        assert await client.open(good, modal()) == "exchanged_trigger_id"
        assert await client.open("1.2.3", modal()) == "invalid_trigger_id"
    assert playground.view("U0SAM")["title"]["text"] == "Fix"


async def test_a_response_url_works_five_times_within_half_an_hour(playground, clock):
    app, seen = scripted(lambda request, body: web.Response())
    client = _Lenient(playground)
    async with serving(playground, app):
        await playground.run_command("U0SAM", HELP, "/why")
        url = parse_qs(seen[-1][1])["response_url"][0]
        statuses = [await client.respond(url, {"text": str(n)}) for n in range(6)]
        await playground.run_command("U0SAM", HELP, "/why")
        url = parse_qs(seen[-1][1])["response_url"][0]
        clock.now += 30 * 60 + 1
        statuses.append(await client.respond(url, {"text": "late"}))
    assert statuses == [200] * 5 + [404, 404]
    assert len(playground.ephemerals("U0SAM")) == 5


async def test_a_button_of_a_message_can_replace_the_message(playground):
    app = bolt_app(playground)
    pressed = []

    @app.action("confirm")
    async def confirm(ack, action, respond, body):
        await ack()
        pressed.append((action["value"], body["user"]["id"], body["container"]["message_ts"]))
        await respond(text="done", replace_original=True)

    async with serving(playground, app.web_app("/slack/events")):
        posted = await client_of(playground).chat_postMessage(channel=HELP, text="sure?", blocks=[button()])
        assert (await playground.click("U0SAM", HELP, posted["ts"], "confirm")).ok
        await playground.wait_for(lambda: playground.messages(HELP)[0]["text"] == "done")
    assert pressed == [("7", "U0SAM", posted["ts"])]
    assert "blocks" not in playground.messages(HELP)[0]


async def test_a_menu_gives_the_chosen_option(playground):
    app = bolt_app(playground)
    chosen = []

    @app.action("correct")
    async def correct(ack, action, body):
        await ack()
        chosen.append((action["selected_option"]["value"], list(body["state"]["values"]["b"])))

    async with serving(playground, app.web_app("/slack/events")):
        posted = await client_of(playground).chat_postMessage(channel=HELP, text="which?", blocks=[menu()])
        assert (await playground.click("U0SAM", HELP, posted["ts"], "correct", selected_option="billing")).ok
    assert chosen == [("billing", ["correct"])]


async def test_a_modal_opens_refuses_and_closes(playground):
    app = bolt_app(playground)

    @app.command("/categories")
    async def categories(ack, client, body):
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=modal(callback_id="fix"))

    @app.view("fix")
    async def fix(ack, view):
        if view["state"]["values"]["why"]["text"]["value"] == "":
            await ack(response_action="errors", errors={"why": "say why"})
        else:
            await ack()

    def values(text: str) -> dict:
        return {"why": {"text": {"type": "plain_text_input", "value": text}}}

    async with serving(playground, app.web_app("/slack/events")):
        await playground.run_command("U0SAM", HELP, "/categories")
        view_id = playground.view("U0SAM")["id"]
        answer = await playground.submit_view("U0SAM", view_id, values(""))
        assert answer.body["errors"] == {"why": "say why"}
        assert playground.view("U0SAM") is not None
        assert (await playground.submit_view("U0SAM", view_id, values("because"))).ok
    assert playground.view("U0SAM") is None


async def test_opening_the_home_tab_brings_the_view_that_was_published(playground):
    app = bolt_app(playground)
    opened = []

    @app.event("app_home_opened")
    async def home(event, client):
        opened.append(event)
        view = {"type": "home", "blocks": [button("retrain")]}
        await client.views_publish(user_id=event["user"], view=view)

    @app.action("retrain")
    async def retrain(ack, body):
        await ack()
        opened.append(body["view"])

    async with serving(playground, app.web_app("/slack/events")):
        await playground.open_home("U0ANNA")
        view = await playground.wait_for(lambda: playground.home("U0ANNA"))
        await playground.open_home("U0ANNA")
        await playground.wait_for(lambda: len(opened) == 2)
        assert (await playground.click_view("U0ANNA", view["id"], "retrain")).ok
    assert "view" not in opened[0]
    assert opened[1]["view"]["id"] == opened[2]["id"] == view["id"]


class _Lenient:
    """A bare HTTP client: answers with error codes instead of exceptions."""

    def __init__(self, playground):
        self._playground = playground

    async def call(self, method: str, **arguments) -> dict:
        headers = {"Authorization": f"Bearer {self._playground.app.token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.post(self._playground.api_url + method, json=arguments) as response,
        ):
            return await response.json()

    async def open(self, trigger_id: str, view: dict) -> str | None:
        return (await self.call("views.open", trigger_id=trigger_id, view=view)).get("error")

    async def respond(self, url: str, body: dict) -> int:
        async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
            return response.status
