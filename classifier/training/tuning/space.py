"""What a tuning may change: fields of TrainingConfig with their ranges, as data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import optuna

from classifier.contract import InvalidInput
from classifier.training.config import TrainingConfig

Kind = Literal["float", "log", "int", "choice"]
Value = float | int | bool | str | None


@dataclass(frozen=True, slots=True)
class Dimension:
    """One field of TrainingConfig and the values that it may take.

    Attributes:
        name: of the field.
        kind: float (uniform), log (uniform in its logarithm), int, or choice.
        low: smallest value; of no meaning for a choice.
        high: largest value, included.
        choices: the values of a choice.
    """

    name: str
    kind: Kind
    low: float = 0.0
    high: float = 0.0
    choices: tuple[Value, ...] = ()

    def suggest(self, trial: optuna.Trial) -> Any:
        """Let the sampler choose a value."""
        if self.kind == "choice":
            return trial.suggest_categorical(self.name, self.choices)
        if self.kind == "int":
            return trial.suggest_int(self.name, int(self.low), int(self.high))
        return trial.suggest_float(self.name, self.low, self.high, log=self.kind == "log")

    def including(self, value: Any) -> Dimension:
        """Widen it where needed, so that the default recipe is always a part of the space."""
        if self.kind == "choice":
            return self if value in self.choices else replace(self, choices=(value, *self.choices))
        return replace(self, low=min(self.low, value), high=max(self.high, value))


SPACE = (
    Dimension("learning_rate", "log", 2e-5, 5e-4),
    Dimension("epochs", "int", 3, 20),
    Dimension("label_smoothing", "float", 0.0, 0.2),
    Dimension("batch_size", "choice", choices=(16, 32, 64)),
    Dimension("head_learning_rate", "log", 1.0, 50.0),
)
"""What is searched unless something else is asked for."""


def parse_dimension(text: str) -> Dimension:
    """Read NAME=LOW..HIGH, NAME=LOW..HIGH:log or NAME=VALUE,VALUE,...

    Raises:
        InvalidInput: no such field, or no range.
    """
    name, _, values = text.partition("=")
    names = sorted({field.name for field in fields(TrainingConfig)} - {"seed", "threads", "device"})
    if name not in names:
        raise InvalidInput(f"no training option {name!r} to search: use one of {', '.join(names)}")
    low, dots, high = values.partition("..")
    if not dots:
        choices = tuple(_value(part) for part in values.split(",") if part)
        if len(choices) < 2:  # noqa: PLR2004 - a choice needs two
            raise InvalidInput(f"{text!r} leaves no choice: write {name}=LOW..HIGH or {name}=VALUE,VALUE")
        return Dimension(name, "choice", choices=choices)
    high, _, scale = high.partition(":")
    ends = _value(low), _value(high)
    numbers = [end for end in ends if isinstance(end, int | float) and not isinstance(end, bool)]
    logarithmic = scale == "log"
    if (
        len(numbers) < 2  # noqa: PLR2004 - both ends
        or numbers[0] >= numbers[1]
        or (logarithmic and numbers[0] <= 0)
        or scale not in ("", "log")
    ):
        raise InvalidInput(f"{text!r} is no range: write {name}=LOW..HIGH or {name}=LOW..HIGH:log")
    whole = all(isinstance(end, int) for end in numbers) and _is_whole(name)
    return Dimension(name, "log" if logarithmic else "int" if whole else "float", numbers[0], numbers[1])


def space_with(extra: Sequence[Dimension], default: TrainingConfig) -> tuple[Dimension, ...]:
    """The usual space with some dimensions replaced or added, around the default recipe."""
    named = {dimension.name: dimension for dimension in (*SPACE, *extra)}
    return tuple(
        dimension.including(getattr(default, dimension.name))
        if dimension.kind == "choice" or getattr(default, dimension.name) is not None
        else dimension
        for dimension in named.values()
    )


def _is_whole(name: str) -> bool:
    declared = next(str(field.type) for field in fields(TrainingConfig) if field.name == name)
    return "int" in declared


def _value(text: str) -> Value:
    try:
        value = json.loads(text)
    except ValueError:
        return text.strip()
    return value if isinstance(value, float | int | bool | str) or value is None else text
