"""Two new categories on the first day: the real model, the real trainings, and what the admin is told."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.app.compose import everything, starter
from classifier.settings import ClassifierSettings
from playground.server import Playground
from storage.database import Database
from tests.factories.category_dialogs import submit, typed
from tests.factories.world import ANNA, HELP, World, decided, settings_for, text_of

PARKING = (
    "Where do visitors park when they come by car?",
    "My parking permit has run out, can I get a new one?",
    "Somebody stands on my space in the garage again",
    "The barrier of the garage does not open for my number plate",
    "Can I charge my electric car in the garage?",
    "I changed cars, please put the new number plate on my permit",
    "Is there a place for bicycles in the basement?",
    "The garage is full every morning at nine, what now?",
)
PARKING_AGAIN = (
    "the garage barrier stays shut when I drive up with my car",
    "I would like a parking space, whom do I ask?",
    "new car, new number plate: how do I change my parking permit",
    "a visitor comes by car tomorrow, may she park in our garage?",
)
CANTEEN = (
    "What is for lunch in the canteen today?",
    "The canteen has no vegetarian meal on Fridays",
    "Can we order cakes from the kitchen for a birthday?",
    "The coffee machine on the third floor is out of milk",
    "My lunch card has no money on it, how do I top it up?",
    "Does the canteen open on Saturday?",
    "There are nuts in the soup, is that written anywhere?",
    "We need sandwiches and drinks for twelve guests at noon",
)
CANTEEN_AGAIN = (
    "does the canteen have something vegetarian for lunch?",
    "the coffee machine is broken again, no coffee on our floor",
    "can the kitchen make sandwiches for ten guests on Monday?",
    "how do I put money on my lunch card",
)
log = logging.getLogger(__name__)
SECONDS = 300
"""A limit, not a claim: the log says how long it took."""


@asynccontextmanager
async def workplace(url: str, home: Path) -> AsyncIterator[World]:
    """The whole product in one process, as `fingerpost run` starts it."""
    channels = [str(category.destination) for category in starter().categories]
    async with Playground(channels=channels, acceleration=0.01) as playground:
        settings = settings_for(playground, url, support_channels=("help-desk",))
        own = ClassifierSettings(_env_file=None, model_home=home, threads=1, watch_seconds=0.5)
        database = Database(url)
        try:
            async with everything(settings, own) as bot:
                playground.app.request_url = bot.url
                yield World(playground, bot, None, database)  # type: ignore[arg-type]  # a real model
        finally:
            await database.dispose()


async def answered(world: World, texts: Sequence[str]) -> list[str]:
    """Post messages and return what the model took each for."""
    for text in texts:
        await world.say(text)
    return [row.category for _, row in await decided(world.playground, world.database, texts)]


async def added(world: World, name: str, emoji: str, examples: Sequence[str]) -> None:
    await submit(world, "add", typed(name=name, emoji=emoji, examples="\n".join(examples)))


async def told(world: World, wanted: str, seconds: float = 30) -> str:
    """Wait until Anna alone is told something."""
    found = await world.playground.wait_for(
        lambda: next((m for m in world.playground.ephemerals(ANNA) if wanted in text_of(m)), None),
        timeout=seconds,
    )
    return text_of(found)


@pytest.mark.timeout(900)
async def test_new_categories_are_learned_at_once_and_not_lost_behind_a_training(
    sqlite_url: str, first_models: Path, tmp_path: Path
):
    async with workplace(sqlite_url, shutil.copytree(first_models, tmp_path / "models")) as world:
        # the first fine-tune is under way: the category is learned after it
        await added(world, "Parking", "car", PARKING)
        assert "when the training that is under way is over" in await told(world, "Added Parking")
        assert "parking" not in await answered(world, PARKING_AGAIN[:1])
        began = time.monotonic()
        await world.playground.run_command(ANNA, HELP, "/retrain", "cancel")
        assert "Parking: " in await told(world, "are in use", SECONDS)
        parking = await answered(world, PARKING_AGAIN[1:])
        first = time.monotonic() - began

        began = time.monotonic()
        await added(world, "Canteen", "coffee", CANTEEN)
        assert "I learn it now" in await told(world, "Added Canteen")
        assert "Canteen: " in await told(world, "Canteen: ", SECONDS)
        canteen = await answered(world, CANTEEN_AGAIN)
        second = time.monotonic() - began
        others = starter().train[::150][:10]
        kept = await answered(world, [example.text for example in others])
    log.info("from the end of the training to answers: %.0f seconds", first)
    log.info("from /categories add to answers: %.0f seconds", second)
    assert parking.count("parking") >= 2, parking
    assert canteen.count("canteen") >= 3, canteen
    assert not {"parking", "canteen"} & set(kept), kept
