"""The playground's page in a real browser, against the real playground; a few lines stand in for the app."""

from __future__ import annotations

import base64
import re
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect

from playground import Playground
from tests.factories.playground_page import HELP, TinyApp, bot, message, open_page, text

DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


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
    await expect(page.get_by_test_id("banner")).to_contain_text(re.compile(r"about (40|3\d) s left"))
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
