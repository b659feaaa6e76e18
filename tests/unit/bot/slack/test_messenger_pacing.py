"""About one post a second in a channel, after a short burst."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.web.async_client import AsyncWebClient

from bot.blocks.common import Card
from bot.slack.messenger import BURST, SECONDS_PER_POST, Messenger
from tests.factories.rows import HELP
from tests.factories.slack_api import TOKEN

CARD = Card("hello", [])


class Answered:
    """What the SDK returns of a post."""

    data: dict[str, Any] = {"ok": True, "ts": "1790000001.000100"}  # noqa: RUF012 - never changed


class Client(AsyncWebClient):
    """The SDK's client without the network."""

    async def chat_postMessage(self, **_fields: Any) -> Answered:  # type: ignore[override]  # noqa: N802
        return Answered()


@dataclass
class Time:
    """A clock that only sleeping moves."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def paced(time: Time) -> Messenger:
    return Messenger(Client(token=TOKEN), monotonic=lambda: time.now, sleep=time.sleep)


async def posted_at(messenger: Messenger, time: Time, count: int, channel: str = HELP) -> list[float]:
    moments = []
    for _ in range(count):
        await messenger.post(channel, CARD)
        moments.append(time.now)
    return moments


async def test_a_short_burst_goes_out_at_once():
    time = Time()
    await posted_at(paced(time), time, BURST)
    assert time.slept == []


async def test_after_the_burst_it_is_one_a_second():
    time = Time()
    moments = await posted_at(paced(time), time, BURST + 11)
    assert moments[-1] - moments[-11] == 10 * SECONDS_PER_POST


async def test_channels_do_not_wait_for_each_other():
    time = Time()
    messenger = paced(time)
    await posted_at(messenger, time, BURST)
    await posted_at(messenger, time, BURST, "C0OTHER")
    assert time.slept == []


async def test_a_pause_gives_the_burst_back():
    time = Time()
    messenger = paced(time)
    await posted_at(messenger, time, BURST + 5)
    time.slept.clear()
    time.now += 60
    await posted_at(messenger, time, BURST)
    assert time.slept == []


@given(pauses=st.lists(st.floats(0, 3), min_size=1, max_size=40))
async def test_no_window_holds_more_than_its_seconds_and_the_burst(pauses: list[float]):
    time = Time()
    messenger, moments = paced(time), []
    for pause in pauses:
        time.now += pause
        moments += await posted_at(messenger, time, 1)
    for first, start in enumerate(moments):
        inside = [moment for moment in moments[first:] if moment - start <= 10]
        assert len(inside) <= 10 / SECONDS_PER_POST + BURST + 2
