"""The loop that learns, in a browser: correct, remember, ask, dispute, retrain, refuse, go back.

A real (tiny) BERT, the real trainer and its child process. FINGERPOST_SCREENSHOTS names a folder that gets a
picture of each step.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from bot.question_plan import QuestionPlan
from bot.tickets.questions import Asker
from classifier.data.dataset import StarterCategory, StarterPack
from classifier.model.registry import Registry
from classifier.retraining.version_records import keep_mirrored
from classifier.retraining.worker import RetrainWorker
from classifier.serving.control import RegistryControl
from classifier.serving.engine import LocalClassifier
from classifier.serving.registry_watcher import RegistryWatcher
from classifier.settings import ClassifierSettings
from classifier.training.fit import fit
from tests.factories.moving_clock import MovingClock
from tests.factories.tiny_bert import TOPICS, config_for, messages, tiny_bert
from tests.factories.world import ANNA, CATEGORIES, HELP, LENA, SAM, World, make_world

SOUND = '{"epochs": 60, "learning_rate": 0.005, "sharpness": 0, "soup": 1, "word_scorer": 0}'
SPOILT = '{"epochs": 1, "learning_rate": 1e-7, "sharpness": 0, "soup": 1, "word_scorer": 0}'
"""An admin's mistake: hardly anything is learned."""
WIFI = "my wifi is not working"


SURELY_INSIDE, ASKED_OF = 0.3, 3
FILLED = (("my", "is not working today"), ("please help with the", "again"), ("the", "is not working"))


class RunningClock(MovingClock):
    """Goes on by itself, and can be moved besides."""

    def __init__(self) -> None:
        super().__init__()
        self._began = time.monotonic()

    def __call__(self) -> datetime:
        return self.now + timedelta(seconds=time.monotonic() - self._began)


@dataclass(slots=True)
class People:
    """What people do at the page.

    Attributes:
        page: the browser's.
        world: behind it.
        shots: folder for pictures.
    """

    page: Page
    world: World
    shots: Path

    async def become(self, user: str) -> None:
        """Look at the channel as this person."""
        await self.page.goto(f"{self.world.playground.url}/?team=T0ACME&user={user}&channel={HELP}")
        await expect(self.page.get_by_test_id("composer")).to_be_visible()

    async def say(self, text: str) -> None:
        """Post a message, or a command."""
        await self.page.get_by_test_id("composer").fill(text)
        await self.page.get_by_test_id("composer").press("Enter")

    def message(self, text: str) -> Locator:
        """The newest message of the channel with this text."""
        return self.page.get_by_test_id("messages").get_by_test_id("message").filter(has_text=text).last

    async def card(self, text: str, wanted: str) -> Locator:
        """Open the thread of a message and wait for its card."""
        await self.message(text).get_by_test_id("thread-summary").click()
        card = self.page.get_by_test_id("thread-messages").get_by_test_id("message").last
        await expect(card).to_contain_text(wanted)
        return card

    async def correct(self, text: str, shown: str, category: str) -> None:
        """Choose another category in the menu of a message's card."""
        card = await self.card(text, shown)
        await card.locator("[data-action-id=ticket_correct]").select_option(label=category)

    async def shot(self, name: str) -> None:
        """Keep a picture."""
        await self.page.screenshot(path=self.shots / f"loop-{name}.png")


@asynccontextmanager
async def learning_world(
    database_url: str, folder: Path, clock: MovingClock
) -> AsyncIterator[tuple[World, Path]]:
    """A workspace with a fine-tuned model, a trainer, and the file of its options."""
    categories = tuple(
        StarterCategory(c.slug, c.name, c.emoji, c.description, str(c.destination)) for c in CATEGORIES
    )
    pack = StarterPack(categories, tuple(messages(24, out_of_scope=12)), tuple(messages(8, seed=9)))
    base, options = tiny_bert(folder / "base"), folder / "options.json"
    options.write_text(SOUND, encoding="utf-8")
    registry = Registry(folder / "models")
    settings = ClassifierSettings(
        _env_file=None,
        model_home=registry.home,
        base_model=str(base),
        max_tokens=32,
        threads=1,
        options=options,
    )
    registry.activate(registry.publish(fit(pack.train, config_for(base), created=clock()).model))
    engine = await LocalClassifier.open(registry.path(str(registry.active())))
    watcher = RegistryWatcher(registry, engine, 0.05)
    control = RegistryControl(registry, engine, watcher)
    try:
        async with make_world(
            database_url, classifier=engine, models=control, clock=clock, questions_per_day=0
        ) as world:
            worker = RetrainWorker(world.database, registry, settings, pack, clock)
            loops = (worker.run(), watcher.run(), keep_mirrored(world.database, registry, clock))
            tasks = [asyncio.create_task(loop) for loop in loops]
            try:
                yield world, options
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        await engine.close()


@pytest.mark.timeout(600)
async def test_people_teach_it_on_the_page(page: Page, sqlite_url: str, tmp_path: Path):
    clock = RunningClock()
    clock.move(hours=10)
    async with learning_world(sqlite_url, tmp_path, clock) as (world, options):
        shots = Path(os.environ.get("FINGERPOST_SCREENSHOTS") or tmp_path)
        people = People(page, world, shots)
        expect.set_options(timeout=120_000)
        await corrects_and_is_remembered(people)
        await answers_a_question(people, clock)
        await settles_a_dispute(people)
        clock.move(minutes=1)
        before = (await world.bot.workspace.classifier.model()).version
        live = await retrains(people)
        assert live != before
        options.write_text(SPOILT, encoding="utf-8")
        clock.move(minutes=1)
        await refuses_a_worse_one(people, live)
        await goes_back(people, before)


async def corrects_and_is_remembered(people: People) -> None:
    await people.become(SAM)
    await people.say(WIFI)
    await people.correct(WIFI, "Network", "💳 Billing")
    await people.card(WIFI, "Corrected by")
    await people.shot("1-correction")
    again = f"{WIFI}!!"
    await people.say(again)
    card = await people.card(again, "Someone corrected a similar message")
    await expect(card).to_contain_text("Billing")
    await people.shot("2-memory")


async def answers_a_question(people: People, clock: MovingClock) -> None:
    for text in await unsure(people.world):
        await people.say(text)
        await expect(people.message(text).get_by_test_id("thread-summary")).to_be_visible()
    await people.world.quiet()
    asker = Asker(people.world.bot.workspace, QuestionPlan(3))
    asked = 0
    for _ in range(24):  # the working hours of a day
        clock.move(minutes=30)
        asked += await asker.look()
        if asked:
            break
    assert asked == 1
    await people.world.quiet()
    question = next(
        (name, message)
        for name, channel in people.world.playground.state.channels.items()
        for message in people.world.playground.messages(name)
        if any(
            str(block.get("block_id", "")).startswith("question:") for block in message.get("blocks") or []
        )
    )
    await people.page.goto(f"{people.world.playground.url}/?team=T0ACME&user={LENA}&channel={question[0]}")
    shown = people.page.locator("[data-block-id^='question:']").last
    await expect(shown).to_be_visible()
    await people.shot("3-question")
    await shown.get_by_role("button").first.click()
    await expect(people.page.get_by_test_id("messages")).to_contain_text("Thank you")


async def unsure(world: World) -> list[str]:
    """Messages about two matters at once that the model can hardly place."""
    words = [(topic, word) for topic, several in TOPICS.items() for word in several]
    mixed = [
        f"{one} {other} it my"
        for (topic, one), (another, other) in itertools.permutations(words, 2)
        if topic != another
    ]
    answers = await world.bot.workspace.classifier.classify(mixed)
    inside = [
        (answer.confidence, text)
        for text, answer in zip(mixed, answers, strict=True)
        if answer.out_of_scope < SURELY_INSIDE
    ]
    assert len(inside) >= ASKED_OF
    return [text for _, text in sorted(inside)[:ASKED_OF]]


async def sure(world: World, category: str) -> str:
    """A message that the present model places in this category."""
    mixed = [f"{filler} {word} {other}" for word in TOPICS[category] for filler, other in FILLED]
    answers = await world.bot.workspace.classifier.classify(mixed)
    return next(
        text
        for text, answer in zip(mixed, answers, strict=True)
        if answer.category == category and answer.out_of_scope < SURELY_INSIDE
    )


async def settles_a_dispute(people: People) -> None:
    text = "my password is not working again"
    await people.become(SAM)
    await people.say(text)
    await people.correct(text, "Sign-in", "💳 Billing")
    await people.card(text, "Corrected by")
    await people.become(LENA)
    await people.correct(text, "Corrected by", "📡 Network")
    await people.card(text, "Others disagree")
    await people.become(ANNA)
    await people.page.get_by_test_id("home").click()
    home = people.page.get_by_test_id("home-view")
    await expect(home).to_contain_text("People disagree")
    await people.shot("4-dispute")
    await home.get_by_role("button", name="Billing").first.click()
    await expect(home).not_to_contain_text("People disagree")


async def retrains(people: People) -> str:
    """Retrain as an admin; return the version that is live then."""
    await people.become(ANNA)
    await people.say("/retrain")
    await expect(people.message("Retraining")).to_contain_text(re.compile("epoch", re.IGNORECASE))
    await people.shot("5-progress")
    done = people.message("A new model is live")
    await expect(done).to_contain_text("Right on")
    await people.shot("6-promoted")
    return str((await people.world.bot.workspace.classifier.model()).version)


async def refuses_a_worse_one(people: People, live: str) -> None:
    text = await sure(people.world, "network")
    await people.say(text)
    await people.correct(text, "Network", "💳 Billing")
    await people.card(text, "Corrected by")
    await people.say("/retrain")
    await expect(people.message("The model stays as it was")).to_contain_text("The new one is right on")
    await people.shot("7-refused")
    assert (await people.world.bot.workspace.classifier.model()).version == live


async def goes_back(people: People, before: str) -> None:
    await people.say("/retrain rollback")
    await expect(people.message(before)).to_contain_text("answers now")
    await people.shot("8-rollback")
    assert (await people.world.bot.workspace.classifier.model()).version == before
