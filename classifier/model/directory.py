"""A model on disk: save, verify, load.

config.json  model.safetensors  tokenizer files   the encoder, readable with Hugging Face's AutoModel
head.safetensors                                   the linear layer
baselines.json  baselines.safetensors              simpler models to compare with, where they were fitted
scope.safetensors                                  the space of the out-of-scope distance, where there is one
surroundings.safetensors                           vectors of messages that steady answers, where they help
words.safetensors                                  the network that scores words, where there is one
int8.safetensors                                   the ranges of its activations, where int8 is known for it
fingerpost.json                                    ModelFacts
training-manifest.json  confusion.png              of a retraining: its labels (see manifest), its mistakes
MODEL_CARD.md                                      the same for people
manifest.sha256                                    sha256 of every other file, as sha256sum writes it
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from classifier.contract import BaseModelUnavailable, BrokenModel, InvalidInput
from classifier.files import keep_private
from classifier.model.base_models import load_encoder
from classifier.model.baselines import load_baselines
from classifier.model.integrity import MANIFEST, read_facts, sha256_of, verify
from classifier.model.metadata import WordScorerFacts
from classifier.model.neighbor_smoothing import load_surroundings
from classifier.model.network import TextClassifier, TrainedModel, WordScorer
from classifier.model.ood_distance import load_scope_space
from classifier.model.quantization import load_ranges


def save_model_directory(
    model: TrainedModel,
    path: Path,
    *,
    card: str = "",
    extra: Mapping[str, bytes] | None = None,
) -> None:
    """Write a model directory: first beside it, synced to disk, then one atomic rename.

    Args:
        model: what to write.
        path: the directory to make.
        card: text of the model card, see evaluation.model_card; without one there is no such file.
        extra: more files by name; the manifest lists them too.

    Raises:
        InvalidInput: `path` exists, or its parent cannot be written.
    """
    if path.exists():
        raise InvalidInput(f"{path} exists already: name a new directory, or remove it first")
    partial = path.parent / f".{path.name}.{secrets.token_hex(4)}.partial"
    try:
        partial.mkdir(parents=True, mode=0o700)
        _write(model, partial, card, extra or {})
        keep_private(partial)
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
    return TrainedModel(
        network,
        tokenizer,
        facts,
        baselines=load_baselines(path),
        scope=load_scope_space(path),
        ranges=load_ranges(path),
        surroundings=load_surroundings(path),
    )


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


def _write(model: TrainedModel, folder: Path, card: str, extra: Mapping[str, bytes]) -> None:
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
    if model.ranges is not None:
        model.ranges.save(folder)
    if model.surroundings is not None:
        model.surroundings.save(folder)
    content = json.dumps(asdict(facts), indent=2, ensure_ascii=False) + "\n"
    (folder / "fingerpost.json").write_text(content, encoding="utf-8")
    if card:
        (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    for name, data in extra.items():
        (folder / name).write_bytes(data)
    listed = [f"{sha256_of(file)}  {file.name}\n" for file in sorted(folder.iterdir())]
    (folder / MANIFEST).write_text("".join(listed), encoding="utf-8")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
