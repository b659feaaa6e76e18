"""A browser page for tests: Chromium, without a window, that loads nothing from outside."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import ConsoleMessage, Error, Page, Playwright, async_playwright, expect

from playground import Playground
from tests.factories.playground_page import TinyApp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 60_000
"""Milliseconds that a condition may take: where nothing is compiled or cached yet, the first page is slow."""

# Containers have neither the namespaces of the sandbox nor a large /dev/shm.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]


def chromium(playwright: Playwright) -> str:
    """Return the browser to use: CHROMIUM, one on the PATH, or the one that Playwright installed."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named
    for name in NAMES:
        if found := shutil.which(name):
            return found
    if Path(playwright.chromium.executable_path).is_file():
        return playwright.chromium.executable_path
    pytest.fail(
        "No Chromium was found. Install one (`apt-get install chromium`, or `playwright install chromium`), "
        "or name its program in the environment variable CHROMIUM."
    )


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """An empty page of 1280x800; the test fails if a script of the page did, or if its policy was broken."""
    mistakes: list[str] = []

    def script_failed(error: Error) -> None:
        mistakes.append(str(error))

    def logged(message: ConsoleMessage) -> None:
        if message.type == "error" and "Content Security Policy" in message.text:
            mistakes.append(message.text)

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(playwright), args=ARGUMENTS)
        try:
            context = await browser.new_context(viewport={"width": 1280, "height": 800})
            context.set_default_timeout(PATIENCE)
            expect.set_options(timeout=PATIENCE)
            opened = await context.new_page()
            opened.on("pageerror", script_failed)
            opened.on("console", logged)
            yield opened
        finally:
            await browser.close()
    assert not mistakes


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
