"""Two hundred strings that must go, by every way in: none in the database, the logs, exports, models."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import text as sql

from bot.logs import configure
from bot.slack.redaction import redact
from bot.tickets.label_files import export_labels, import_labels
from classifier.data.dataset import Example
from classifier.model.directory import save_model_directory
from classifier.training.fit import fit
from storage.models import Base
from tests.factories.category_dialogs import submit, typed
from tests.factories.redaction_lists import Promised, promised
from tests.factories.tiny_bert import NOW, config_for, messages, tiny_bert
from tests.factories.world import ANNA, HELP, TEAM, World

A_MESSAGE = 10
"""Planted strings in each, one a line."""
TELLING = 8
"""Shorter secrets may stand anywhere by chance."""


def planted(count: int) -> list[Promised]:
    """Return strings whose secrets are long enough to be looked for, and that fill no further lines."""
    usable = [
        each
        for each in promised()
        if min(map(len, each.secrets)) >= TELLING and "\n" not in each.text and "&" not in each.text
    ]
    return usable[:count]


def in_messages(strings: list[Promised]) -> list[str]:
    lines = [each.text for each in strings]
    return [
        "\n".join(["the vpn is slow", *lines[start : start + A_MESSAGE]])
        for start in range(0, len(lines), A_MESSAGE)
    ]


def found(strings: list[Promised], content: str) -> list[str]:
    folded = content.casefold()  # a model's words are in small letters
    return [secret for each in strings for secret in each.secrets if secret.casefold() in folded]


async def all_rows(world: World) -> str:
    """Return everything that the database holds, and the bytes of its files where there are any."""
    kept = []
    async with world.database.reader() as work:
        for table in Base.metadata.sorted_tables:
            rows = await work.session.execute(sql(f"SELECT * FROM {table.name}"))  # noqa: S608 - our own names
            kept += [str(tuple(row)) for row in rows]
        url = work.session.get_bind().url
    assert len(kept) > 10
    if url.get_backend_name() == "sqlite":
        path = Path(str(url.database))
        kept += [file.read_bytes().decode("utf-8", "ignore") for file in path.parent.glob(f"{path.name}*")]
    return "\n".join(kept)


@pytest.fixture
def logs_at_debug(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a bot writes that runs at DEBUG."""
    root, written = logging.getLogger(), io.StringIO()
    before = root.handlers[:], root.level
    monkeypatch.setattr(sys, "stderr", written)
    configure("DEBUG")
    yield written
    root.handlers, root.level = before[0], before[1]
    structlog.reset_defaults()


@pytest.mark.drill("redaction")
@pytest.mark.drill("logs")
async def test_of_200_planted_strings_none_is_kept(any_world: World, logs_at_debug: io.StringIO):
    strings = planted(200)
    assert len(strings) == 200
    by_message, typed_in, imported = strings[:120], strings[120:180], strings[180:]
    for message in in_messages(by_message):
        await any_world.say(message)
    for number, each in enumerate(typed_in[:15]):
        command = ("/why", "/retrain", "/categories")[number % 3]
        await any_world.playground.run_command(ANNA, HELP, command, each.text)
    await any_world.quiet()  # Slack waits three seconds for a modal's answer
    examples = "\n".join(each.text for each in typed_in[15:-2])
    learned = len({redact(each.text) for each in typed_in[15:-2]}) + len(imported)
    values = typed(emoji="door", description=typed_in[-2].text, name=typed_in[-1].text, examples=examples)
    await submit(any_world, "add", values)
    rows = [(each.text, "billing") for each in imported]
    assert await import_labels(any_world.database, TEAM, rows, datetime.now(UTC)) == len(imported)
    await any_world.quiet()

    assert await any_world.tickets() == len(in_messages(by_message)) + learned
    assert found(strings, await all_rows(any_world)) == []
    exported = await export_labels(any_world.database, TEAM)
    assert len(exported) == learned
    assert found(strings, str(exported)) == []
    logged = logs_at_debug.getvalue()
    assert "category_changed" in logged
    assert found(strings, logged) == []
    posted: Any = [any_world.playground.messages(HELP), any_world.playground.ephemerals(ANNA)]
    ours = [message for messages in posted for message in messages if message.get("bot_id")]
    assert found(strings, str(ours)) == []


async def test_a_model_that_learned_from_them_holds_none(world: World, tmp_path: Path):
    strings = planted(200)
    rows = [(each.text, ("billing", "network")[number % 2]) for number, each in enumerate(strings)]
    await import_labels(world.database, TEAM, rows, datetime.now(UTC))
    learned = [Example(text, label) for text, label in await export_labels(world.database, TEAM)]
    config = config_for(tiny_bert(tmp_path / "base"), epochs=1)
    fitted = await asyncio.to_thread(fit, [*learned, *messages(10)], config, created=NOW)
    save_model_directory(fitted.model, tmp_path / "model", card="a card")
    files = [file for file in (tmp_path / "model").rglob("*") if file.is_file()]
    assert {"baselines.json", "fingerpost.json"} <= {file.name for file in files}
    for file in files:
        assert found(strings, file.read_bytes().decode("utf-8", "ignore")) == [], file
