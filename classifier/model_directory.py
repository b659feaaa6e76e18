"""A model on disk: save, verify, load.

config.json  model.safetensors  tokenizer files   the encoder, readable with Hugging Face's AutoModel
head.safetensors                                   the linear layer
baselines.json  baselines.safetensors              simpler models to compare with, where they were fitted
scope.safetensors                                  the space of the out-of-scope distance, where there is one
words.safetensors                                  the network that scores words, where there is one
fingerpost.json                                    ModelFacts
MODEL_CARD.md                                      the same for people
manifest.sha256                                    sha256 of every other file, as sha256sum writes it
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from classifier.base_models import load_encoder
from classifier.baselines import load_baselines
from classifier.contract import BaseModelUnavailable, BrokenModel, InvalidInput
from classifier.model import (
    FORMAT_VERSION,
    ModelFacts,
    OutOfScope,
    TextClassifier,
    TrainedModel,
    WordScorer,
    WordScorerFacts,
)
from classifier.model_card import model_card
from classifier.prediction_sets import PredictionSet
from classifier.scope_space import load_scope_space

_MANIFEST = "manifest.sha256"
_NEEDED = ("config.json", "model.safetensors", "head.safetensors", "tokenizer.json", "fingerpost.json")
_PICKLES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".joblib", ".ckpt"}


def save_model_directory(model: TrainedModel, path: Path, *, card: str | None = None) -> None:
    """Write a model directory: first beside it, synced to disk, then one atomic rename.

    Args:
        model: what to write.
        path: the directory to make.
        card: text of the model card; None writes one from the model's facts.

    Raises:
        InvalidInput: `path` exists, or its parent cannot be written.
    """
    if path.exists():
        raise InvalidInput(f"{path} exists already: name a new directory, or remove it first")
    partial = path.parent / f".{path.name}.{secrets.token_hex(4)}.partial"
    try:
        partial.mkdir(parents=True)
        _write(model, partial, card)
        for file in partial.iterdir():
            _sync(file)
        _sync(partial)
        partial.rename(path)
        _sync(path.parent)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written ({error.strerror}): name another directory") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def load_model_directory(path: Path, *, device: str = "cpu") -> TrainedModel:
    """Load a model for answering, after every file was checked against the manifest.

    Raises:
        BrokenModel: something is missing, changed, or not ours.
    """
    verify(path)
    facts = read_facts(path)
    try:
        encoder, tokenizer = load_encoder(path)
        network = TextClassifier(encoder, len(facts.labels), pooling=facts.pooling)
        network.head.load_state_dict(load_file(path / "head.safetensors"))
        network.scorer = _scorer(path, network, facts.word_scorer)
    except (BaseModelUnavailable, OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().split("\n", 1)[0]
        raise BrokenModel(f"{path} cannot be loaded ({reason}): train it again") from error
    network.to(torch.device(device)).eval()
    return TrainedModel(network, tokenizer, facts, load_baselines(path), load_scope_space(path))


def verify(path: Path) -> None:
    """Check every file of a model directory against its manifest.

    Raises:
        BrokenModel: something is missing, changed, or not ours.
    """
    if not path.is_dir():
        raise BrokenModel(f"{path} is no model directory: make one with `fingerpost train`")
    pickles = sorted(file.name for file in path.rglob("*") if file.suffix in _PICKLES)
    if pickles:
        raise BrokenModel(f"{path} holds {pickles[0]}, and pickled files are never read: take it out")
    try:
        lines = (path / _MANIFEST).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BrokenModel(
            f"{path} has no {_MANIFEST}: it is no whole model directory, train it again"
        ) from error
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    for name in _NEEDED:
        if name not in listed:
            raise BrokenModel(f"{path}/{_MANIFEST} does not list {name}: train the model again")
    for name, digest in listed.items():
        if Path(name).name != name:
            raise BrokenModel(
                f"{path}/{_MANIFEST} lists {name!r} outside of the directory: train the model again"
            )
        file = path / name
        if not file.is_file():
            raise BrokenModel(f"{path} lacks {name}: restore the directory or train it again")
        if _sha256(file) != digest:
            raise BrokenModel(f"{path}/{name} was changed or cut short: restore it or train the model again")


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


def state_digest(network: TextClassifier) -> str:
    """Sha256 (hex) over names and values of all weights: the same weights give the same version name."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _scorer(path: Path, network: TextClassifier, facts: WordScorerFacts | None) -> WordScorer | None:
    if facts is None:
        return None
    scorer = WordScorer(facts.layers * network.heads, network.head.in_features, facts.layers, facts.units)
    scorer.load_state_dict(load_file(path / "words.safetensors"))
    return scorer.requires_grad_(False)


def _write(model: TrainedModel, folder: Path, card: str | None) -> None:
    network, facts = model.network, model.facts
    network.encoder.config.save_pretrained(folder)
    encoder = {n: v.detach().cpu().contiguous() for n, v in network.encoder.state_dict().items()}
    head = {n: v.detach().cpu().contiguous() for n, v in network.head.state_dict().items()}
    save_file(encoder, folder / "model.safetensors", metadata={"format": "pt"})
    save_file(head, folder / "head.safetensors", metadata={"format": "pt"})
    model.tokenizer.save_pretrained(folder)
    if network.scorer is not None:
        scorer = {n: v.detach().cpu().contiguous() for n, v in network.scorer.state_dict().items()}
        save_file(scorer, folder / "words.safetensors", metadata={"format": "pt"})
    if model.baselines is not None:
        model.baselines.save(folder)
    if model.scope is not None:
        model.scope.save(folder)
    content = json.dumps(asdict(facts), indent=2, ensure_ascii=False) + "\n"
    (folder / "fingerpost.json").write_text(content, encoding="utf-8")
    (folder / "MODEL_CARD.md").write_text(card or model_card(facts), encoding="utf-8")
    listed = [f"{_sha256(file)}  {file.name}\n" for file in sorted(folder.iterdir())]
    (folder / _MANIFEST).write_text("".join(listed), encoding="utf-8")


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
