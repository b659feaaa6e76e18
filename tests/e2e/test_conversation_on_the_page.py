"""A person at the page, the real bot behind it: post, read the card, correct by menu and emoji, ask why."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.factories.world import LENA, SAM, make_world


async def test_a_person_posts_corrects_and_asks_why_on_the_page(page: Page, sqlite_url: str):
    async with make_world(sqlite_url) as world:
        await page.goto(f"{world.playground.url}/?team=T0ACME&user={SAM}&channel=C0HELP")
        await page.get_by_test_id("composer").fill("my password does not work any more")
        await page.keyboard.press("Enter")
        message = page.get_by_test_id("messages").get_by_test_id("message").filter(has_text="my password")
        await message.get_by_test_id("thread-summary").click()
        thread = page.get_by_test_id("thread-messages")
        card = thread.get_by_test_id("message").filter(has_text="Sign-in").last
        await expect(card).to_contain_text("95%")
        await card.locator("[data-action-id=ticket_correct]").select_option(label="💳 Billing")
        await expect(thread).to_contain_text("Corrected by")
        await expect(thread).to_contain_text("Billing")
        ((category, user),) = await world.labels((await world.playground.wait_for(lambda: roots(world)))[0])
        assert (category, user) == ("billing", SAM)
        await page.get_by_test_id("composer").fill("/why last")
        await page.keyboard.press("Enter")
        answer = (
            page.get_by_test_id("messages")
            .get_by_test_id("message")
            .filter(has_text="Words that speak for it")
        )
        await expect(answer).to_contain_text("Only visible to you")
        await page.get_by_test_id("user-switch").select_option(LENA)
        await expect(page.get_by_test_id("messages")).not_to_contain_text("Words that speak for it")


def roots(world):
    return [
        m["ts"] for m in world.playground.messages("C0HELP") if m.get("user") == SAM and not m.get("subtype")
    ]
