"""What processes of the benchmarks' own have in common: where their code is, how they end, what they said."""

from __future__ import annotations

import os
import subprocess  # our own commands  # nosec B404
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.machine import memory_of

_SOURCES = Path(__file__).resolve().parents[1]


def environment(without: str) -> dict[str, str]:
    """This process's variables but for one, and our code on the path whatever the working directory is."""
    kept = {name: value for name, value in os.environ.items() if name != without}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, (str(_SOURCES), kept.get("PYTHONPATH"))))}


class Child:
    """A process of ours; use it in a with block, which ends it."""

    _process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def memory(self) -> dict[str, float] | None:
        """See machine.memory_of; None too while it does not run."""
        return memory_of(self._process.pid) if self._process is not None else None

    def stop(self) -> None:
        """Ask it to end."""
        raise NotImplementedError

    def _end(self, patience: float) -> None:
        """Wait for it, which was asked to end; kill it after so many seconds."""
        if self._process is None:
            return
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def last_line(log: Path) -> str:
    """What a log ends with: it says why its process did."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line for line in reversed(lines) if line.strip()), "it said nothing")
