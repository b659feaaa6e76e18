"""What an operator can set, and what is said where it is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bot.settings import Settings

BOT, SECRET, APP = "xoxb-made-up", "made-up-secret", "xapp-made-up"


def settings(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(f"FINGERPOST_{name}", value)
    return Settings(_env_file=None)


def test_without_anything_it_starts_embedded_and_local(monkeypatch: pytest.MonkeyPatch):
    made = settings(monkeypatch)
    assert made.database_url == "sqlite+aiosqlite:///.fingerpost/fingerpost.db"
    assert (made.host, made.port, made.classifier_url) == ("127.0.0.1", 3000, None)


@pytest.mark.parametrize(
    ("environment", "missing"),
    [
        ({}, ["FINGERPOST_SLACK_BOT_TOKEN", "FINGERPOST_SLACK_SIGNING_SECRET"]),
        ({"SLACK_BOT_TOKEN": BOT}, ["FINGERPOST_SLACK_SIGNING_SECRET"]),
        ({"SLACK_BOT_TOKEN": BOT, "SLACK_SIGNING_SECRET": SECRET}, []),
        ({"SLACK_BOT_TOKEN": BOT, "SLACK_APP_TOKEN": APP}, []),
        ({"SLACK_APP_TOKEN": APP}, ["FINGERPOST_SLACK_BOT_TOKEN"]),
        ({"SLACK_BOT_TOKEN": "", "SLACK_SIGNING_SECRET": SECRET}, ["FINGERPOST_SLACK_BOT_TOKEN"]),
        ({"SLACK_BOT_TOKEN": BOT, "MODE": "socket"}, ["FINGERPOST_SLACK_APP_TOKEN"]),
        (
            {"SLACK_BOT_TOKEN": BOT, "SLACK_APP_TOKEN": APP, "MODE": "http"},
            ["FINGERPOST_SLACK_SIGNING_SECRET"],
        ),
    ],
    ids=str,
)
def test_missing_settings_are_named(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], missing: list[str]
):
    assert settings(monkeypatch, **environment).missing() == missing


@pytest.mark.parametrize(
    ("environment", "socket"),
    [
        ({}, False),
        ({"SLACK_APP_TOKEN": APP}, True),
        ({"SLACK_APP_TOKEN": ""}, False),
        ({"MODE": "socket"}, True),
    ],
    ids=str,
)
def test_an_app_level_token_means_socket_mode(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], socket: bool
):
    assert settings(monkeypatch, **environment).socket_mode is socket


@pytest.mark.parametrize(
    ("value", "channels"),
    [("", ()), ("help", ("help",)), ("#help, C0OPS ,,it-help", ("help", "C0OPS", "it-help")), (" , ", ())],
)
def test_channels_are_a_comma_separated_list(
    monkeypatch: pytest.MonkeyPatch, value: str, channels: tuple[str, ...]
):
    assert settings(monkeypatch, SUPPORT_CHANNELS=value).support_channels == channels


def test_questions_have_a_budget_hours_and_a_time_zone(monkeypatch: pytest.MonkeyPatch):
    plan = settings(monkeypatch).question_plan()
    assert (plan.per_day, plan.hours, str(plan.zone)) == (5, (9, 17), "UTC")
    plan = settings(
        monkeypatch, QUESTIONS_PER_DAY="0", QUESTION_HOURS="8-12", TIMEZONE="Europe/Berlin"
    ).question_plan()
    assert (plan.per_day, plan.hours, str(plan.zone)) == (0, (8, 12), "Europe/Berlin")


@pytest.mark.parametrize(
    ("name", "value"),
    [("QUESTIONS_PER_DAY", "-1"), ("QUESTION_HOURS", "17-9"), ("TIMEZONE", "Mars/Olympus")],
)
def test_odd_plans_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str):
    with pytest.raises(ValidationError):
        settings(monkeypatch, **{name: value})


def test_an_empty_line_in_the_environment_is_no_setting(monkeypatch: pytest.MonkeyPatch):
    made = settings(monkeypatch, PORT="", DATABASE_URL="", RETRAIN_CRON="", CLASSIFIER_URL="")
    assert made.port == 3000
    assert made.database_url
    assert made.retrain_cron == "0 3 * * *"
    assert made.classifier_url is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("PORT", "http"),
        ("MODE", "carrier-pigeon"),
        ("INBOX_WORKERS", "0"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str):
    with pytest.raises(ValidationError, match=name.lower()):
        settings(monkeypatch, **{name: value})


def test_a_dot_env_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("FINGERPOST_PORT=4000\nFINGERPOST_HOST=0.0.0.0\nOTHER=1\n", encoding="utf-8")
    monkeypatch.setenv("FINGERPOST_PORT", "5000")
    made = Settings()
    assert (made.host, made.port) == ("0.0.0.0", 5000)  # noqa: S104 - nothing listens


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch):
    made = settings(
        monkeypatch,
        SLACK_BOT_TOKEN=BOT,
        SLACK_SIGNING_SECRET=SECRET,
        SLACK_APP_TOKEN=APP,
        CLASSIFIER_TOKEN="made-up-too",
    )
    shown: tuple[Any, ...] = (repr(made), str(made), made.model_dump_json())
    for text in shown:
        assert not any(secret in text for secret in (BOT, SECRET, APP, "made-up-too"))
