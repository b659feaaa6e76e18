"""When Slack may be called: limits, the pace of posts and the breaker, for all processes of a database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.blocks.common import Card
from bot.errors import SlackUnavailable
from bot.slack.messenger import Messenger
from bot.slack.turns import BURST, LONGEST_REST, PROBE_SECONDS, SILENT_AFTER, Turns
from storage.database import Database
from tests.factories.moving_clock import MovingClock
from tests.factories.rows import HELP, LENA, TEAM
from tests.factories.slack_api import SlackApi, error, ok, slack_api

CARD = Card("hello", [])
POSTED = ok(ts="1790000001.000100")


@dataclass
class Time(MovingClock):
    """A clock that sleeping moves too."""

    slept: list[float] = field(default_factory=list)

    def __init__(self) -> None:
        super().__init__()
        self.slept = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.move(seconds=seconds)


@pytest.fixture
async def api() -> AsyncIterator[SlackApi]:
    async with slack_api() as served:
        served.script("chat.postMessage", POSTED)
        yield served


def process(database: Database, api: SlackApi, time: Time) -> Messenger:
    """A process of its own: nothing is shared but the database."""
    return Messenger(api.client(), turns=Turns(database, TEAM, time, sleep=time.sleep))


async def refused(messenger: Messenger) -> SlackUnavailable:
    with pytest.raises(SlackUnavailable) as caught:
        await messenger.user(LENA)
    return caught.value


async def test_a_retry_after_counts_for_the_method_in_every_process_and_for_no_other(
    database: Database, api: SlackApi
):
    time = Time()
    first, second = process(database, api, time), process(database, api, time)
    api.script("users.info", error("ratelimited", status=429, headers={"Retry-After": "30"}), ok(user={}))
    assert (await refused(first)).retry_after == 30
    time.move(seconds=20)
    said = await refused(second)
    assert (said.code, said.retry_after, said.sent) == ("ratelimited", 10, False)
    await second.post(HELP, CARD)
    assert len(api.named("users.info")) == 1
    time.move(seconds=10)
    await second.user(LENA)


async def test_a_shorter_wait_does_not_shorten_a_longer_one(database: Database):
    time = Time()
    turns = Turns(database, TEAM, time)
    await turns.limited("users.info", 30)
    await turns.limited("users.info", 5)
    assert await turns.seconds_until("users.info") == 30


async def test_workspaces_do_not_wait_for_each_other(database: Database):
    time = Time()
    await Turns(database, "T0OTHER", time).limited("users.info", 30)
    await Turns(database, TEAM, time).enter("users.info")


async def test_a_short_burst_goes_out_at_once_and_then_one_a_second(database: Database, api: SlackApi):
    time = Time()
    messengers = [process(database, api, time) for _ in range(2)]
    for number in range(BURST + 1):
        await messengers[number % 2].post(HELP, CARD)
    assert time.slept == []
    for number in range(4):
        await messengers[number % 2].post(HELP, CARD)
    assert time.slept == [1.0] * 4
    await messengers[0].post("C0OTHER", CARD)
    time.move(seconds=60)
    await messengers[1].post(HELP, CARD)
    assert time.slept == [1.0] * 4


async def test_a_clock_that_stands_still_holds_nothing_up_for_long(database: Database, api: SlackApi):
    time, waits = Time(), []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    messenger = Messenger(api.client(), turns=Turns(database, TEAM, time, sleep=sleep))
    for _ in range(BURST + 10):
        await messenger.post(HELP, CARD)
    assert max(waits) <= 1.0


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pauses=st.lists(st.floats(0, 3), min_size=1, max_size=12))
async def test_no_window_holds_more_than_its_seconds_and_the_burst(sqlite_url: str, pauses: list[float]):
    time, moments, database = Time(), [], Database(sqlite_url)
    turns = Turns(database, TEAM, time, sleep=time.sleep)
    try:
        for pause in pauses:
            time.move(seconds=pause)
            await turns.wait_to_post(HELP)
            moments.append(time().timestamp())
    finally:
        await database.dispose()
    for start in moments:
        inside = [moment for moment in moments if 0 <= moment - start <= 5]
        assert len(inside) <= 5 + BURST + 2


async def test_while_slack_is_silent_one_call_at_a_time_asks_whether_it_still_is(
    database: Database, api: SlackApi
):
    time = Time()
    first, second = process(database, api, time), process(database, api, time)
    api.script("users.info", error("fatal_error"))
    for _ in range(SILENT_AFTER):
        await refused(first)
    asked = len(api.named("users.info"))
    for messenger in (first, second):
        said = await refused(messenger)
        assert (said.code, said.sent) == ("slack_silent", False)
    assert len(api.named("users.info")) == asked
    rests = []
    for _ in range(8):
        rests.append((await refused(second)).retry_after or 0.0)
        time.move(seconds=rests[-1])
        assert (await refused(second)).code == "fatal_error"  # the probe
        assert (await refused(first)).code == "slack_silent"
    assert max(rests) == LONGEST_REST
    time.move(seconds=LONGEST_REST)
    api.script("users.info", ok(user={}))
    await second.user(LENA)
    await first.user(LENA)


async def test_a_silent_method_holds_up_no_other(database: Database, api: SlackApi):
    time = Time()
    messenger = process(database, api, time)
    api.script("users.info", error("fatal_error"))
    for _ in range(SILENT_AFTER + 1):
        await refused(messenger)
    await messenger.post(HELP, CARD)


async def test_a_probe_that_never_came_back_holds_nobody_up_for_long(database: Database):
    time = Time()
    turns, other = Turns(database, TEAM, time), Turns(database, TEAM, time)
    for _ in range(SILENT_AFTER):
        await turns.unanswered("users.info")
    time.move(seconds=2)
    await turns.enter("users.info")  # and its process ends
    with pytest.raises(SlackUnavailable):
        await other.enter("users.info")
    time.move(seconds=PROBE_SECONDS)
    await other.enter("users.info")


async def test_a_refusal_is_an_answer(database: Database, api: SlackApi):
    time = Time()
    messenger = process(database, api, time)
    api.script("users.info", *[error("fatal_error")] * (SILENT_AFTER - 1), error("user_not_found"))
    for _ in range(SILENT_AFTER):
        await refused(messenger)
    api.script("users.info", error("fatal_error"))
    assert (await refused(messenger)).code == "fatal_error"
    assert (await refused(messenger)).code == "fatal_error"
