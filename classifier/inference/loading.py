"""From a model directory to what answers: the backend is chosen, one predictor a worker is made.

Imports torch only where torch is what answers.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy.typing as npt
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from classifier.contract import BrokenModel
from classifier.inference import backend_choice as race
from classifier.inference.backends import Backend
from classifier.inference.backends.bert_graph import Precision
from classifier.inference.backends.onnx_backend import Alone, OnnxGraph
from classifier.inference.backends.source import can_build, read_source
from classifier.inference.predictor import Predictor
from classifier.model.hardware import choose_device, cores, use_threads
from classifier.model.integrity import read_facts, verify
from classifier.model.metadata import ModelFacts
from classifier.model.neighbor_smoothing import Surroundings, load_surroundings
from classifier.model.ood_distance import load_scope_space
from classifier.model.pacing import Pause, at_once
from classifier.text.tokenize import TextEncoder

if TYPE_CHECKING:
    from classifier.model.network import TrainedModel

_log = logging.getLogger(__name__)

BackendName = Literal["auto", "onnx-int8", "onnx-fp32", "torch", "torch-bf16"]

_TOO_SMALL_TO_RACE = 8 * 1024 * 1024
"""Bytes of weights below which all backends take as long, and a race would measure noise."""


_CACHED_TOKENS = 384
"""Padded tokens of one pass on a CPU: what lies between two operators stays in its cache. Twice as many take
a tenth longer, a quarter as many too."""

_PASS_OVERHEAD = 32
"""What a pass costs beside its tokens, in tokens: a quarter as many tokens a pass take a third longer."""

_SHARE, _TORCH_SHARE, _GPU_SHARE = 32, 128, 1024
"""Texts that a worker takes at once: what comes meanwhile waits for all of them."""


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """How a model is run.

    Attributes:
        device: auto, cpu or cuda.
        backend: what runs the network on a CPU; auto: the winner of a race, see race.
        threads: CPU cores to use, 0: all.
        batch_tokens: padded tokens in one forward pass at most.
        cache: folder in which races keep their results; None: they race each time.
        race_later: whether to answer in float32 for now where a race's result is not kept.
    """

    device: str = "auto"
    backend: BackendName = "auto"
    threads: int = 0
    batch_tokens: int = 4096
    cache: Path | None = None
    race_later: bool = False


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model ready to answer.

    Attributes:
        facts: what it says about itself.
        predictors: one for each worker.
        backend: name of what runs the network.
        share: texts that a worker takes at once, so that those behind them do not wait for long.
        raced: False where the backend is only for now, see LoadSettings.race_later.
    """

    facts: ModelFacts
    predictors: tuple[Predictor, ...]
    backend: str
    share: int
    raced: bool = True


def load(
    model: TrainedModel | Path, settings: LoadSettings, alone: Callable[[], bool], pause: Pause = at_once
) -> Loaded:
    """Choose a backend and open it.

    Args:
        model: a directory, or a network in torch, which torch then runs.
        settings: see LoadSettings.
        alone: whether nothing else runs or waits now, see onnx_backend.Alone.
        pause: called between steps, so that others can answer meanwhile.

    Raises:
        BrokenModel: the directory cannot be loaded.
        InvalidInput: there is no such device.
    """
    if not isinstance(model, Path):
        return _in_torch(model, settings)
    pause()
    verify(model)
    pause()
    if settings.device == "cuda" or (settings.device == "auto" and _has_cuda()):
        return _in_torch(_in_memory(model, settings), settings)
    choice = _choose(model, settings)
    _log.info("%s answers with %s, %d at a time", model.name, choice.backend, choice.workers)
    for name, reason in (choice.refused or {}).items():
        _log.info("%s was not taken: %s", name, reason)
    if choice.backend.startswith("torch"):
        return _in_torch(_in_memory(model, settings), settings, bf16=choice.backend.endswith("bf16"))
    return _in_onnx(model, choice, settings, alone, pause)


def read_texts(folder: Path) -> TextEncoder:
    """What tokenizes a model's texts, one for each thread.

    Raises:
        BrokenModel: the tokenizer cannot be read.
    """
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:
        raise BrokenModel(f"{folder}/tokenizer.json cannot be read: train the model again") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return TextEncoder(tokenizer, read_facts(folder).max_tokens, _pad_id(folder, tokenizer))


def _pad_id(folder: Path, tokenizer: Tokenizer) -> int:
    try:
        named = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8")).get("pad_token")
    except (OSError, ValueError, AttributeError):
        return 0
    name = named.get("content") if isinstance(named, dict) else named
    return tokenizer.token_to_id(name) or 0 if isinstance(name, str) else 0


def _choose(folder: Path, settings: LoadSettings) -> race.Choice:
    threads = settings.threads or cores()
    if not can_build(folder):
        return race.Choice("torch-bf16" if settings.backend == "torch-bf16" else "torch")
    if settings.backend != "auto":
        return race.Choice(settings.backend, threads if settings.backend.startswith("onnx") else 1)
    if (folder / "model.safetensors").stat().st_size < _TOO_SMALL_TO_RACE:
        return race.Choice(race.REFERENCE, threads)
    return race.choose(folder, threads, settings.cache, later=settings.race_later)


def _in_onnx(
    folder: Path, choice: race.Choice, settings: LoadSettings, alone: Callable[[], bool], pause: Pause
) -> Loaded:
    facts, scope, around = read_facts(folder), load_scope_space(folder), _around(folder)
    precision: Precision = "int8" if choice.backend.endswith("int8") else "fp32"
    texts = []
    for _ in range(choice.workers):
        texts.append(read_texts(folder))
        pause()
    threads = settings.threads or cores()
    try:
        graph = OnnxGraph(read_source(folder, pause), precision, texts[0].pad_id, pause=pause)
        backend: Backend = graph.open(1) if choice.workers > 1 else graph.open(threads, spin=choice.wide)
        if choice.workers > 1 and choice.wide:
            # its threads turn for a moment: waking one takes as long as a tenth of a message
            backend = Alone(backend, graph.open(threads, spin=True), alone)
    except (KeyError, ValueError, RuntimeError) as error:
        raise BrokenModel(f"{folder} cannot be loaded ({error}): train it again") from error
    tokens = min(settings.batch_tokens, _CACHED_TOKENS)
    predictors = tuple(
        Predictor(
            facts,
            each,
            backend,
            scope=scope,
            around=around,
            batch_tokens=tokens,
            batch_overhead=_PASS_OVERHEAD,
        )
        for each in texts
    )
    return Loaded(facts, predictors, choice.backend, _SHARE, choice.raced)


def _around(folder: Path) -> tuple[Surroundings, npt.NDArray[Any]] | None:
    """The messages around, with the head's weight; None in models that have none."""
    surroundings = load_surroundings(folder)
    return (surroundings, load_file(folder / "head.safetensors")["weight"]) if surroundings else None


def _in_memory(folder: Path, settings: LoadSettings) -> TrainedModel:
    from classifier.model.directory import load_model_directory  # noqa: PLC0415 - torch

    return load_model_directory(folder, device=str(choose_device(settings.device)))


def _in_torch(model: TrainedModel, settings: LoadSettings, *, bf16: bool = False) -> Loaded:
    from classifier.inference.backends.torch_backend import TorchBackend  # noqa: PLC0415 - torch
    from classifier.inference.cuda.backend import gpu_backend  # noqa: PLC0415 - torch
    from classifier.inference.torch_predictor import TorchPredictor  # noqa: PLC0415 - torch

    use_threads(settings.threads)
    backend, name = gpu_backend(model, settings.batch_tokens), "cuda"
    if backend is None:
        backend = TorchBackend(model.network, model.tokenizer.pad_token_id or 0, bf16=bf16)
        name = "torch-bf16" if bf16 else "torch"
    predictor = TorchPredictor(model, backend=backend, batch_tokens=settings.batch_tokens)
    return Loaded(model.facts, (predictor,), name, _GPU_SHARE if name == "cuda" else _TORCH_SHARE)


def _has_cuda() -> bool:
    """Whether there is a GPU that torch can use; torch is asked only where a driver shows itself."""
    if not any(Path(place).exists() for place in ("/dev/nvidiactl", "/dev/dxg")):
        return False

    return choose_device("auto").type == "cuda"
