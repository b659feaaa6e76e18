"""The other end of contender: starts one, asks it, sees what it holds."""

from __future__ import annotations

import contextlib
import json
import select
import subprocess  # our own commands  # nosec B404
import sys
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.child import end, environment, last_line
from benchmarks.machine import memory_of
from benchmarks.turns import Spec
from classifier.contract import ClassifierError

_PATIENCE_SECONDS = 600.0
_STOP_SECONDS = 20.0


class ContenderFailed(ClassifierError):
    """A contender of the benchmark could not be measured."""


class ContenderProcess:
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
            self._process = subprocess.Popen(  # our own command  # nosec B603
                [sys.executable, "-m", "benchmarks.serving.contender"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=variables,
            )
        self._write(asdict(spec))

    def __enter__(self) -> ContenderProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

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

    def memory(self) -> dict[str, float] | None:
        """See machine.memory_of."""
        return memory_of(self._process.pid)

    def close(self) -> None:
        """End it, gently first."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # it has ended
                    pipe.close()
        end(self._process, _STOP_SECONDS)

    def _write(self, content: dict[str, Any]) -> None:
        assert self._process.stdin is not None  # noqa: S101  # a pipe, above  # nosec B101
        with contextlib.suppress(BrokenPipeError):  # it has ended: reading will tell
            self._process.stdin.write(json.dumps(content).encode() + b"\n")
            self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101  # a pipe, above  # nosec B101
        readable, _, _ = select.select([stdout], [], [], _PATIENCE_SECONDS)
        if not readable:
            raise ContenderFailed(f"{self.name} gave no answer for {_PATIENCE_SECONDS:.0f} seconds")
        line = stdout.readline()
        if not line:
            raise ContenderFailed(f"{self.name} ended: {last_line(self._log)}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ContenderFailed(f"{self.name}: {answer['error']}")
        return answer
