"""What a result card needs besides the run's row, in the playground."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from bot.blocks.retrain_result import result_card
from bot.errors import SlackUnavailable
from bot.models.retrain_pictures import upload_matrix, with_links
from storage.models import ModelKind, RetrainRun, RunSource, RunState
from tests.factories.tiny_bert import NOW
from tests.factories.world import ANNA, HELP, TEAM, World, make_world

VERSION = "20260105T090000Z-7f3abc"


async def run_of(world: World, folder: Path, **metrics: object) -> RetrainRun:
    """A finished run with its progress message and its version."""
    async with world.database.unit_of_work() as work:
        await work.models.add(
            team_id=TEAM, version=VERSION, path=str(folder), kind=ModelKind.FINE_TUNE,
            manifest_hash="0" * 64, metrics={}, now=NOW,
        )  # fmt: skip
        await work.commit()
    ts = await world.say("a message with a thread")
    return RetrainRun(
        id=uuid4(), team_id=TEAM, slot="s", state=RunState.DONE, requested_by=ANNA, source=RunSource.COMMAND,
        channel_id=HELP, message_ts=ts, model_version=VERSION, created_at=datetime.now(UTC),
        metrics={"picture": "confusion.png", "picture_alt": "Rows are the right ones", **metrics},
    )  # fmt: skip


async def test_the_confusion_matrix_is_put_into_the_runs_thread(sqlite_url: str, tmp_path: Path):
    (tmp_path / "confusion.png").write_bytes(b"\x89PNG picture")
    async with make_world(sqlite_url) as world:
        run = await run_of(world, tmp_path)
        assert await upload_matrix(world.bot.workspace, run)
        posted = await world.playground.wait_for(
            lambda: [m for m in world.playground.thread(HELP, run.message_ts) if m.get("files")]
        )
        [file] = posted[0]["files"]
        assert file["name"] == f"confusion-{VERSION}.png"


@pytest.mark.parametrize("name", ["../secret.txt", "gone.png", None])
async def test_only_a_file_of_the_model_directory_is_shown(sqlite_url: str, tmp_path: Path, name: str | None):
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "model").mkdir()
    async with make_world(sqlite_url) as world:
        assert not await upload_matrix(
            world.bot.workspace, await run_of(world, tmp_path / "model", picture=name)
        )


async def test_a_picture_that_slack_refuses_ends_nothing(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "confusion.png").write_bytes(b"\x89PNG picture")
    async with make_world(sqlite_url) as world:
        run = await run_of(world, tmp_path)

        async def refuse(*_: object, **__: object) -> None:
            raise SlackUnavailable("not_in_channel", permanent=True)

        monkeypatch.setattr(world.bot.workspace.messenger, "upload", refuse)
        assert not await upload_matrix(world.bot.workspace, run)


async def test_a_ticket_is_linked_where_it_is_and_one_that_is_gone_is_not_named(sqlite_url: str):
    async with make_world(sqlite_url) as world:
        ts = await world.say("my password does not work")
        await world.card(ts)
        async with world.database.reader() as work:
            ticket = await work.tickets.find(team_id=TEAM, channel_id=HELP, ts=ts)
        said = {"right": "login", "before": "billing", "now": "login"}
        rows = [{"ticket": str(ticket.id), **said}, {"ticket": str(uuid4()), **said}]
        metrics = await with_links(world.bot.workspace, {"changes": {"newly_right": rows}, "labels": 3})
        assert set(metrics["links"]) == {str(ticket.id)}
        assert metrics["labels"] == 3
        card = result_card("done", "", VERSION, metrics, ANNA)
        assert str(card.blocks).count("|your ticket>") == 1
        assert metrics["links"][str(ticket.id)] in str(card.blocks)
