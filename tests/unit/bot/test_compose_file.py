"""What an operator writes into .env reaches the containers."""

from __future__ import annotations

from pathlib import Path

import yaml

from bot.settings import Settings

COMPOSE = yaml.safe_load((Path(__file__).parents[3] / "docker-compose.yml").read_text())
OF_THE_IMAGE = {"slack_api_url", "mode", "port"}
"""In the containers these are as they are."""


def test_every_setting_of_the_bot_is_passed_on():
    passed = COMPOSE["services"]["bot"]["environment"]
    wanted = {f"FINGERPOST_{name.upper()}" for name in Settings.model_fields.keys() - OF_THE_IMAGE}
    assert wanted <= passed.keys()


def test_the_scheduler_knows_its_clock_and_whom_to_ask():
    passed = COMPOSE["services"]["scheduler"]["environment"]
    clock = ("CRON", "TIMEZONE", "MIN_LABELS", "AFTER_LABELS")
    assert {f"FINGERPOST_RETRAIN_{name}" for name in clock} <= passed.keys()
    assert (
        passed["FINGERPOST_CLASSIFIER_URL"]
        == COMPOSE["services"]["bot"]["environment"]["FINGERPOST_CLASSIFIER_URL"]
    )
