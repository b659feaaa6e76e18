"""A `.env` and training options of version 0.1.0 are read as they were; every command takes what it took."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer

from bot.app.cli import app
from bot.settings import Settings
from classifier.settings import ClassifierSettings
from storage.settings import StorageSettings

BEFORE = Path(__file__).parents[2] / "data" / "before"
FILES = ("http.env", "socket.env")
FOUND = json.loads((BEFORE / "settings.json").read_text())

LEVERS = {
    "r_drop",
    "contrastive",
    "contrastive_temperature",
    "contrastive_epochs",
    "masked_lm_epochs",
    "averaging",
    "balance",
    "self_training",
}
"""Training options that did not help and were taken out; they were off unless asked for."""

GONE = {"evaluate": {"--planted"}}
"""`fingerpost bench shortcut` measures it."""


@pytest.fixture(autouse=True)
def nothing_but_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in os.environ:
        if name.startswith("FINGERPOST_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    shutil.copy(BEFORE / "options.json", tmp_path)


def plain(values: Any) -> Any:
    return json.loads(json.dumps(values, default=str))


def read(settings: Any) -> dict[str, Any]:
    """Every value as JSON; the secrets are made up."""
    values = {name: getattr(settings, name) for name in type(settings).model_fields}
    shown = {n: v.get_secret_value() if hasattr(v, "get_secret_value") else v for n, v in values.items()}
    found: dict[str, Any] = plain(shown)
    return found


@pytest.mark.parametrize("name", FILES)
def test_the_env_file_is_found_and_means_what_it_meant(name: str, tmp_path: Path):
    shutil.copy(BEFORE / name, tmp_path / ".env")
    before = FOUND[name]
    bot, own = Settings(), ClassifierSettings()
    plan = bot.question_plan()
    said = read(bot) | {"socket_mode": bot.socket_mode, "missing": bot.missing()}
    assert said.items() >= before["bot"].items()
    assert read(StorageSettings()).items() >= before["storage"].items()
    assert read(own).items() >= before["classifier"].items()
    assert {"per_day": plan.per_day, "day": plan.day(datetime(2026, 11, 2, 9, 0, tzinfo=UTC))} == before[
        "questions"
    ]
    assert plain(asdict(own.engine_settings())).items() >= before["engine"].items()
    training = {option: value for option, value in before["training"].items() if option not in LEVERS}
    assert plain(asdict(own.training_config())).items() >= training.items()


def test_every_setting_of_before_is_in_the_file():
    lines = (BEFORE / "http.env").read_text().splitlines()
    named = {line.partition("=")[0] for line in lines}
    wanted = {
        f"FINGERPOST_{name.upper()}" for name in FOUND["http.env"]["bot"].keys() & Settings.model_fields
    }
    wanted |= {f"FINGERPOST_CLASSIFIER_{name.upper()}" for name in FOUND["http.env"]["classifier"]}
    assert wanted <= named


def test_a_removed_lever_at_its_default_is_no_error():
    config = ClassifierSettings(options=BEFORE / "options-neutral.json").training_config()
    assert config.learning_rate == 2e-4


def differences(path: str, before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What a command, or one below it, no longer takes."""
    missing = set(before["options"]) - set(now["options"]) - GONE.get(path, set())
    found = [f"{path} {option}" for option in sorted(missing)]
    if before["arguments"] != now["arguments"]:
        found.append(f"{path} {before['arguments']} -> {now['arguments']}")
    for name, below in before.get("commands", {}).items():
        full = f"{path} {name}".strip()
        commands = now.get("commands", {})
        found += differences(full, below, commands[name]) if name in commands else [full]
    return found


def tree(command: Any) -> dict[str, Any]:
    options = [
        o for p in command.params if p.param_type_name != "argument" for o in p.opts + p.secondary_opts
    ]
    arguments = [p.name for p in command.params if p.param_type_name == "argument"]
    below = {name: tree(each) for name, each in getattr(command, "commands", {}).items()}
    return {"options": options, "arguments": arguments, "commands": below}


def test_every_command_and_option_is_still_there():
    before = json.loads((BEFORE / "commands.json").read_text())
    assert differences("", before, tree(typer.main.get_command(app))) == []
