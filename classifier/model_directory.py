"""A model on disk: save, verify, load."""

from __future__ import annotations

from pathlib import Path

from classifier.model import ModelFacts, TrainedModel


def save_model_directory(model: TrainedModel, path: Path) -> None:
    """Write a model directory: all files beside it first, then one atomic rename."""
    raise NotImplementedError


def load_model_directory(path: Path, *, device: str = "cpu") -> TrainedModel:
    """Load a model directory after verifying every file."""
    raise NotImplementedError


def verify(path: Path) -> None:
    """Check a directory against its manifest."""
    raise NotImplementedError


def read_facts(path: Path) -> ModelFacts:
    """Read fingerpost.json alone."""
    raise NotImplementedError
