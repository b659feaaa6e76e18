"""What processes of the benchmarks' own have in common: where their code is, how they end, what they said."""

from __future__ import annotations

import os
import subprocess  # our own commands  # nosec B404
from pathlib import Path

_SOURCES = Path(__file__).resolve().parents[1]


def environment(without: str) -> dict[str, str]:
    """This process's variables but for one, and our code on the path whatever the working directory is."""
    kept = {name: value for name, value in os.environ.items() if name != without}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, (str(_SOURCES), kept.get("PYTHONPATH"))))}


def end(process: subprocess.Popen[bytes], patience: float) -> None:
    """Wait for a process that was asked to end; kill it after so many seconds."""
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def last_line(log: Path) -> str:
    """What a log ends with: it says why its process did."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line for line in reversed(lines) if line.strip()), "it said nothing")
