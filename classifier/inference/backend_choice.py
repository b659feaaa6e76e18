"""Which backend answers fastest on this very machine, among those that answer as the reference does.

The race runs in a child process (`racing`), so that the one that serves loads neither torch nor a second copy
of the model. Speeds are kept in a file by what they depend on: processor, cores, versions and the encoder's
shape, so that the next version of a model does not race while the last one is at work. The accuracy gate's
result is kept by the model directory's manifest.

The gate has two halves. Whether int8 keeps the answers to this model's messages is measured at the end of its
training, on held-back messages (`ModelFacts.int8_agreement`). Here, on sentences that ship with Fingerpost,
whether this processor computes int8 as it should: some add up products in 16 bits and overflow.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import subprocess  # nosec B404
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)

REFERENCE = "onnx-fp32"
"""What others must agree with; equal to torch in float32."""

MODES = ("side_by_side", "together", "alone", "alone_narrow")
"""What is timed of each backend, see `_best`."""

_SECONDS = 240.0
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Choice:
    """How a model is run.

    Attributes:
        backend: onnx-int8, onnx-fp32, torch or torch-bf16.
        workers: batches side by side, on one core each; 1: one at a time on all cores.
        wide: whether a message that is alone runs on all cores.
        refused: why faster backends were not taken, by their names.
        raced: False where a race would say more and was put off.
    """

    backend: str
    workers: int = 1
    wide: bool = True
    refused: Mapping[str, str] | None = None
    raced: bool = True


def choose(folder: Path, threads: int, cache: Path | None, *, later: bool = False) -> Choice:
    """The fastest backend that passes the gate.

    Args:
        folder: a verified model directory whose graph is known, see bert_graph.can_build.
        threads: cores to use.
        cache: folder of results; None: the race is run each time.
        later: whether to answer now, without a race whose result is not kept.

    Returns:
        ONNX Runtime in float32 where the race cannot be run, which is logged, or was put off.
    """
    names = {
        "speeds": f"speeds-{_key(folder / 'config.json', threads)}.json",
        "refused": f"gate-{_key(folder / 'manifest.sha256', threads)}.json",
    }
    known = {what: found for what, name in names.items() if _sound(what, found := _read(cache, name))}
    missing = [what for what in names if what not in known]
    if missing and later:
        return Choice(REFERENCE, threads, raced=False)
    if missing:
        command = [
            sys.executable,
            "-m",
            "classifier.inference.backend_timing",
            str(folder),
            str(threads),
            *missing,
        ]
        try:
            ended = subprocess.run(  # noqa: S603  # our own module  # nosec B603
                command, capture_output=True, text=True, timeout=_SECONDS, check=True
            )
            measured = json.loads(ended.stdout)
            for what in missing:
                known[what] = measured[what]
        except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError) as error:
            _log.error("the race of backends could not be run (%s): %s answers", error, REFERENCE)
            return Choice(REFERENCE, threads)
        for what in missing:
            _keep(cache, names[what], known[what])
    return _best(known["speeds"], known["refused"], threads)


def _best(speeds: Mapping[str, Mapping[str, float]], refused: Mapping[str, str], threads: int) -> Choice:
    """The backend and the layout that come to most texts a second.

    Args:
        speeds: by backend, texts a second: `side_by_side` of batches on one core each, `together` of one
            batch at a time on all cores; `alone` of single texts on all cores, `alone_narrow` on one.
        refused: backends that the gate does not let through, and why.
        threads: cores to use.
    """
    allowed = [name for name in speeds if name not in refused] or [REFERENCE]
    name = max(allowed, key=lambda each: max(speeds[each]["side_by_side"], speeds[each]["together"]))
    rates = speeds[name]
    workers = threads if rates["side_by_side"] > rates["together"] else 1
    return Choice(name, workers, rates["alone"] > rates["alone_narrow"], refused)


def _sound(what: str, content: Any) -> bool:
    """Whether a kept result is what was written: another version may have, or a full disk."""
    if not isinstance(content, dict):
        return False
    if what == "refused":
        return all(isinstance(reason, str) for reason in content.values())
    return REFERENCE in content and all(
        isinstance(rates, dict) and all(isinstance(rates.get(mode), (int, float)) for mode in MODES)
        for rates in content.values()
    )


def _read(cache: Path | None, name: str) -> Any:
    if cache is None:
        return None
    try:
        return json.loads((cache / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _keep(cache: Path | None, name: str, content: Any) -> None:
    if cache is None:
        return
    try:
        cache.mkdir(parents=True, exist_ok=True)
        partial = cache / f".{name}.{os.getpid()}"
        partial.write_text(json.dumps(content) + "\n", encoding="utf-8")
        partial.replace(cache / name)
    except OSError as error:
        _log.warning("the race's result cannot be kept in %s (%s)", cache, error.strerror)


def _key(file: Path, threads: int) -> str:
    """Of all that a result depends on: 16 hex digits."""
    libraries = [_version(name) for name in ("onnxruntime", "torch", "numpy")]
    about = [_FORMAT, hashlib.sha256(file.read_bytes()).hexdigest(), _processor(), threads, libraries]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    """The processor's name and what it can do."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
