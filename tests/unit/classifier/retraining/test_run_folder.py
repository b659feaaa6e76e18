"""What a retraining leaves on disk, and what of it is removed."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from classifier.model.registry import Registry
from classifier.retraining.run_folder import ADOPTED, PARTIAL_SECONDS, UNKNOWN_SECONDS, RunFolder, clean

RUN, OTHER = UUID(int=1), UUID(int=2)
VERSION, LIVE = "20260101T000000Z-00000a", "20260102T000000Z-00000b"
AGE = 1_800_000_000.0


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    (tmp_path / "ACTIVE").write_text(LIVE)
    (tmp_path / "HISTORY").write_text(LIVE + "\n")
    (tmp_path / LIVE).mkdir()
    return Registry(tmp_path)


def made(registry: Registry, run: UUID = RUN, fence: int = 1, version: str | None = None) -> RunFolder:
    folder = RunFolder(registry, run, fence)
    folder.make()
    if version:
        (folder.path / version).mkdir()
    return folder


def cleaned(registry: Registry, *held: RunFolder, versions: frozenset[str] = frozenset(), age: float = 0.0):
    now = max(entry.stat().st_mtime for entry in registry.home.rglob("*")) + age
    return clean(registry, {(one.run_id, one.fence) for one in held}, {RUN, OTHER}, versions, now)


def test_the_next_holder_goes_on_from_the_checkpoint(registry: Registry):
    first = made(registry)
    (first.path / ".training").mkdir()
    (first.path / ".training" / "checkpoint.json").write_text("{}")
    second = made(registry, fence=3)
    assert (second.path / ".training" / "checkpoint.json").read_text() == "{}"
    assert not (first.path / ".training").exists()


def test_a_dead_runs_folder_goes_and_a_live_ones_stays(registry: Registry):
    dead, live = made(registry), made(registry, OTHER)
    assert cleaned(registry, live) == [dead.path.name]
    assert live.path.is_dir()
    assert not dead.path.exists()


def test_a_candidate_appears_in_the_registry_by_one_rename(registry: Registry):
    folder = made(registry, version=VERSION)
    folder.adopt(VERSION)
    folder.adopt(VERSION)
    assert registry.list() == (VERSION, LIVE)
    assert registry.active() == LIVE
    folder.remove()
    assert registry.path(VERSION).is_dir()


def test_what_was_moved_and_never_noted_goes(registry: Registry):
    made(registry, version=VERSION).adopt(VERSION)
    assert VERSION in cleaned(registry)
    assert registry.list() == (LIVE,)


def test_what_the_database_knows_stays(registry: Registry):
    made(registry, version=VERSION).adopt(VERSION)
    cleaned(registry, versions=frozenset({VERSION}))
    assert registry.list() == (VERSION, LIVE)


def test_what_answers_stays_also_where_the_database_does_not_know_it(registry: Registry):
    folder = made(registry)
    (folder.path / ADOPTED).write_text(LIVE)
    cleaned(registry)
    assert registry.list() == (LIVE,)


def test_a_version_that_somebody_put_there_stays(registry: Registry):
    registry.path(VERSION).mkdir()
    made(registry)
    cleaned(registry, age=UNKNOWN_SECONDS * 2)
    assert VERSION in registry.list()


@pytest.mark.parametrize("note", ["", "../../etc", "nothing"])
def test_a_broken_note_removes_nothing(registry: Registry, note: str):
    folder = made(registry)
    (folder.path / ADOPTED).write_text(note)
    assert cleaned(registry) == [folder.path.name]
    assert registry.list() == (LIVE,)


def test_a_run_that_the_database_does_not_know_keeps_its_folder_for_a_day(registry: Registry):
    stranger = made(registry, UUID(int=9))
    assert cleaned(registry) == []
    assert cleaned(registry, age=UNKNOWN_SECONDS + 60) == [stranger.path.name]


def test_half_written_files_go_after_an_hour(registry: Registry):
    for name in (".training", "..training.ab12.partial", f".{VERSION}.ab12.partial"):
        (registry.home / name).mkdir()
    (registry.home / ".ACTIVE.123.partial").write_text("half")
    assert cleaned(registry) == []
    assert len(cleaned(registry, age=PARTIAL_SECONDS + 60)) == 4
    assert sorted(entry.name for entry in registry.home.iterdir()) == [LIVE, "ACTIVE", "HISTORY"]
