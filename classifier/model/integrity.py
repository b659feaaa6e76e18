"""A model directory's files: checked against its manifest and for what would load code, its facts read.

Imports no torch.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from classifier.calibration.conformal import PredictionSet
from classifier.calibration.scores import OutOfScope
from classifier.contract import BrokenModel
from classifier.model.metadata import FORMAT_VERSION, ModelFacts, WordScorerFacts
from classifier.model.untrusted_config import refusal

MANIFEST = "manifest.sha256"
_NEEDED = ("config.json", "model.safetensors", "head.safetensors", "tokenizer.json", "fingerpost.json")
_PICKLES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".joblib", ".ckpt"}


def verify(path: Path) -> None:
    """Check every file of a model directory against its manifest, and that none would load code.

    Raises:
        BrokenModel: something is missing, changed, more than the manifest lists, or not ours.
    """
    if not path.is_dir():
        raise BrokenModel(f"{path} is no model directory: make one with `fingerpost train`")
    pickles = sorted(file.name for file in path.rglob("*") if file.suffix in _PICKLES)
    if pickles:
        raise BrokenModel(f"{path} holds {pickles[0]}, and pickled files are never read: take it out")
    listed = _listed(path)
    for name, digest in listed.items():
        file = path / name
        if not file.is_file():
            raise BrokenModel(f"{path} lacks {name}: restore the directory or train it again")
        if sha256_of(file) != digest:
            raise BrokenModel(f"{path}/{name} was changed or cut short: restore it or train the model again")
    more = sorted({entry.name for entry in path.iterdir()} - listed.keys() - {MANIFEST})
    if more:
        raise BrokenModel(
            f"{path} holds {more[0]}, which its {MANIFEST} does not list: take it out, "
            "or train the model again"
        )
    if reason := refusal(path):
        raise BrokenModel(
            f"{path} needs code of its own, which is never run: {reason}. Train the model again"
        )


def _listed(path: Path) -> dict[str, str]:
    """Read a manifest: sha256 by the file's name."""
    try:
        lines = (path / MANIFEST).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BrokenModel(
            f"{path} has no {MANIFEST}: it is no whole model directory, train it again"
        ) from error
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    for name in _NEEDED:
        if name not in listed:
            raise BrokenModel(f"{path}/{MANIFEST} does not list {name}: train the model again")
    for name in listed:
        if Path(name).name != name:
            raise BrokenModel(
                f"{path}/{MANIFEST} lists {name!r} outside of the directory: train the model again"
            )
    return listed


def read_facts(path: Path) -> ModelFacts:
    """Read fingerpost.json alone.

    Raises:
        BrokenModel: it is missing, no JSON, of a newer format, or incomplete.
    """
    try:
        content = json.loads((path / "fingerpost.json").read_text(encoding="utf-8"))
        if content["format_version"] > FORMAT_VERSION:
            raise BrokenModel(f"{path} was made by a newer Fingerpost: upgrade, or train it again")
        scope = content.pop("out_of_scope")
        content["labels"] = tuple(content["labels"])
        content["languages"] = tuple(content.get("languages", ("en",)))
        if content.get("pooling", "mean") not in ("mean", "cls"):
            raise BrokenModel(f"{path} was made by a newer Fingerpost: upgrade, or train it again")
        content.pop("word_heads", None)  # of an early version; such a model shows plain attention
        if content.get("word_scorer") is not None:
            content["word_scorer"] = WordScorerFacts(**content["word_scorer"])
        if content.get("prediction_set") is not None:
            content["prediction_set"] = PredictionSet(**content["prediction_set"])
        parts = {name: tuple(float(value) for value in scope[name]) for name in ("mean", "scale", "weights")}
        return ModelFacts(**content, out_of_scope=OutOfScope(**parts, bias=float(scope["bias"])))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise BrokenModel(f"{path}/fingerpost.json cannot be read: train the model again") from error


def sha256_of(file: Path) -> str:
    """Sha256 (hex) of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
