"""Writing what a command was asked to write: for its owner alone, since messages may be in it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from classifier.contract import InvalidInput


def write_text(path: Path, content: str) -> None:
    """Write a file, with the folders above it.

    Raises:
        InvalidInput: it cannot be written.
    """
    write_bytes(path, content.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Do the same with bytes. Others may not read it, also where it was there before and they could.

    Raises:
        InvalidInput: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb", opener=_private) as file:
            file.write(content)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written ({error.strerror}): name another file") from error


def keep_private(folder: Path) -> None:
    """Let only their owner read a folder and the files directly in it."""
    folder.chmod(0o700)
    for file in folder.iterdir():
        if file.is_file() and not file.is_symlink():
            file.chmod(0o600)


def _private(path: str, flags: int) -> int:
    handle = os.open(path, flags, 0o600)
    status = os.fstat(handle)
    # a device or a pipe is nobody's to close off
    if stat.S_ISREG(status.st_mode) and status.st_mode & 0o077 and status.st_uid == os.geteuid():
        os.fchmod(handle, 0o600)
    return handle
