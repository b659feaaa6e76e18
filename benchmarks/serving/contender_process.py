"""The other end of contender: starts one, asks it, sees what it holds."""

from __future__ import annotations

import contextlib
import json
import select
import subprocess  # our own commands  # nosec B404
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.child import Child, environment, last_line
from benchmarks.turns import Spec
from classifier.contract import ClassifierError

_PATIENCE_SECONDS = 600.0
_STOP_SECONDS = 20.0


class ContenderFailed(ClassifierError):
    """A contender of the benchmark could not be measured."""


class ContenderProcess(Child):
    """One contender in a process of its own, which does nothing while it is not asked."""

    def __init__(self, name: str, spec: Spec, folder: Path) -> None:
        """Start it and hand it what it is; it gets ready on its own, see `ready`.

        Args:
            name: for messages and the name of its log.
            spec: what it is.
            folder: for its log.
        """
        self.name = name
        self._log = folder / f"{name}.log"
        # pipelines set this for their process; every other one shall have what its library does by itself
        variables = environment(without="TOKENIZERS_PARALLELISM")
        with self._log.open("wb") as log:
            process = subprocess.Popen(  # our own command  # nosec B603
                [sys.executable, "-m", "benchmarks.serving.contender"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=variables,
            )
        assert process.stdin is not None  # noqa: S101  # pipes, above  # nosec B101
        assert process.stdout is not None  # noqa: S101  # nosec B101
        self._process, self._stdin, self._stdout = process, process.stdin, process.stdout
        self._write(asdict(spec))

    def ready(self) -> dict[str, Any]:
        """Wait until it can answer.

        Returns:
            ready_seconds, and its notes.

        Raises:
            ContenderFailed: it could not get ready.
        """
        return self._read()

    def ask(self, what: str, texts: str, **options: float) -> dict[str, Any]:
        """Give a command of contender and wait for what it says.

        Raises:
            ContenderFailed: it could not.
        """
        self._write({"do": what, "texts": texts, **options})
        return self._read()

    def stop(self) -> None:
        """End it, gently first."""
        for pipe in (self._stdin, self._stdout):
            with contextlib.suppress(BrokenPipeError):  # it has ended
                pipe.close()
        self._end(_STOP_SECONDS)

    def _write(self, content: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has ended: reading will tell
            self._stdin.write(json.dumps(content).encode() + b"\n")
            self._stdin.flush()

    def _read(self) -> dict[str, Any]:
        readable, _, _ = select.select([self._stdout], [], [], _PATIENCE_SECONDS)
        if not readable:
            raise ContenderFailed(f"{self.name} gave no answer for {_PATIENCE_SECONDS:.0f} seconds")
        line = self._stdout.readline()
        if not line:
            raise ContenderFailed(f"{self.name} ended: {last_line(self._log)}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ContenderFailed(f"{self.name}: {answer['error']}")
        return answer
