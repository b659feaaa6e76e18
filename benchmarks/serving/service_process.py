"""The real service, `fingerpost classifier`, as a process of its own on a loopback port."""

from __future__ import annotations

import http.client
import json
import secrets
import shutil
import socket
import subprocess  # our own commands  # nosec B404
import sys
import time
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

from benchmarks.child import Child, environment, last_line
from benchmarks.serving.http_load import Address
from classifier.contract import BrokenModel, ClassifierUnavailable
from classifier.model.integrity import MANIFEST, sha256_of
from classifier.model.registry import Registry

_HOST = "127.0.0.1"
_START_SECONDS = 300.0
_STOP_SECONDS = 40.0  # more than the service takes for what is under way
_LOOK_SECONDS = 0.02
_PROGRAM = "from bot.app.cli import main; main()"  # by name: the classifier imports nothing of the bot


class ServiceProcess(Child):
    """Serves the active version of a registry of its own, with an empty folder for caches at the first start.

    Attributes:
        address: where it listens.
        registry: what it serves from; it follows another activation within about a second.
        versions: names of the models, in their order; the first one is active.
    """

    def __init__(self, models: Sequence[Path], folder: Path) -> None:
        """Publish model directories.

        Args:
            models: one or more.
            folder: for the registry, caches and the log; kept from start to start.

        Raises:
            BrokenModel: one of them is no whole model directory.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._log = folder, folder / "service.log"
        self.registry = Registry(folder / "models")
        self.versions = [self.registry.publish(model) for model in models]
        self.registry.activate(self.versions[0])
        self._port = _free_port()
        self.address = Address(f"http://{_HOST}:{self._port}", secrets.token_urlsafe(16))

    def start(self) -> float:
        """Start it.

        Returns:
            Seconds until GET /readyz said that it is ready.

        Raises:
            ClassifierUnavailable: it ended, or did not become ready in time.
        """
        began = time.perf_counter()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own command  # nosec B603
                [sys.executable, "-c", _PROGRAM, "classifier"],
                cwd=self._folder,  # with no .env in it
                env=self._environment(),
                stdout=log,
                stderr=log,
            )
        while self.version() is None:
            if self._process.poll() is not None or time.perf_counter() - began > _START_SECONDS:
                self.stop()
                raise ClassifierUnavailable(f"the service did not become ready: {last_line(self._log)}")
            time.sleep(_LOOK_SECONDS)
        return time.perf_counter() - began

    def version(self) -> str | None:
        """Name of the version that answers; None while it is not ready."""
        connection = http.client.HTTPConnection(_HOST, self._port, timeout=5.0)
        try:
            connection.request("GET", "/readyz")
            response = connection.getresponse()
            body = response.read()
            return str(json.loads(body)["version"]) if response.status == HTTPStatus.OK else None
        except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
            return None
        finally:
            connection.close()

    def stop(self) -> None:
        """End it, gently first."""
        if self._process is not None:
            self._process.terminate()
            self._end(_STOP_SECONDS)

    def _environment(self) -> dict[str, str]:
        return {
            **environment(without="FINGERPOST_CLASSIFIER_URL"),
            "XDG_CACHE_HOME": str(self._folder / "cache"),
            "FINGERPOST_CLASSIFIER_MODEL_HOME": str(self.registry.home),
            "FINGERPOST_CLASSIFIER_HOST": _HOST,
            "FINGERPOST_CLASSIFIER_PORT": str(self._port),
            "FINGERPOST_CLASSIFIER_TOKEN": self.address.token or "",
        }


def second_version(model: Path, folder: Path) -> Path:
    """Copy a model directory under the name of another version, to swap to and fro.

    Args:
        model: a model directory.
        folder: the directory to make.

    Raises:
        BrokenModel: it is not a whole model directory.
    """
    shutil.copytree(model, folder)
    facts, manifest = folder / "fingerpost.json", folder / MANIFEST
    try:
        content = json.loads(facts.read_text(encoding="utf-8"))
        last = content["version"][-1]
        content["version"] = content["version"][:-1] + ("1" if last == "0" else "0")
        facts.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        lines = manifest.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise BrokenModel(f"{model} is no whole model directory: train it again") from error
    digest = sha256_of(facts)
    changed = [f"{digest}  {facts.name}" if line.endswith(f"  {facts.name}") else line for line in lines]
    manifest.write_text("\n".join(changed) + "\n", encoding="utf-8")
    return folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
