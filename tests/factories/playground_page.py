"""The playground's page in a browser, for tests, and a few lines that stand in for the app."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web
from playwright.async_api import Locator, Page, expect
from slack_sdk.web.async_client import AsyncWebClient

from playground import Playground

HELP = "C0HELP"


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
