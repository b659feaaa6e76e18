"""What figures about speed depend on: the machine, the versions, what else ran, and what processes hold."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from classifier.model.hardware import cores

_PACKAGES = ("torch", "transformers", "tokenizers", "onnxruntime", "scikit-learn")
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TOKENIZERS_PARALLELISM")


def describe() -> dict[str, Any]:
    """Processor, cores, load before the run, versions, and variables that set threads."""
    return {
        "processor": processor(),
        "cores": cores(),
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "versions": {name: version for name in _PACKAGES if (version := _version(name))},
        "environment": {name: os.environ[name] for name in _THREADS if name in os.environ},
    }


def processor() -> str:
    """Name of the processor, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def memory_of(pid: int) -> dict[str, float] | None:
    """Memory of a process and its children now, and the most that each has held, in MiB; Linux alone.

    Returns:
        {"rss_mib", "peak_mib"}; None where the system does not tell, or the process has ended.
    """
    found = [status for each in _tree(pid) if (status := _status(each)) is not None]
    if not found:
        return None
    return {"rss_mib": sum(rss for rss, _ in found), "peak_mib": sum(peak for _, peak in found)}


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = file.read_text(encoding="ascii").split()
        except OSError:  # the thread has ended
            continue
        for child in children:
            yield from _tree(int(child))


def _status(pid: int) -> tuple[float, float] | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return int(fields["VmRSS"].split()[0]) / 1024, int(fields["VmHWM"].split()[0]) / 1024
    except (OSError, KeyError, ValueError):  # gone, or ending
        return None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
