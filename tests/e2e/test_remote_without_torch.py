"""`fingerpost bot` with a remote classifier, in an environment of its own that has no torch."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from classifier.serving.http.asgi import create_service
from classifier.serving.http.server import serving
from classifier.testing import ScriptedClassifier
from playground import Playground
from tests.factories.world import HELP, SAM, text_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def slim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with what the base installation asks for, at the locked versions."""
    folder = tmp_path_factory.mktemp("slim") / "venv"
    uv = [str(Path(sys.executable).with_name("uv"))]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    python = str(folder / "bin" / "python")
    install = [*uv, "pip", "install", "--quiet", "--python", python, "--constraint", "requirements.lock"]
    subprocess.run([*install, "--editable", "."], check=True, cwd=ROOT)
    return folder / "bin"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_the_bot_answers_from_an_environment_without_torch(slim: Path, tmp_path: Path):
    has_torch = "import importlib.util as u, sys; sys.exit(u.find_spec('torch') is not None)"
    checked = await asyncio.create_subprocess_exec(slim / "python", "-c", has_torch)
    assert await checked.wait() == 0
    port = free_port()
    service = create_service(ScriptedClassifier({"invoice": "billing", "vpn": "network"}), "secret-token")
    async with Playground(channels=["team-billing"]) as playground, serving(service) as address:
        environment = {
            "PATH": os.environ["PATH"],
            "FINGERPOST_SLACK_BOT_TOKEN": playground.app.token,
            "FINGERPOST_SLACK_SIGNING_SECRET": playground.app.signing_secret,
            "FINGERPOST_SLACK_API_URL": playground.api_url,
            "FINGERPOST_PORT": str(port),
            "FINGERPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'bot.db'}",
            "FINGERPOST_CLASSIFIER_URL": "http://{}:{}".format(*address),
            "FINGERPOST_CLASSIFIER_TOKEN": "secret-token",
        }
        process = await asyncio.create_subprocess_exec(
            slim / "fingerpost", "bot", env=environment, cwd=tmp_path
        )
        try:
            async with httpx.AsyncClient() as http:

                async def healthy() -> bool:
                    assert process.returncode is None, "the bot ended"
                    try:
                        return (await http.get(f"http://127.0.0.1:{port}/healthz")).is_success
                    except httpx.TransportError:
                        return False

                await playground.wait_for(healthy, timeout=60)
            playground.app.request_url = f"http://127.0.0.1:{port}/slack/events"
            ts = await playground.post_message(SAM, HELP, "where is my invoice?")
            cards = await playground.wait_for(lambda: playground.thread(HELP, ts), timeout=30)
            assert "Billing" in text_of(cards[0])
        finally:
            process.terminate()
            assert await process.wait() == 0
