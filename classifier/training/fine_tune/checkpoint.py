"""What a training needs to go on after it was killed: written after each epoch, never pickled."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from classifier.contract import InvalidInput

_TENSORS, _FACTS = "tensors.safetensors", "checkpoint.json"


@dataclass(slots=True)
class Progressed:
    """The state of a training between two epochs.

    Attributes:
        epoch: that was finished.
        step: steps done.
        tensors: weights, moments, random states, by name.
        facts: everything else that goes into JSON.
    """

    epoch: int
    step: int
    tensors: Mapping[str, torch.Tensor]
    facts: Mapping[str, Any] = field(default_factory=dict)


class Checkpoints:
    """A folder that holds the last epoch's state of one training, or of each of its stages.

    Args:
        folder: is made, and removed by `clear`.
        key: of the training: configuration and examples. A state of another training is not taken up.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = folder
        self._key = key

    def stage(self, name: str) -> Checkpoints:
        """Return the part of one stage, which a later training with the same key takes up."""
        return Checkpoints(self._folder / name, self._key)

    def save(self, state: Progressed) -> None:
        """Replace the last state by one atomic rename.

        Raises:
            InvalidInput: the folder cannot be written.
        """
        partial = self._folder.parent / f".{self._folder.name}.{secrets.token_hex(4)}.partial"
        try:
            partial.mkdir(parents=True, mode=0o700)
            save_file({name: value.contiguous() for name, value in state.tensors.items()}, partial / _TENSORS)
            facts = {"key": self._key, "epoch": state.epoch, "step": state.step, "facts": dict(state.facts)}
            (partial / _FACTS).write_text(json.dumps(facts), encoding="utf-8")
            with (partial / _TENSORS).open("rb") as file:
                os.fsync(file.fileno())
            # a folder cannot be replaced by a rename; a kill between the two lines costs the epochs, no more
            shutil.rmtree(self._folder, ignore_errors=True)
            partial.rename(self._folder)
        except OSError as error:
            raise InvalidInput(
                f"{self._folder} cannot be written ({error.strerror}): free some space or name another folder"
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def load(self) -> Progressed | None:
        """Return the last state of this very training, or None: a broken or foreign one is begun anew."""
        try:
            facts = json.loads((self._folder / _FACTS).read_text(encoding="utf-8"))
            if facts["key"] != self._key:
                return None
            return Progressed(
                int(facts["epoch"]),
                int(facts["step"]),
                load_file(self._folder / _TENSORS),
                facts["facts"],
            )
        except (OSError, ValueError, LookupError, TypeError, SafetensorError):
            return None

    def clear(self) -> None:
        """Remove the folder: the training is done."""
        shutil.rmtree(self._folder, ignore_errors=True)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Flatten an optimizer's state: {"0.exp_avg": ..., ...}; numbers become tensors of no dimension."""
    flat = {}
    for number, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            flat[f"{number}.{name}"] = torch.as_tensor(value).detach().cpu()
    return flat


def restore_optimizer(optimizer: torch.optim.Optimizer, flat: Mapping[str, torch.Tensor]) -> None:
    """Put a flattened state back into an optimizer of the same parameters."""
    whole = optimizer.state_dict()
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in flat.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": whole["param_groups"]})
