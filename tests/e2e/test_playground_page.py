"""The playground's page in a real browser, against the real playground; a few lines stand in for the app."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Locator, Page, expect
from slack_sdk.web.async_client import AsyncWebClient

from bot.playground import Playground

HELP = "C0HELP"


DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class TinyApp:
    """Acknowledges everything; `answers` maps a payload's type to the JSON of its acknowledgement."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.answers: dict[str, Any] = {}

    async def handle(self, request: web.Request) -> web.Response:
        form = await request.post() if request.content_type != "application/json" else {}
        if "payload" not in form:
            return web.Response()
        payload = json.loads(str(form["payload"]))
        self.received.append(payload)
        answer = self.answers.get(payload["type"])
        return web.json_response(answer) if answer else web.Response()

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [payload for payload in self.received if payload["type"] == kind]


@pytest.fixture
async def playground() -> AsyncIterator[Playground]:
    async with Playground(channels=["printing"]) as workspace:
        yield workspace


@pytest.fixture
async def app(playground: Playground) -> AsyncIterator[TinyApp]:
    tiny = TinyApp()
    served = web.Application()
    served.router.add_post("/slack/events", tiny.handle)
    async with TestServer(served) as server:
        playground.app.request_url = str(server.make_url("/slack/events"))
        yield tiny


async def open_page(page: Page, playground: Playground, user: str = "U0SAM", channel: str = HELP) -> None:
    await page.goto(f"{playground.url}/?team=T0ACME&user={user}&channel={channel}")
    await expect(page.get_by_test_id("composer")).to_be_visible()


def bot(playground: Playground) -> AsyncWebClient:
    return AsyncWebClient(token=playground.app.token, base_url=playground.api_url)


def message(page: Page, text: str, pane: str = "messages") -> Locator:
    return page.get_by_test_id(pane).get_by_test_id("message").filter(has_text=text)


def text(words: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": words, "emoji": True}


def option(words: str, value: str) -> dict[str, Any]:
    return {"text": text(words), "value": value}


def button(action_id: str, words: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "button",
        "action_id": action_id,
        "text": text(words),
        "value": f"{action_id} value",
        **more,
    }


CARD = [
    {"type": "header", "text": text("Routed :printer:")},
    {"type": "section", "text": {"type": "mrkdwn", "text": "*Printing* → <#C0PRINTING>"}},
    {"type": "divider"},
    {
        "type": "actions",
        "block_id": "card",
        "elements": [
            button("confirm", "Right", style="primary"),
            button(
                "drop",
                "Drop",
                style="danger",
                confirm={
                    "title": text("Sure?"),
                    "text": text("It goes away."),
                    "confirm": text("Yes"),
                    "deny": text("No"),
                },
            ),
            {
                "type": "static_select",
                "action_id": "correct",
                "placeholder": text("Pick a category"),
                "options": [option(":key: Access", "access"), option("None", "none")],
            },
            {
                "type": "overflow",
                "action_id": "more",
                "options": [option("Mute", "mute"), option("Tell", "tell")],
            },
        ],
    },
    {"type": "context", "elements": [{"type": "mrkdwn", "text": ":x: none of these"}]},
]

MODAL = {
    "type": "modal",
    "callback_id": "add",
    "title": text("Add a category"),
    "submit": text("Save"),
    "blocks": [
        {
            "type": "input",
            "block_id": "name",
            "label": text("Name"),
            "element": {"type": "plain_text_input", "action_id": "typed"},
        },
        {
            "type": "input",
            "block_id": "team",
            "label": text("Team"),
            "element": {
                "type": "static_select",
                "action_id": "chosen",
                "options": [option("Network", "n"), option("Desk", "d")],
            },
        },
        {
            "type": "input",
            "block_id": "flags",
            "optional": True,
            "label": text("Flags"),
            "element": {
                "type": "checkboxes",
                "action_id": "ticked",
                "options": [option("Page them", "page")],
            },
        },
    ],
}


async def test_enter_posts_and_shift_enter_breaks_the_line(page: Page, playground: Playground) -> None:
    await open_page(page, playground)
    composer = page.get_by_test_id("composer")
    await composer.fill("first line")
    await composer.press("Shift+Enter")
    await composer.press_sequentially("second line")
    await composer.press("Enter")
    await expect(message(page, "second line")).to_be_visible()
    await expect(composer).to_have_value("")
    assert playground.messages(HELP)[-1]["text"] == "first line\nsecond line"


async def test_messages_of_others_appear_and_are_announced(page: Page, playground: Playground) -> None:
    await open_page(page, playground)
    await playground.post_message("U0ANNA", HELP, "The printer is *jammed* :printer:")
    row = message(page, "jammed")
    await expect(row.locator("strong")).to_have_text("jammed")
    await expect(row.get_by_role("img", name="printer")).to_have_text("🖨️")
    await expect(row.locator(".author")).to_have_text("Anna Admin")
    await expect(page.get_by_test_id("announcer")).to_contain_text("Anna Admin: The printer is jammed")


async def test_consecutive_messages_of_one_author_share_a_name(page: Page, playground: Playground) -> None:
    for words in ("one", "two"):
        await playground.post_message("U0ANNA", HELP, words)
    await playground.post_message("U0LENA", HELP, "three")
    await open_page(page, playground)
    await expect(page.get_by_test_id("message")).to_have_count(3)
    await expect(page.locator(".author")).to_have_text(["Anna Admin", "Lena Larsen"])


async def test_a_thread_opens_and_takes_replies(page: Page, playground: Playground) -> None:
    ts = await playground.post_message("U0LENA", HELP, "VPN is down")
    await open_page(page, playground)
    await message(page, "VPN is down").get_by_test_id("thread-open").click()
    pane = page.get_by_test_id("thread-pane")
    await expect(pane).to_contain_text("VPN is down")
    await page.get_by_test_id("thread-composer").fill("For me too")
    await page.get_by_test_id("thread-send").click()
    await expect(message(page, "For me too", "thread-messages")).to_be_visible()
    await expect(message(page, "For me too")).to_have_count(0)
    await expect(message(page, "VPN is down").get_by_test_id("thread-summary")).to_contain_text("1 reply")
    assert [reply["text"] for reply in playground.thread(HELP, ts)][-1] == "For me too"
    await page.get_by_test_id("thread-composer").press("Escape")
    await expect(pane).to_be_hidden()


async def test_the_picker_finds_an_emoji_and_a_click_takes_it_back(
    page: Page, playground: Playground
) -> None:
    ts = await playground.post_message("U0LENA", HELP, "Printer on fire")
    await playground.react("U0ANNA", HELP, ts, "printer")
    await open_page(page, playground)
    row = message(page, "Printer on fire")
    await row.get_by_test_id("reaction-add").click()
    await page.get_by_test_id("emoji-search").fill("printer")
    await page.get_by_test_id("emoji-printer").click()
    pill = row.get_by_test_id("reaction-printer")
    await expect(pill.locator(".count")).to_have_text("2")
    await expect(pill).to_have_attribute("aria-pressed", "true")
    await pill.click()
    await expect(pill).to_have_attribute("aria-pressed", "false")
    await expect(pill.locator(".count")).to_have_text("1")
    assert playground.messages(HELP)[-1]["reactions"][0]["users"] == ["U0ANNA"]


async def test_the_picker_works_from_the_keyboard(page: Page, playground: Playground) -> None:
    await playground.post_message("U0LENA", HELP, "Well done")
    await open_page(page, playground)
    add = message(page, "Well done").get_by_test_id("reaction-add")
    await add.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("emoji-search")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("emoji-search")).to_have_count(0)
    await expect(add).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.type("thumbsup")
    await page.keyboard.press("Enter")
    await expect(message(page, "Well done").get_by_test_id("reaction-+1")).to_be_visible()


async def test_a_slash_completes_commands_and_enter_runs_them(
    page: Page, playground: Playground, app: TinyApp
) -> None:
    await open_page(page, playground)
    composer = page.get_by_test_id("composer")
    await composer.press_sequentially("/wh")
    await expect(page.get_by_test_id("completion-option")).to_have_count(1)
    await composer.press("Tab")
    await expect(composer).to_have_value("/why ")
    await composer.press_sequentially("last")
    await composer.press("Enter")
    await playground.wait_for(lambda: playground.journal.find("command", "/why"))
    assert playground.journal.find("command", "/why")[0].request["text"] == "last"
    assert playground.messages(HELP) == []


async def test_a_failing_command_says_so_to_its_user_alone(page: Page, playground: Playground) -> None:
    await open_page(page, playground)
    await page.get_by_test_id("composer").fill("/retrain")
    await page.get_by_test_id("composer").press("Enter")
    row = message(page, "/retrain failed with the error")
    await expect(row).to_contain_text("Only visible to you")
    await row.get_by_test_id("dismiss").click()
    await expect(row).to_have_count(0)


async def test_unknown_commands_and_commands_in_threads_are_refused(
    page: Page, playground: Playground
) -> None:
    await playground.post_message("U0LENA", HELP, "hello")
    await open_page(page, playground)
    await page.get_by_test_id("composer").fill("/nope")
    await page.get_by_test_id("composer").press("Enter")
    await expect(page.get_by_test_id("composer-notice")).to_contain_text("/nope is not a valid command")
    await message(page, "hello").get_by_test_id("thread-open").click()
    await page.get_by_test_id("thread-composer").fill("/why")
    await page.get_by_test_id("thread-composer").press("Enter")
    await expect(page.get_by_test_id("thread-composer-notice")).to_contain_text("not supported in threads")
    assert not playground.journal.find("command")


async def test_buttons_menus_and_confirmations_reach_the_app(
    page: Page, playground: Playground, app: TinyApp
) -> None:
    await bot(playground).chat_postMessage(channel=HELP, text="card", blocks=CARD)
    await open_page(page, playground)
    row = message(page, "Routed")
    await expect(row.locator(".block-header")).to_have_text("Routed 🖨️")
    await expect(row.locator(".block-section")).to_contain_text("#printing")
    await expect(row.locator(".app-badge")).to_have_text("APP")

    await row.locator("[data-action-id=confirm]").click()
    await playground.wait_for(lambda: len(app.received) == 1)
    await row.locator("[data-action-id=correct]").select_option("access")
    await playground.wait_for(lambda: len(app.received) == 2)
    await row.locator("[data-action-id=more]").click()
    await page.get_by_role("menuitem", name="Tell").click()
    await playground.wait_for(lambda: len(app.received) == 3)
    await row.locator("[data-action-id=drop]").click()
    await page.get_by_test_id("confirm-no").click()
    await row.locator("[data-action-id=drop]").click()
    await page.get_by_test_id("confirm-yes").click()
    await playground.wait_for(lambda: len(app.received) == 4)

    confirm, correct, more, drop = (payload["actions"][0] for payload in app.received)
    assert (confirm["block_id"], confirm["value"]) == ("card", "confirm value")
    assert correct["selected_option"]["value"] == "access"
    assert more["selected_option"]["value"] == "tell"
    assert drop["action_id"] == "drop"


async def test_an_action_that_nobody_answers_is_reported(page: Page, playground: Playground) -> None:
    await bot(playground).chat_postMessage(channel=HELP, text="card", blocks=CARD)
    await open_page(page, playground)
    await page.locator("[data-action-id=confirm]").click()
    await expect(page.get_by_test_id("toast").first).to_be_visible()


async def test_an_update_of_the_app_replaces_the_card(page: Page, playground: Playground) -> None:
    posted = await bot(playground).chat_postMessage(channel=HELP, text="card", blocks=CARD)
    await open_page(page, playground)
    await expect(page.locator("[data-action-id=confirm]")).to_be_visible()
    await bot(playground).chat_update(channel=HELP, ts=posted["ts"], text="Confirmed by *Sam*")
    await expect(message(page, "Confirmed by Sam")).to_be_visible()
    await expect(page.locator("[data-action-id=confirm]")).to_have_count(0)


async def test_a_modal_is_filled_refused_and_accepted(
    page: Page, playground: Playground, app: TinyApp
) -> None:
    await bot(playground).chat_postMessage(channel=HELP, text="card", blocks=CARD)
    await open_page(page, playground)
    await page.locator("[data-action-id=confirm]").click()
    await playground.wait_for(lambda: app.received)
    await bot(playground).views_open(trigger_id=app.received[0]["trigger_id"], view=MODAL)

    modal = page.get_by_test_id("modal")
    await expect(modal).to_contain_text("Add a category")
    await page.get_by_test_id("modal-submit").click()
    await expect(modal.locator(".input-error:visible")).to_have_count(2)
    assert not app.of("view_submission")

    app.answers["view_submission"] = {"response_action": "errors", "errors": {"name": "That name is taken."}}
    await modal.locator("[data-action-id=typed]").fill("Billing")
    await modal.locator("[data-action-id=chosen]").select_option("d")
    await modal.get_by_label("Page them").check()
    await page.get_by_test_id("modal-submit").click()
    await expect(modal.locator(".input-error:visible")).to_have_text("That name is taken.")
    await expect(modal.locator("[data-action-id=typed]")).to_have_value("Billing")

    app.answers.clear()
    await modal.locator("[data-action-id=typed]").fill("Invoices")
    await page.get_by_test_id("modal-submit").click()
    await expect(modal).to_have_count(0)
    values = app.of("view_submission")[-1]["view"]["state"]["values"]
    assert values["name"]["typed"] == {"type": "plain_text_input", "value": "Invoices"}
    assert values["team"]["chosen"]["selected_option"]["value"] == "d"
    assert [each["value"] for each in values["flags"]["ticked"]["selected_options"]] == ["page"]


async def test_escape_closes_a_modal_here_and_at_the_server(
    page: Page, playground: Playground, app: TinyApp
) -> None:
    await open_page(page, playground)
    trigger = await playground.run_command("U0SAM", HELP, "/categories")
    assert trigger.ok
    sent = playground.journal.find("command", "/categories")[0]
    await bot(playground).views_open(trigger_id=sent.request["trigger_id"], view=MODAL)
    await expect(page.get_by_test_id("modal")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("modal")).to_have_count(0)
    assert playground.view("U0SAM") is None


async def test_the_home_tab_shows_what_the_app_published(
    page: Page, playground: Playground, app: TinyApp
) -> None:
    await open_page(page, playground)
    await page.get_by_test_id("home").click()
    await playground.wait_for(lambda: playground.journal.find("event", "app_home_opened"))
    blocks = [
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": "*12* tickets"},
            "accessory": button("go", "Go"),
        }
    ]
    await bot(playground).views_publish(user_id="U0SAM", view={"type": "home", "blocks": blocks})
    await expect(page.get_by_test_id("home-view")).to_contain_text("12 tickets")
    await page.get_by_test_id("home-view").locator("[data-action-id=go]").click()
    await playground.wait_for(lambda: app.received)
    assert app.received[0]["actions"][0]["action_id"] == "go"


HOSTILE = [
    "<script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "[x](javascript:document.title='owned') javascript:document.title='owned'",
    '"><svg onload="document.title=\'owned\'">',
    "&lt;b&gt; stays & stays <b>",
]


@pytest.mark.parametrize("typed", HOSTILE)
async def test_hostile_text_stays_text(page: Page, playground: Playground, typed: str) -> None:
    ts = await playground.post_message("U0GUEST", HELP, typed)
    await bot(playground).chat_postMessage(
        channel=HELP,
        text="card",
        username=typed,
        blocks=[
            {"type": "header", "text": text(typed)},
            {"type": "section", "text": {"type": "mrkdwn", "text": f"{typed} <javascript:alert(1)|click>"}},
            {"type": "markdown", "text": typed},
        ],
    )
    await open_page(page, playground)
    row = page.locator(f"[data-ts='{ts}'] .text")
    await expect(row).to_have_text(typed)
    rows = page.get_by_test_id("messages")
    await expect(rows.locator(".block-header")).to_have_text(typed)
    await expect(rows.locator("script, svg:not(.icon), img:not(.avatar), .text b")).to_have_count(0)
    await expect(rows.locator("a[href^=javascript]")).to_have_count(0)
    assert "owned" not in await page.title()


async def test_a_mention_marks_the_other_channel_unread(page: Page, playground: Playground) -> None:
    await open_page(page, playground)
    await playground.post_message("U0ANNA", "C0RANDOM", "Lunch, @sam?")
    await expect(page.get_by_test_id("unread-random")).to_have_text("1")
    await page.get_by_test_id("channel-random").click()
    await expect(message(page, "Lunch").locator(".mention-me")).to_have_text("@Sam Support")
    await expect(page.get_by_test_id("unread-random")).to_have_count(0)


async def test_people_and_workspaces_switch(page: Page, playground: Playground) -> None:
    await open_page(page, playground)
    await page.get_by_test_id("user-switch").select_option("U0ANNA")
    await expect(page.locator(".acting .badge")).to_have_text("owner")
    await page.get_by_test_id("composer").fill("hi from Anna")
    await page.get_by_test_id("composer").press("Enter")
    await expect(message(page, "hi from Anna").locator(".author")).to_have_text("Anna Admin")
    await page.get_by_test_id("team-switch").select_option("T0BETA")
    await expect(page.get_by_test_id("user-switch")).to_have_value("U0BETTY")
    await expect(page.get_by_test_id("message")).to_have_count(0)
    assert playground.messages(HELP)[-1]["user"] == "U0ANNA"


async def test_edits_and_deletions_of_ones_own_messages(page: Page, playground: Playground) -> None:
    await playground.post_message("U0SAM", HELP, "The prnter & co, @anna")
    await open_page(page, playground)
    await message(page, "The prnter").get_by_test_id("message-edit").click()
    field = page.get_by_test_id("edit-field")
    await expect(field).to_have_value("The prnter & co, @anna")
    await field.fill("The printer & co, @anna")
    await field.press("Enter")
    row = message(page, "The printer & co")
    await expect(row).to_contain_text("(edited)")
    assert playground.messages(HELP)[-1]["text"] == "The printer &amp; co, <@U0ANNA>"
    await row.get_by_test_id("message-delete").click()
    await page.get_by_test_id("confirm-yes").click()
    await expect(page.get_by_test_id("message")).to_have_count(0)


async def test_a_picture_is_attached_and_shown(page: Page, playground: Playground) -> None:
    await open_page(page, playground)
    await page.get_by_test_id("file-input").set_input_files(
        {"name": "dot.png", "mimeType": "image/png", "buffer": DOT}
    )
    await expect(page.locator("#channel-view .chip")).to_contain_text("dot.png")
    await page.get_by_test_id("composer").press("Enter")
    picture = page.get_by_test_id("messages").locator("img.picture")
    await expect(picture).to_have_js_property("naturalWidth", 1)
    await expect(page.locator("#channel-view .chip")).to_be_hidden()
    assert playground.messages(HELP)[-1]["files"][0]["name"] == "dot.png"


async def test_a_picture_from_outside_is_described_instead_of_loaded(
    page: Page, playground: Playground
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    image = {"type": "image", "image_url": "https://pictures.invalid/why.png", "alt_text": "Words by weight"}
    await bot(playground).chat_postMessage(channel=HELP, text="why", blocks=[image])
    await page.goto(playground.url)
    await expect(page.locator(".image-missing")).to_contain_text("Words by weight")
    assert all(urlsplit(url).hostname == "127.0.0.1" for url in asked)


async def test_the_banner_shows_progress_and_goes_away(page: Page, playground: Playground) -> None:
    playground.set_banner({"text": "Training", "fraction": 0.25, "eta_seconds": 40, "state": "working"})
    await open_page(page, playground)
    await expect(page.get_by_test_id("banner")).to_contain_text("about 40 s left")
    await expect(page.get_by_test_id("banner-progress")).to_have_attribute("aria-valuenow", "25")
    playground.set_banner(None)
    await expect(page.get_by_test_id("banner")).to_be_hidden()


async def test_a_lost_connection_is_said_and_what_was_missed_is_fetched(
    page: Page, playground: Playground
) -> None:
    await open_page(page, playground)
    await playground.post_message("U0ANNA", HELP, "before")
    await expect(message(page, "before")).to_be_visible()
    port = urlsplit(playground.url).port
    await playground.stop()
    await expect(page.get_by_test_id("connection")).to_be_visible()
    await playground.post_message("U0ANNA", HELP, "meanwhile")
    await playground.start(port=port or 0)
    await expect(message(page, "meanwhile")).to_be_visible()
    await expect(page.get_by_test_id("connection")).to_be_hidden()
    await expect(message(page, "before")).to_have_count(1)


async def test_a_phone_sees_one_thing_at_a_time(page: Page, playground: Playground) -> None:
    await playground.post_message("U0LENA", HELP, "a" * 300)
    await page.set_viewport_size({"width": 400, "height": 800})
    await open_page(page, playground)
    await expect(page.get_by_test_id("channel-random")).not_to_be_in_viewport()
    await page.get_by_role("button", name="Channels and people").click()
    await page.get_by_test_id("channel-random").click()
    await expect(page.get_by_role("heading", name="random").first).to_be_visible()
    await expect(page.get_by_test_id("channel-random")).not_to_be_in_viewport()
    assert await page.evaluate("document.documentElement.scrollWidth") == 400
