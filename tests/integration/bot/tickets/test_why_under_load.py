"""People who ask why, again and again, about long tickets, while others write: nobody waits for them."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.blocks.action_ids import ActionId
from classifier.client.client import RemoteClassifier
from classifier.model.directory import save_model_directory
from classifier.model.registry import Registry
from classifier.serving.engine import EngineSettings, LocalClassifier
from classifier.serving.http.asgi import create_service
from classifier.serving.http.server import serving
from playground import Playground
from playground.workspace.state import User
from tests.factories.tiny_bert import TOPICS, tiny_bert, tiny_model
from tests.factories.world import ANNA, LENA, SAM, make_world, text_of

OWEN = "U0OWEN"
CHANNELS = tuple(f"help-{number}" for number in range(12))
"""A channel takes a post a second: in one channel the cards would wait for that."""


def long_text(number: int, words: int = 240) -> str:
    """A ticket of so many words, unlike any other."""
    chance = random.Random(number)  # noqa: S311 - not a secret
    vocabulary = [*itertools.chain(*TOPICS.values()), "please", "the", "report", "since", "friday", "screen"]
    return " ".join([f"ticket {number}", *(chance.choice(vocabulary) for _ in range(words - 2))])


@asynccontextmanager
async def remote(engine: LocalClassifier) -> AsyncIterator[RemoteClassifier]:
    """The engine behind the service on a loopback port."""
    async with serving(create_service(engine, "secret")) as (host, port):
        client = RemoteClassifier(f"http://{host}:{port}", "secret")
        try:
            yield client
        finally:
            await client.close()
            await engine.close()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A model directory, which ONNX Runtime answers from: a step of an explanation is one long text."""
    place = tmp_path_factory.mktemp("tiny")
    save_model_directory(tiny_model(tiny_bert(place / "base"), epochs=2), place / "model")
    return place / "model"


async def test_an_answer_that_time_cut_short_says_so(sqlite_url, tiny):
    mail = Path(__file__).parents[3].joinpath("data", "long-mail.txt").read_text(encoding="utf-8")
    engine = LocalClassifier(tiny, EngineSettings(explain_seconds=1e-9))
    async with remote(engine) as classifier, make_world(sqlite_url, classifier=classifier) as world:
        await world.say(mail)
        await world.playground.wait_for(world.tickets)
        await world.quiet()
        await world.playground.run_command(LENA, "C0HELP", "/why", "last")
        said = text_of(await world.private(LENA))
    assert re.search(r"I had time to try 4 of its \d+ words, those I looked at most", said)
    assert "What decided" in said


SHORT = pytest.param(2, 2, 8, id="short")
WHOLE = pytest.param(4, 10, 60, id="whole", marks=[pytest.mark.long, pytest.mark.timeout(900)])


@pytest.mark.drill("flood")
@pytest.mark.parametrize(("people", "presses", "messages"), [SHORT, WHOLE])
async def test_every_message_and_every_question_gets_its_answer(
    sqlite_url, tiny, request, measured, people, presses, messages
):
    whole = messages > 8
    if whole:
        home = Registry(request.getfixturevalue("first_models"))
        engine = await LocalClassifier.open(home.active_path(), EngineSettings(cache=home.home / ".races"))
    else:
        engine = LocalClassifier(tiny)
    playground = Playground(channels=[*CHANNELS, "team-login", "team-network", "team-billing"])
    names = [ANNA, SAM, LENA, OWEN][:people]
    async with (
        remote(engine) as classifier,
        make_world(
            sqlite_url,
            classifier=classifier,
            playground=playground,
            support_channels=CHANNELS,
            out_of_scope_threshold=1.0,  # these texts are about nothing, and each shall have a card
        ) as world,
    ):
        channels = [world.playground.state.channel(name).id for name in CHANNELS]
        world.playground.state.users[OWEN] = User(OWEN, "T0ACME", "owen", "Owen Oduya")
        for channel in channels:
            await world.playground.join(OWEN, channel)
        tickets = []
        for number in range(people * presses):
            channel = channels[number % len(channels)]
            tickets.append((channel, await world.say(long_text(number), channel=channel)))
        cards = [(channel, await world.card(ts, channel=channel)) for channel, ts in tickets]
        quiet = await answer_times(world, channels, range(messages // 2), whole)

        async def ask(user: str, own: list[tuple[str, dict[str, Any]]]) -> None:
            for number, (channel, card) in enumerate(own, 1):
                element = world.element(card, ActionId.WHY)
                await world.playground.click(user, channel, card["ts"], ActionId.WHY, value=element["value"])
                await told(user, number)

        async def told(user: str, count: int) -> None:
            await world.playground.wait_for(
                lambda: len(world.playground.ephemerals(user)) >= count, timeout=120
            )

        asking = [asyncio.create_task(ask(user, cards[n::people])) for n, user in enumerate(names)]
        busy = await answer_times(world, channels, range(100, 100 + messages), whole)
        await asyncio.gather(*asking)
        said = [text_of(answer) for user in names for answer in world.playground.ephemerals(user)]
    assert len(said) == people * presses
    assert all("Scores" in text and "did not work" not in text for text in said)
    cut = sum("I had time to try" in text for text in said)
    both = (("alone", quiet), ("meanwhile", busy))
    shown = (f"{np.percentile(seconds, 95):.1f} s {name}" for name, seconds in both)
    measured(
        f"{people * presses} asked for ({cut} cut short), {messages} messages: all answered; "
        f"a card at the 95th percentile after {', '.join(shown)}"
    )


async def answer_times(world, channels, numbers, whole):
    """Seconds from a message to its card; each message comes half a second behind the one before it."""

    async def one(number: int) -> float:
        if whole:
            await asyncio.sleep((number - numbers[0]) / 2)  # an arrival, not a wait
        began = time.monotonic()
        channel = channels[number % len(channels)]
        ts = await world.say(f"the vpn drops again, since build {number}", channel=channel)
        await world.playground.wait_for(lambda: world.playground.thread(channel, ts), timeout=120)
        return time.monotonic() - began

    return await asyncio.gather(*(one(number) for number in numbers))
