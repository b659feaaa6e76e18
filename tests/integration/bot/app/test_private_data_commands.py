"""Commands that touch what people wrote: nothing is readable to others, no address shows a credential."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.app.cli import main
from migrations.runner import upgrade
from storage.database import Database
from storage.feedback.categories import CategorySpec
from tests.factories.storage import add_predicted

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run a command in a folder of its own; returns its exit code and all that it wrote."""
    monkeypatch.chdir(tmp_path)
    before = os.umask(0o022)

    def command(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["fingerpost", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        written = capsys.readouterr()
        return int(ended.value.code or 0), written.out + written.err

    yield command
    os.umask(before)


def keep_a_ticket(path: Path) -> None:
    """Leave a category and a ticket, as a bot does."""
    upgrade(f"sqlite:///{path}")

    async def work() -> None:
        database = Database(f"sqlite:///{path}")
        async with database.unit_of_work() as work:
            await work.categories.sync(team_id="T1", specs=[CategorySpec("login", "Sign-in", "key", "Codes")])
            await add_predicted(work, user_id="U0ME", text="my own words")
            await work.commit()
        await database.dispose()

    asyncio.run(work())


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_doctor_shows_no_credential_of_an_address(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FINGERPOST_CLASSIFIER_URL", "http://me:hunter2@127.0.0.1:9/?token=hunter2")
    monkeypatch.setenv(
        "FINGERPOST_DATABASE_URL", "postgresql://me@127.0.0.1:9/nothing?password=hunter2&connect_timeout=1"
    )
    code, said = run("doctor")
    assert code == 2
    assert "FAIL classifier: http://me:[hidden]@127.0.0.1:9/?token=[hidden] does not answer" in said
    assert "FAIL database: " in said
    assert "hunter2" not in said
    code, said = run("db", "check")
    assert (code, "hunter2" in said) == (2, False)


def test_what_is_made_is_the_owners_alone_in_a_folder_that_is_open_to_all(run: Run, tmp_path: Path):
    home = tmp_path / ".fingerpost"
    home.mkdir()
    home.chmod(0o755)
    database, mine = home / "fingerpost.db", tmp_path / "mine.json"
    for there in (database, mine):
        there.touch()
        there.chmod(0o644)
    keep_a_ticket(database)
    assert mode_of(database) == 0o600
    assert run("labels", "export", "labels.csv")[0] == 0
    assert run("data", "export", "--user", "U0ME", "--output", "mine.json")[0] == 0
    assert {mode_of(path) for path in (mine, tmp_path / "labels.csv", *home.iterdir())} == {0o600}


def test_the_files_beside_an_open_database_are_the_owners_alone(tmp_path: Path):
    path = tmp_path / "fingerpost.db"
    keep_a_ticket(path)
    path.chmod(0o644)
    beside = [tmp_path / f"fingerpost.db-{name}" for name in ("wal", "shm")]
    before = os.umask(0o022)

    async def work() -> set[int]:
        database = Database(f"sqlite:///{path}")
        async with database.unit_of_work() as work:
            await add_predicted(work)
            await work.commit()
            found = {mode_of(each) for each in [path, *beside]}
        await database.dispose()
        return found

    try:
        assert asyncio.run(work()) == {0o600}
    finally:
        os.umask(before)


def test_a_persons_data_is_handed_out_and_erased(run: Run, tmp_path: Path):
    keep_a_ticket(tmp_path / ".fingerpost" / "fingerpost.db")
    shown = json.loads(run("data", "export", "--user", "U0ME")[1])
    assert (shown["team"], [ticket["text"] for ticket in shown["tickets"]]) == ("T1", ["my own words"])
    code, said = run("data", "erase", "--user", "e", "--yes")
    assert code == 2
    assert "no person's id" in said
    code, said = run("data", "erase", "--user", "U0ME", "--yes")
    assert code == 0
    assert "Erased: 1 tickets" in said
    assert "until the next training" in said
    assert json.loads(run("data", "export", "--user", "U0ME")[1])["tickets"] == []


def test_erasing_asks_first(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    keep_a_ticket(tmp_path / ".fingerpost" / "fingerpost.db")
    monkeypatch.setattr("typer.confirm", _no)
    assert run("data", "erase", "--user", "U0ME")[0] == 1
    assert len(json.loads(run("data", "export", "--user", "U0ME")[1])["tickets"]) == 1


def _no(text: str, *, abort: bool) -> None:
    import typer

    assert "cannot be brought back" in text
    assert abort
    raise typer.Abort
