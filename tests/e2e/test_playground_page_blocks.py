"""Cards, menus, modals and the home tab on the playground's page, in a real browser."""

from __future__ import annotations

from playwright.async_api import Page, expect

from playground import Playground
from tests.factories.playground_page import HELP, TinyApp, bot, button, message, open_page, option, text

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
