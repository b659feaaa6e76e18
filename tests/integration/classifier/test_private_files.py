"""Model directories, runs and reports are their owner's alone, whatever the process is otherwise told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from classifier.files import write_text
from classifier.model.registry import Registry
from classifier.retraining.run_folder import RunFolder
from tests.factories.tiny_bert import tiny_bert, tiny_model


@pytest.fixture(autouse=True)
def open_to_all() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_model_and_a_run_can_be_read_by_their_owner_alone(tmp_path: Path):
    registry = Registry(tmp_path / "models")
    folder = registry.path(registry.publish(tiny_model(tiny_bert(tmp_path / "base"), baselines=False)))
    run = RunFolder(registry, UUID(int=1), 1)
    run.make()
    assert {mode_of(each) for each in (registry.home, folder, run.path)} == {0o700}
    assert {mode_of(file) for file in folder.iterdir()} == {0o600}
    for file in folder.iterdir():
        file.chmod(0o644)
    copied = Registry(tmp_path / "others").publish(folder)
    assert {mode_of(file) for file in (tmp_path / "others" / copied).iterdir()} == {0o600}


def test_a_file_that_was_there_and_open_is_closed_and_a_device_is_left_alone(tmp_path: Path):
    path, device = tmp_path / "report.html", Path("/dev/null")
    path.write_text("older")
    assert mode_of(path) == 0o666
    before = mode_of(device)
    for each in (path, device):
        write_text(each, "new")
    assert (mode_of(path), path.read_text()) == (0o600, "new")
    assert mode_of(device) == before
