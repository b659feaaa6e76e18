"""A bot that listens while its model is loaded."""

import asyncio
from contextlib import asynccontextmanager

from classifier.serving.starting import starting
from classifier.testing import ScriptedClassifier
from tests.factories.world import KEYWORDS, make_world, text_of


async def test_what_people_write_while_the_model_is_loaded_is_answered_when_it_is(database_url):
    there = asyncio.Event()

    @asynccontextmanager
    async def load():
        await there.wait()
        yield ScriptedClassifier(KEYWORDS), None

    async with starting(load()) as classifier, make_world(database_url, classifier=classifier) as world:
        written = [await world.say(text) for text in ("my vpn drops", "the invoice is wrong")]
        await world.delivered("event", "message", 2)
        assert not any(world.playground.thread("C0HELP", ts) for ts in written)
        there.set()
        cards = [text_of(await world.card(ts)) for ts in written]
        assert "Network" in cards[0]
        assert "Billing" in cards[1]
