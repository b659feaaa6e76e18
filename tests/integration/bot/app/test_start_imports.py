"""What a process does not import before it answers: that, not a clock, holds the time of a start."""

import subprocess
import sys
from pathlib import Path

import pytest

from classifier.model.registry import Registry
from tests.factories.tiny_bert import tiny_bert, tiny_model

ROOT = Path(__file__).parents[4]
HEAVY = {"torch", "transformers", "sklearn", "scipy", "sympy", "pandas", "optuna", "matplotlib", "PIL"}
"""What trains, judges and draws: seconds each on a cold machine."""

SLACK = {"slack_bolt", "slack_sdk", "apscheduler", "alembic", "sqlalchemy"}
ENGINE = {"onnxruntime", "onnx", "tokenizers", "safetensors"}
WEB = {"fastapi", "starlette", "uvicorn", "prometheus_client"}


def imported_by(code: str, *arguments: str, cwd: Path) -> set[str]:
    """Run code in a process of its own; the top-level modules that it had imported at its end."""
    report = "\nprint('imported', *sorted({name.partition('.')[0] for name in sys.modules}))"
    ended = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}{report}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
    )
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.splitlines()[-1].split()[1:])


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A model home with an active model."""
    place = tmp_path_factory.mktemp("start")
    registry = Registry(place / "models")
    registry.activate(registry.publish(tiny_model(tiny_bert(place / "base"), epochs=1)))
    return registry.home


def test_the_help_of_the_command_line_needs_next_to_nothing(tmp_path):
    code = """
import contextlib, io
from bot.app.cli import app
with contextlib.redirect_stdout(io.StringIO()) as help, contextlib.suppress(SystemExit):
    app(["--help"])
assert "doctor" in help.getvalue()
"""
    loaded = imported_by(code, cwd=tmp_path)
    assert not loaded & (HEAVY | SLACK | ENGINE | WEB | {"numpy", "aiohttp", "httpx"})


ANSWER = """
import asyncio, sys
from pathlib import Path
from pydantic import SecretStr
from bot.app.compose import everything, starter
from bot.settings import Settings
from classifier.settings import ClassifierSettings
from playground import Playground

async def main():
    channels = [category.destination for category in starter().categories]
    async with Playground(channels=channels) as playground:
        settings = Settings(
            _env_file=None,
            slack_bot_token=SecretStr(playground.app.token),
            slack_signing_secret=SecretStr(playground.app.signing_secret),
            slack_api_url=playground.api_url,
            port=0,
            database_url=f"sqlite+aiosqlite:///{Path.cwd()}/bot.db",
            support_channels=("help-desk",),
        )
        own = ClassifierSettings(_env_file=None, model_home=Path(sys.argv[1]), device="cpu")
        own.training_config()
        async with everything(settings, own) as bot:
            playground.app.request_url = bot.url
            ts = await playground.post_message("U0SAM", "C0HELP", "my vpn is not working")
            await playground.wait_for(lambda: playground.thread("C0HELP", ts))

asyncio.run(main())
"""


def test_a_first_answer_needs_nothing_that_trains_or_draws(home, tmp_path):
    loaded = imported_by(ANSWER, str(home), cwd=tmp_path)
    assert loaded >= ENGINE
    assert not loaded & (HEAVY | WEB)


def test_the_classifier_service_needs_neither_slack_nor_a_database(home, tmp_path):
    code = """
import asyncio
from pathlib import Path
from bot.app.compose import local_classifier
from classifier.serving.http.asgi import create_service
from classifier.serving.http.server import run_fast
from classifier.settings import ClassifierSettings

async def main():
    own = ClassifierSettings(_env_file=None, model_home=Path(sys.argv[1]), device="cpu")
    service = create_service(None, None)
    async with local_classifier(own) as (classifier, control):
        service.provide(classifier, control)
        assert await classifier.classify(["my vpn is not working"])

run_fast(main())
"""
    loaded = imported_by(code, str(home), cwd=tmp_path)
    assert ENGINE | WEB - {"uvicorn"} <= loaded
    assert not loaded & (HEAVY | SLACK | {"aiohttp"})
