"""The whole story over HTTP: people post, correct, ask why and retrain, and each step must come true."""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx

T = TypeVar("T")
CHANNEL = "C0HELP"
SAM, ANNA = "U0SAM", "U0ANNA"
ANSWER_SECONDS = 30.0
TRAINING_SECONDS = 900.0

MESSAGES = {
    "login": "my authenticator app is gone with the old phone, how do I get new codes to sign in?",
    "billing": "We were charged twice for the March invoice, please refund the second payment",
    "network": "vpn drops every five minutes since this morning and internal hosts are unreachable",
    "hardware": "The battery of my laptop is swollen, the trackpad is lifting. I need a replacement.",
    "feature_request": "would be great to have a dark mode for the boards, any plans?",
    "printing_rooms": "Printer on floor 2 shows paper jam but there is no paper stuck anywhere",
}
# A name that only this company uses: nothing but people's corrections can teach where it belongs.
LESSON = "I need to install Zephyrum on my laptop, where do I find the installer?"
LESSON_AGAIN = "please help me install Zephyrum, I can't find the installer anywhere"
LESSON_CATEGORY = "onboarding"


class StoryFailed(Exception):
    """A step did not come true; the text says which and what was seen."""


class Story:
    """Acts as people do, through the playground's JSON API.

    Attributes:
        steps: name, seconds and what was answered, of each step so far.
    """

    def __init__(self, url: str, say: Callable[[str], None]) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=30)
        self._say = say
        self._last = 0
        self.steps: list[dict[str, Any]] = []

    async def close(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def play(self) -> None:
        """Play every step in order.

        Raises:
            StoryFailed: at the first step that does not come true.
        """
        await self._step("fine-tuned model live", self._fine_tuned)
        threads: dict[str, str] = {}
        for category, text in MESSAGES.items():
            await self._step(f"post: {category}", functools.partial(self._post, text, threads, category))
        await self._step("post: lesson", lambda: self._post(LESSON, threads, "lesson"))
        await self._step("correct by emoji", lambda: self._react(threads["network"], "shield", "Security"))
        await self._step(
            "correct by menu", lambda: self._choose(threads["lesson"], LESSON_CATEGORY, "Joiners and leavers")
        )
        await self._step("withdraw", lambda: self._withdraw(threads["network"], "shield"))
        await self._step("why last", self._why)
        await self._step("retrain", self._retrain)
        await self._step("post again", lambda: self._expect(LESSON, "Joiners and leavers"))
        await self._step("post a paraphrase", lambda: self._expect(LESSON_AGAIN, "Joiners and leavers"))

    async def _step(self, name: str, action: Callable[[], Awaitable[Any]]) -> None:
        started = time.monotonic()
        try:
            answer = await action()
        except StoryFailed as failure:
            raise StoryFailed(f"{name}: {failure}") from failure
        except httpx.HTTPError as error:
            raise StoryFailed(f"{name}: {error}") from error
        seconds = round(time.monotonic() - started, 2)
        self.steps.append({"name": name, "seconds": seconds, "answered": answer})
        self._say(f"{name}: {str(answer)[:110]}  [dim]({seconds} s)[/dim]")

    async def _fine_tuned(self) -> str:
        """Wait until the banner says that the fine-tune is over, unless one was live from the start."""

        def over(state: dict[str, Any]) -> str | None:
            banner = state.get("banner")
            if banner is None or banner.get("state") == "done":
                return "live from the start" if banner is None else str(banner["text"])
            if banner.get("state") == "error":
                raise StoryFailed(str(banner["text"]))
            return None

        return await self._until(over, TRAINING_SECONDS)

    async def _post(self, text: str, threads: dict[str, str], name: str) -> str:
        ts = await self._send(text)
        threads[name] = ts
        return _headline(await self._card(ts))

    async def _expect(self, text: str, category: str) -> str:
        headline = _headline(await self._card(await self._send(text)))
        if category not in headline:
            raise StoryFailed(f"expected {category}, but was answered: {headline}")
        return headline

    async def _send(self, text: str) -> str:
        answer = await self._call("POST", "/playground/messages", user=SAM, channel=CHANNEL, text=text)
        return str(answer["ts"])

    async def _react(self, ts: str, emoji: str, category: str) -> str:
        await self._call("POST", "/playground/reactions", user=SAM, channel=CHANNEL, ts=ts, name=emoji)
        card = await self._card(ts, lambda text: "Corrected by" in text and category in text)
        return _headline(card)

    async def _withdraw(self, ts: str, emoji: str) -> str:
        await self._call(
            "POST", "/playground/reactions", user=SAM, channel=CHANNEL, ts=ts, name=emoji, remove=True
        )
        return _headline(await self._card(ts, lambda text: "Corrected by" not in text))

    async def _choose(self, ts: str, slug: str, category: str) -> str:
        card = await self._card(ts)
        for block in card["blocks"]:
            for element in block.get("elements", []):
                for option in element.get("options", []):
                    if option["value"].endswith(f":{slug}"):
                        await self._call(
                            "POST",
                            "/playground/actions",
                            user=ANNA,
                            channel=CHANNEL,
                            ts=card["ts"],
                            block_id=block["block_id"],
                            action_id=element["action_id"],
                            selected_option={"text": option["text"], "value": option["value"]},
                        )
                        found = await self._card(ts, lambda text: "Corrected by" in text and category in text)
                        return _headline(found)
        raise StoryFailed(f"the card's menu has no {slug}")

    async def _why(self) -> str:
        await self._call(
            "POST", "/playground/commands", user=SAM, channel=CHANNEL, command="/why", text="last"
        )

        def answered(state: dict[str, Any]) -> str | None:
            private = [
                m for m in state["messages"][CHANNEL] if m.get("ephemeral") and m["text"].startswith("Why:")
            ]
            return _headline(private[-1]) if private else None

        return await self._until(answered, ANSWER_SECONDS)

    async def _retrain(self) -> str:
        await self._call(
            "POST", "/playground/commands", user=ANNA, channel=CHANNEL, command="/retrain", text=""
        )

        def done(state: dict[str, Any]) -> str | None:
            for message in reversed(state["messages"][CHANNEL]):
                if message.get("text", "").startswith("Retraining done"):
                    return _headline(message)
                if message.get("text", "").startswith("The model stays"):
                    raise StoryFailed(_headline(message))
            return None

        return await self._until(done, TRAINING_SECONDS, user=ANNA)

    async def _card(self, ts: str, wanted: Callable[[str], bool] = lambda _text: True) -> dict[str, Any]:
        def find(state: dict[str, Any]) -> dict[str, Any] | None:
            for message in state["messages"][CHANNEL]:
                is_reply = message.get("thread_ts") == ts and message["ts"] != ts and message.get("blocks")
                if is_reply and wanted(_text(message)):
                    return dict(message)
            return None

        return await self._until(find, ANSWER_SECONDS)

    async def _until(self, look: Callable[[dict[str, Any]], T | None], seconds: float, user: str = SAM) -> T:
        """Look at the workspace after each journal entry until `look` finds what it wants."""
        deadline = time.monotonic() + seconds
        while True:
            state = (
                await self._http.get("/playground/state", params={"team": "T0ACME", "user": user})
            ).json()
            found = look(state)
            if found is not None:
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                raise StoryFailed(f"did not happen within {seconds:.0f} s")
            wait = {"after": self._last, "wait": min(left, 1.0)}
            journal = (await self._http.get("/playground/journal", params=wait)).json()
            self._last = journal["last"]

    async def _call(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        response = await self._http.request(method, path, json=body)
        answer: dict[str, Any] = response.json()
        if response.is_error or answer.get("ok") is False:
            raise StoryFailed(f"{method} {path} answered {response.status_code}: {answer}")
        return answer


def _text(message: dict[str, Any]) -> str:
    """Return all text of a message's sections."""
    sections = [
        block["text"]["text"] for block in message.get("blocks") or [] if isinstance(block.get("text"), dict)
    ]
    return "\n".join([message.get("text", ""), *sections])


def _headline(message: dict[str, Any]) -> str:
    """Return a message's first two lines of text."""
    return " / ".join(_text(message).splitlines()[1:3])
