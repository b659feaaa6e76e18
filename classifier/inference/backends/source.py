"""What a graph is written from: a model's configuration and weights, as arrays. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
from safetensors import safe_open
from safetensors.numpy import load_file

from classifier.model.integrity import read_facts
from classifier.model.metadata import Pooling
from classifier.model.ood_distance import ScopeSpace, load_scope_space
from classifier.model.pacing import Pause, at_once
from classifier.model.quantization import Ranges, load_ranges

Array = npt.NDArray[Any]

FAMILIES = ("bert",)
"""Values of `model_type` in config.json whose graph is known."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a graph is written from.

    Attributes:
        config: the encoder's config.json.
        weights: the encoder's, by their names in torch.
        head: the linear layer's.
        scorer: the word scorer's; None in models without one.
        scorer_layers: last layers whose attention the word scorer looks at.
        pooling: mean or cls.
        ranges: of the inputs of its matrix products, for int8; None where they were not measured.
        scope: the space of the out-of-scope distance; None in models without one.
    """

    config: Mapping[str, Any]
    weights: Mapping[str, Array]
    head: Mapping[str, Array]
    scorer: Mapping[str, Array] | None = None
    scorer_layers: int = 1
    pooling: Pooling = "mean"
    ranges: Ranges | None = None
    scope: ScopeSpace | None = None

    @property
    def known(self) -> bool:
        """Whether the encoder is of a family whose graph is known."""
        return _known(self.config)


def read_source(folder: Path, pause: Pause = at_once) -> Source:
    """Read a model directory, see model_directory.

    Args:
        folder: the directory.
        pause: called between tensors.

    Raises:
        BrokenModel: its facts cannot be read.
    """
    facts = read_facts(folder)
    scorer = facts.word_scorer
    return Source(
        config=json.loads((folder / "config.json").read_text(encoding="utf-8")),
        weights=_tensors(folder / "model.safetensors", pause),
        head=load_file(folder / "head.safetensors"),
        scorer=load_file(folder / "words.safetensors") if scorer else None,
        scorer_layers=scorer.layers if scorer else 1,
        pooling=facts.pooling,
        ranges=load_ranges(folder),
        scope=load_scope_space(folder),
    )


def _tensors(file: Path, pause: Pause) -> dict[str, Array]:
    """Read a file one tensor at a time, so that between them other threads run: messages wait meanwhile."""
    found = {}
    with safe_open(file, framework="numpy") as content:
        for name in content.keys():  # noqa: SIM118  # no mapping
            found[name] = content.get_tensor(name)
            pause()
    return found


def can_build(folder: Path) -> bool:
    """Whether a model directory's encoder is of a family whose graph is known."""
    return _known(json.loads((folder / "config.json").read_text(encoding="utf-8")))


def _known(config: Mapping[str, Any]) -> bool:
    usual = config.get("hidden_act", "gelu") == "gelu" and not config.get("is_decoder", False)
    return config.get("model_type") in FAMILIES and usual
