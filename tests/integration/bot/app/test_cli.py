"""The command line as an operator meets it: one line that says what to do, and exit code 2."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def fingerpost(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("fingerpost")
    return subprocess.run(
        [program, *arguments],
        check=False,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "HF_HUB_OFFLINE": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


TOKENS = {"FINGERPOST_SLACK_BOT_TOKEN": "xoxb-made-up", "FINGERPOST_SLACK_SIGNING_SECRET": "made-up"}
REMOTE = TOKENS | {"FINGERPOST_CLASSIFIER_URL": "http://127.0.0.1:9"}
EVERYWHERE = "0.0.0.0"  # noqa: S104 - to see it refused


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["bot"], TOKENS, "FINGERPOST_CLASSIFIER_URL is not set"),
        (["bot"], {"FINGERPOST_CLASSIFIER_URL": "http://127.0.0.1:9"}, "FINGERPOST_SLACK_BOT_TOKEN"),
        (
            ["bot"],
            TOKENS
            | {
                "FINGERPOST_CLASSIFIER_URL": "http://127.0.0.1:9",
                "FINGERPOST_DATABASE_URL": "postgresql://me:hunter2@127.0.0.1:9/nothing?password=hunter2",
            },
            "FINGERPOST_DATABASE_URL",
        ),
        (["bot"], {"FINGERPOST_PORT": "many"}, "FINGERPOST_PORT is wrong"),
        (["bot"], REMOTE | {"FINGERPOST_DATABASE_URL": "mysql://x/y"}, "FINGERPOST_DATABASE_URL"),
        (["scheduler"], {"FINGERPOST_RETRAIN_CRON": "sometimes"}, "FINGERPOST_RETRAIN_CRON is wrong"),
        (["classifier"], {"FINGERPOST_CLASSIFIER_HOST": EVERYWHERE}, "CLASSIFIER_TOKEN is not set"),
        (["models", "activate", "20260101T000000Z-abcdef"], {}, "models list"),
        (["models", "rollback"], {}, "no earlier version"),
        (["labels", "import", "missing.csv"], {}, "missing.csv"),
        (["db", "check"], {}, "fingerpost db upgrade"),
        (["classify", "nowhere", "text"], {}, "nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_a_mistake_is_one_line_that_says_what_to_do(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], said: str
):
    result = fingerpost(*arguments, folder=tmp_path, **environment)
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert result.returncode == 2, result.stderr
    assert len(errors) == 1
    assert said in errors[0]
    assert "Traceback" not in result.stderr
    assert "hunter2" not in result.stderr


def test_the_doctor_names_what_is_missing_and_how_to_mend_it(tmp_path: Path):
    result = fingerpost("doctor", folder=tmp_path)
    assert result.returncode == 2
    assert "FINGERPOST_SLACK_BOT_TOKEN" in result.stdout
    assert "fingerpost db upgrade" in result.stdout
    assert "fits a first one" in result.stdout


def test_a_database_is_made_and_then_up_to_date(tmp_path: Path):
    assert fingerpost("db", "upgrade", folder=tmp_path).returncode == 0
    assert fingerpost("db", "check", folder=tmp_path).returncode == 0


def test_labels_need_a_workspace_to_go_to(tmp_path: Path):
    (tmp_path / "labels.csv").write_text("text,label\nmy invoice,billing\n", encoding="utf-8")
    result = fingerpost("labels", "import", "labels.csv", folder=tmp_path)
    assert result.returncode == 2
    assert "start the bot once first" in result.stderr
