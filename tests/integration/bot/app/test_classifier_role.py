"""`fingerpost classifier` as operators run it: a process, a registry of real models, HTTP."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import httpx
import pytest

from classifier.client.client import RemoteClassifier
from classifier.contract import Versions
from classifier.model.registry import Registry
from tests.factories.tiny_bert import tiny_bert, tiny_model


@pytest.fixture
def registry(tmp_path):
    base = tiny_bert(tmp_path / "base")
    registry = Registry(tmp_path / "models")
    for seed in (0, 1):
        registry.publish(tiny_model(base, seed=seed, epochs=1))
    registry.activate(registry.list()[0])
    return registry


def loaded_files(pid):
    """What a process has mapped into its memory."""
    return Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")


async def ready(client):
    try:
        return (await client.get("/readyz")).is_success
    except httpx.ConnectError:
        return False


async def test_the_service_answers_changes_its_model_and_ends_in_order(registry, tmp_path):
    old, new = registry.list()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "OMP_NUM_THREADS": "1",
        "FINGERPOST_CLASSIFIER_MODEL_HOME": str(registry.home),
        "FINGERPOST_CLASSIFIER_PORT": str(port),
        "FINGERPOST_CLASSIFIER_TOKEN": "secret",
        "FINGERPOST_CLASSIFIER_DEVICE": "cpu",
    }
    command = "from bot.app.cli import main; main()"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", command, "classifier", env=environment, cwd=tmp_path
    )
    remote = RemoteClassifier(f"http://127.0.0.1:{port}", "secret", timeout=60)
    client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}")
    try:
        async with asyncio.timeout(120):
            while not await ready(client):
                assert process.returncode is None
                await asyncio.sleep(0.05)
        assert await remote.versions() == Versions((old, new), old)
        assert await remote.activate(new) == new
        assert (await remote.classify(["vpn"]))[0].model_version == new
        metrics = (await client.get("/metrics")).text
        assert "fingerpost_classifier_model_swaps_total 1.0" in metrics
        assert "fingerpost_classifier_queue_texts 0.0" in metrics
        if sys.platform == "linux":
            mapped = loaded_files(process.pid)
            assert "onnxruntime" in mapped
            assert "libtorch" not in mapped
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    finally:
        await remote.close()
        await client.aclose()
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert registry.active() == new
