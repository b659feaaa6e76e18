"""The public data that benchmarks read: CSV files with the columns text,label in one folder."""

from __future__ import annotations

from pathlib import Path

from classifier.contract import InvalidInput
from classifier.data.dataset import Example, read_examples

TRAIN, TEST = FILES = ("banking77-train.csv", "banking77-test.csv")
"""BANKING77's official parts."""


def read(folder: Path, name: str) -> list[Example]:
    """Read one of the files.

    Raises:
        InvalidInput: it is missing, or no such file.
    """
    path = folder / name
    if not path.exists():
        raise InvalidInput(
            f"{path} does not exist: name the folder with the public data, see docs/results.md"
        )
    return read_examples(path)


def banking77(folder: Path) -> tuple[list[Example], list[Example]]:
    """(training part, test part); see `read`."""
    return read(folder, TRAIN), read(folder, TEST)
