"""`/categories` in a browser: the card, a modal that refuses and takes, the new category on a card."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.factories.world import ANNA, HELP, make_world


async def test_an_admin_adds_a_category_on_the_page(page: Page, sqlite_url: str) -> None:
    async with make_world(sqlite_url) as world:
        await page.goto(f"{world.playground.url}/?team=T0ACME&user={ANNA}&channel={HELP}")
        composer = page.get_by_test_id("composer")
        await composer.fill("/categories")
        await composer.press("Enter")
        await page.locator("[data-action-id=category_add]").click()
        modal = page.get_by_test_id("modal")
        await modal.locator("[data-action-id=name]").fill("Doors")
        await modal.locator("[data-action-id=emoji]").fill("key")
        await modal.locator("[data-action-id=examples]").fill("my badge is lost\nthe door is shut")
        identity = world.playground.state.channel("team-identity").id
        await modal.locator("[data-action-id=destination]").select_option(identity)
        await page.get_by_test_id("modal-submit").click()
        wrong = modal.locator(".input-error:visible")
        await expect(wrong).to_have_text("Sign-in has that emoji already. Take another one.")
        await modal.locator("[data-action-id=emoji]").fill("door")
        await page.get_by_test_id("modal-submit").click()
        await expect(modal).to_have_count(0)
        await expect(
            page.get_by_test_id("messages").get_by_text("Added Doors with 2 labels.")
        ).to_be_visible()
        async with world.database.reader() as work:
            row = await work.categories.get(team_id="T0ACME", slug="doors")
        assert row is not None
        assert row.destination == "team-identity"


async def test_a_menu_of_the_card_opens_a_filled_modal(page: Page, sqlite_url: str) -> None:
    async with make_world(sqlite_url) as world:
        await page.goto(f"{world.playground.url}/?team=T0ACME&user={ANNA}&channel={HELP}")
        composer = page.get_by_test_id("composer")
        await composer.fill("/categories")
        await composer.press("Enter")
        menu = page.locator("[data-block-id='category:network'] select")
        await menu.select_option("rename:network")
        modal = page.get_by_test_id("modal")
        await expect(modal.locator("[data-action-id=name]")).to_have_value("Network")
        await modal.locator("[data-action-id=name]").fill("Connections")
        await page.get_by_test_id("modal-submit").click()
        await expect(
            page.get_by_test_id("messages").get_by_text("Saved: Connections, formerly Network.")
        ).to_be_visible()
