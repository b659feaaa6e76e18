"""What keeps the training's child process within bounds: its memory, and the life of its parent."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path

SHARE_OF_MEMORY = 0.75
"""Of what the machine or the container has; the rest is for the process that answers people."""
FEWEST_MIB = 2048
"""The least that a default allows: torch and its threads alone take a gigabyte of writable address space."""
OOM_SCORE = 800
"""Where the machine's memory ends, the kernel is to end this process, not the one that answers people."""
EXCEEDED = "The training needed more than {mib} MiB of memory"
ADVICE = (
    "set FINGERPOST_CLASSIFIER_RETRAIN_MEMORY_MIB higher, "
    "or FINGERPOST_CLASSIFIER_BATCH_SIZE or _MAX_TOKENS lower"
)
_MIB = 1024 * 1024
_UNLIMITED = 1 << 60
"""Larger numbers in a control group's file mean "no limit"."""
_PR_SET_PDEATHSIG = 1
_PARENT_SECONDS = 1.0
_SIGNS = (
    "can't allocate memory",
    "cannot allocate memory",
    "out of memory",
    "bad_alloc",
    "memoryerror",
    "failed to map segment",
)


def default_memory_mib() -> int:
    """Three quarters of the machine's memory, or of the control group's limit where that is lower.

    Never below 2 GiB: on a machine that has no more, the kernel decides, see `limit_memory`.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in _limit_files(Path("/sys/fs/cgroup"), _own_groups()):
        with contextlib.suppress(OSError, ValueError):  # missing, or "max"
            limit = int(path.read_text(encoding="ascii"))
            memory = min(memory, limit) if limit < _UNLIMITED else memory
    return max(FEWEST_MIB, int(memory * SHARE_OF_MEMORY) // _MIB)


def _own_groups() -> dict[str, str]:
    """This process's control groups, by controller; the one of version 2 has no name."""
    groups = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            groups.update(dict.fromkeys(controllers.split(","), path))
    return groups


def _limit_files(root: Path, groups: dict[str, str]) -> list[Path]:
    """Where a limit may stand: in a container its group is the root, elsewhere it has a path."""
    files = [root / "memory.max", root / "memory" / "memory.limit_in_bytes"]
    if "" in groups:
        files.append(root / groups[""].lstrip("/") / "memory.max")
    if "memory" in groups:
        files.append(root / "memory" / groups["memory"].lstrip("/") / "memory.limit_in_bytes")
    return files


def limit_memory(mib: int) -> None:
    """Let further allocations of this process fail above a limit.

    RLIMIT_DATA counts private writable memory (Linux 4.7 and later). RLIMIT_AS would also count the files
    and the address space that torch and CUDA only reserve. It covers no memory of a GPU.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = mib * _MIB
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, hard))
    with contextlib.suppress(OSError):  # no Linux, or not ours to say
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE), encoding="ascii")


def says_out_of_memory(text: str) -> bool:
    """Whether an error's text, of torch or of a native library, means that memory was refused."""
    return any(sign in text.lower() for sign in _SIGNS)


def end_with_parent(parent: int) -> None:
    """End this process when the one that started it ends, however that happens."""
    if sys.platform == "linux":
        # the kernel does it, also while native code holds the interpreter
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before it could be watched
        os._exit(1)
    if sys.platform != "linux":
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_SECONDS)
    os._exit(1)
