"""Writing what a command was asked to write."""

from __future__ import annotations

from pathlib import Path

from classifier.contract import InvalidInput


def write_text(path: Path, content: str) -> None:
    """Write a file, with the folders above it.

    Raises:
        InvalidInput: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written ({error.strerror}): name another file") from error
