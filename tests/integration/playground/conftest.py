"""A playground, and Slack's own client."""

import time
from collections.abc import AsyncIterator

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from playground import Playground
from tests.factories.scripted_apps import client_of


class SettableClock:
    """A clock that stands still until it is moved; starts now, because Bolt checks signatures."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
async def playground(clock: SettableClock) -> AsyncIterator[Playground]:
    """Retries after 0, 0.06 and 0.3 s, a second to acknowledge, a clock that a test moves."""
    async with Playground(clock=clock, acceleration=0.001, ack_timeout=1.0, channels=["billing"]) as running:
        yield running


@pytest.fixture
def client(playground: Playground) -> AsyncWebClient:
    return client_of(playground)
