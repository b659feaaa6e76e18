"""A correction, a restart of everything, and the same matter in other words: the real first model."""

from __future__ import annotations

import csv
import logging
import random
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from bot.app.compose import category_specs, local_classifier, starter
from bot.app.runtime import RunningBot, running_bot
from bot.policy import decide
from bot.tickets.memory import TicketMemory
from classifier.settings import ClassifierSettings
from playground.server import Playground
from storage.database import Database
from storage.models import TicketState
from tests.factories.world import HELP, LENA, SAM, decided, settings_for

DATA = Path(__file__).parents[1] / "data" / "paraphrases.csv"
REJECTED, RIGHT, RIGHT_EMOJI = "login", "security", "shield"
UNRELATED, BATCH = 500, 32


def texts(kind: str) -> list[str]:
    with DATA.open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file) if row["kind"] == kind]


@asynccontextmanager
async def bot_in(playground: Playground, url: str, home: Path) -> AsyncIterator[RunningBot]:
    """Start bot and classifier over the same database and model home."""
    database = Database(url)
    own = ClassifierSettings(_env_file=None, model_home=home, threads=1)
    try:
        async with local_classifier(own) as (engine, _):
            settings = settings_for(playground, url, support_channels=("help-desk",), inbox_workers=4)
            async with running_bot(settings, database, engine, category_specs(starter())) as bot:
                playground.app.request_url = bot.url
                yield bot
    finally:
        await database.dispose()


async def moved_by_memory(bot: RunningBot, texts: Sequence[str]) -> list[str]:
    """Return the messages whose outcome is another one than without the memory, as the router decides."""
    space, moved = bot.workspace, []
    memory = TicketMemory(space.database)
    active = frozenset(view.slug for view in await space.directory.categories())
    ordered = sorted(texts, key=len)  # batches of one length are quicker
    for begin in range(0, len(ordered), BATCH):
        part = ordered[begin : begin + BATCH]
        for text, prediction in zip(part, await space.classifier.classify(part), strict=True):
            remembered = await memory.recall(
                prediction,
                space.thresholds,
                team_id=space.identity.team_id,
                text=text,
                leave_out=uuid4(),
            )
            recalled = remembered.recalled if remembered else None
            with_it = decide(prediction, space.thresholds, active, recalled)
            if with_it.remembered or with_it != decide(prediction, space.thresholds, active):
                moved.append(text)
    return moved


@pytest.mark.timeout(600)
async def test_no_paraphrase_goes_where_people_rejected_it_after_a_restart_and_nothing_else_moves(
    sqlite_url: str, first_models: Path, tmp_path: Path
):
    home = shutil.copytree(first_models, tmp_path / "models")
    [original], paraphrases = texts("original"), texts("paraphrase")
    others = random.Random(6).sample(  # noqa: S311
        sorted({example.text for example in starter().train} - {original, *paraphrases}), UNRELATED
    )
    assert len(paraphrases) == 20
    channels = [str(category.destination) for category in starter().categories]
    async with Playground(channels=channels, acceleration=0.01) as playground:
        async with bot_in(playground, sqlite_url, home) as bot:
            ts = await playground.post_message(SAM, HELP, original)
            [(_, before)] = await decided(playground, bot.workspace.database, [original])
            assert before.category == REJECTED
            await playground.react(LENA, HELP, ts, RIGHT_EMOJI)
            await playground.wait_for(
                lambda: any("Corrected by" in str(m) for m in playground.thread(HELP, ts)), timeout=60
            )
        async with bot_in(playground, sqlite_url, home) as bot:
            for text in paraphrases:
                await playground.post_message(SAM, HELP, text)
            again = await decided(playground, bot.workspace.database, paraphrases)
            moved = await moved_by_memory(bot, others)

    routed_wrongly = [t.text for t, _ in again if t.state == TicketState.ROUTED and t.category == REJECTED]
    followed = [t.text for t, _ in again if t.state == TicketState.ROUTED and t.category == RIGHT]
    by_memory = [t.text for t, row in again if row.remembered_ticket_id is not None]
    figures = f"followed {len(followed)}, by memory {len(by_memory)}, unrelated moved {len(moved)}: {moved}"
    logging.getLogger(__name__).info(figures)
    assert routed_wrongly == [], figures
    assert len(followed) >= 5, figures
    assert len(moved) <= UNRELATED // 100, figures
