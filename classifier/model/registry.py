"""Model versions on disk: publish, activate, roll back.

home/
├── 20261121T101500Z-ab12cd/   a model directory (see model_directory.py), never changed after it appeared
├── 20261122T101500Z-01fe9a/
├── ACTIVE                     the name of the version that answers, replaced atomically
└── HISTORY                    one line an activation, newest last: "<version>"
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from classifier.contract import BrokenModel, InvalidInput, UnknownVersion
from classifier.files import keep_private
from classifier.model.integrity import MANIFEST, read_facts, sha256_of, verify

if TYPE_CHECKING:
    from classifier.model.network import TrainedModel

VERSION = re.compile("[0-9]{8}T[0-9]{6}Z-[0-9a-z]{6}")
"""A time and six digits of the weights' sha256: sorts by age, and says which weights."""


class Registry:
    """The versions below one directory. Safe to use from several processes: every change is one rename."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def path(self, version: str) -> Path:
        """Directory of a version, whether it exists or not.

        Raises:
            UnknownVersion: that is no version's name.
        """
        if not VERSION.fullmatch(version):
            raise UnknownVersion(f"{version!r} is no version: `fingerpost models list` names them")
        return self.home / version

    def list(self) -> tuple[str, ...]:
        """Names of the versions on disk, oldest first."""
        if not self.home.is_dir():
            return ()
        return tuple(sorted(entry.name for entry in self.home.iterdir() if VERSION.fullmatch(entry.name)))

    def publish(
        self,
        model: TrainedModel | Path,
        *,
        card: str = "",
        extra: Mapping[str, bytes] | None = None,
    ) -> str:
        """Add a model, or a copy of a model directory. It does not answer before it is activated.

        Args:
            model: what to add.
            card: text of a model's card, see evaluation.model_card; a directory keeps its own.
            extra: more files by name, for a model that is not a directory yet.

        Returns:
            The version's name. Publishing the same version again changes nothing.

        Raises:
            BrokenModel: the directory is not a whole model directory.
        """
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not isinstance(model, Path):
            from classifier.model.directory import save_model_directory  # noqa: PLC0415 - torch

            target = self.path(model.facts.version)
            if not target.exists():
                save_model_directory(model, target, card=card, extra=extra)
            return target.name
        verify(model)
        target = self.path(read_facts(model).version)
        if not target.exists():
            partial = self.home / f".{target.name}.{os.getpid()}.partial"
            shutil.copytree(model, partial, dirs_exist_ok=True)
            keep_private(partial)
            verify(partial)
            partial.rename(target)
        return target.name

    def adopt(self, folder: Path) -> str:
        """Add a whole model directory from the same file system by one rename; it does not answer yet.

        Returns:
            The version's name, which is the folder's.
        """
        target = self.path(folder.name)
        if not target.exists():
            folder.rename(target)
        return target.name

    def mentioned(self) -> frozenset[str]:
        """The versions that answer, or answered before."""
        return frozenset({*self._history(), *filter(None, [self.active()])})

    def manifest_hash(self, version: str) -> str:
        """Sha256 (hex) of a version's manifest, which holds the sha256 of all its files.

        Raises:
            BrokenModel: it has none.
        """
        try:
            return sha256_of(self.path(version) / MANIFEST)
        except OSError as error:
            raise BrokenModel(f"version {version} has no manifest: train it again") from error

    def active(self) -> str | None:
        """Name of the version that answers, None before the first activation."""
        try:
            return (self.home / "ACTIVE").read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None

    def active_path(self) -> Path | None:
        """Directory of the version that answers, None before the first activation."""
        version = self.active()
        return self.path(version) if version else None

    def activate(self, version: str) -> None:
        """Let a version answer from now on.

        Raises:
            UnknownVersion: there is no such version.
            BrokenModel: its directory is incomplete or was changed.
        """
        path = self.path(version)
        if not path.is_dir():
            raise UnknownVersion(f"no version {version}: `fingerpost models list` names those there are")
        verify(path)
        if version == self.active():
            return
        history = [*self._history(), version]
        self._replace("HISTORY", "\n".join(history) + "\n")
        self._replace("ACTIVE", version + "\n")

    def rollback(self) -> str:
        """Activate the version that answered before the active one.

        Returns:
            Its name.

        Raises:
            InvalidInput: there is no earlier version.
        """
        history = self._history_before()
        verify(self.path(history[-1]))
        self._replace("HISTORY", "\n".join(history) + "\n")
        self._replace("ACTIVE", history[-1] + "\n")
        return history[-1]

    def previous(self) -> str:
        """Name of the version that `rollback` would activate.

        Raises:
            InvalidInput: there is no earlier version.
        """
        return self._history_before()[-1]

    def _history_before(self) -> tuple[str, ...]:
        """The history up to the version that answered before the active one; never empty."""
        active = self.active()
        history = self._history()
        while history and (history[-1] == active or not self.path(history[-1]).is_dir()):
            history = history[:-1]
        if active is None or not history:
            raise InvalidInput("there is no earlier version to go back to: activate one by its name")
        return history

    def _history(self) -> tuple[str, ...]:
        try:
            lines = (self.home / "HISTORY").read_text(encoding="utf-8").split()
        except FileNotFoundError:
            return ()
        return tuple(line for line in lines if VERSION.fullmatch(line))

    def _replace(self, name: str, content: str) -> None:
        partial = self.home / f".{name}.{os.getpid()}.partial"
        with partial.open("w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.home / name)
