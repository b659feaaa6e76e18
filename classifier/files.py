"""Writing what a command was asked to write."""

from __future__ import annotations

from pathlib import Path

from classifier.contract import InvalidInput


def write_text(path: Path, content: str) -> None:
    """Write a file, with the folders above it.

    Raises:
        InvalidInput: it cannot be written.
    """
    write_bytes(path, content.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Do the same with bytes.

    Raises:
        InvalidInput: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written ({error.strerror}): name another file") from error
