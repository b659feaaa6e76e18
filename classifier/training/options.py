"""Options of a training from outside: a JSON file, or NAME=VALUE on the command line. Imports no torch."""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from classifier.contract import InvalidInput

if TYPE_CHECKING:
    from classifier.training.config import TrainingConfig

REMOVED: Mapping[str, float | None] = {
    "r_drop": 0,
    "contrastive": 0,
    "contrastive_temperature": None,
    "contrastive_epochs": 0,
    "masked_lm_epochs": 0,
    "averaging": 0,
    "balance": 0,
    "self_training": 0,
}
"""Options that there were once, with the value that meant "off"; None: the value means nothing by itself.

A file that an older `fingerpost tune` wrote may name them so: that changes nothing."""

RESERVED = frozenset({"seed", "threads", "device", "base_model"})
"""They have options of their own, or belong to the machine."""


def read_options(path: Path) -> dict[str, Any]:
    """Read a JSON object of options, as `fingerpost tune` writes it.

    Raises:
        InvalidInput: the file is missing or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read as JSON ({error}): name a file of options") from error
    if not isinstance(content, dict):
        raise InvalidInput(f'{path} holds no JSON object: write {{"learning_rate": 0.0001}} and the like')
    return content


def parse_options(pairs: Sequence[str]) -> dict[str, Any]:
    """Read NAME=VALUE pairs; values are JSON, or text where they are none.

    Raises:
        InvalidInput: a pair has no equals sign.
    """
    options = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InvalidInput(f"{pair!r} is no option: write NAME=VALUE, such as sharpness=0")
        try:
            options[name.strip()] = json.loads(value)
        except ValueError:
            options[name.strip()] = value.strip()
    return options


def with_options(config: TrainingConfig, options: Mapping[str, Any]) -> TrainingConfig:
    """Return the configuration with options changed.

    Raises:
        InvalidInput: there is no such option (any more), or its value is of another kind.
    """
    from dataclasses import replace  # noqa: PLC0415

    known = {field.name: typing.get_type_hints(type(config))[field.name] for field in fields(config)}
    options = {name: value for name, value in options.items() if not _is_off(name, value)}
    for name, value in options.items():
        if name in REMOVED:
            raise InvalidInput(f"the training option {name} was removed: take it out")
        if name not in known or name in RESERVED:
            names = ", ".join(sorted(known.keys() - RESERVED))
            raise InvalidInput(f"there is no training option {name!r}: use one of {names}")
        kinds = typing.get_args(known[name]) or (known[name],)
        number = float in kinds and isinstance(value, int) and not isinstance(value, bool)
        if not number and type(value) not in kinds:
            wanted = " or ".join(kind.__name__ for kind in kinds)
            raise InvalidInput(f"the training option {name} is {value!r}: write {wanted}")
    return replace(config, **options)


def _is_off(name: str, value: Any) -> bool:
    """Whether this is a removed option with the value that it had where nobody used it."""
    return name in REMOVED and REMOVED[name] in (None, value)
