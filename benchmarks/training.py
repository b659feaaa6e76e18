"""How fast a fine-tune is against the loop that tutorials teach, on the same machine in the same run.

The tutorial's loop: transformers' AutoModelForSequenceClassification from the same weights, every message
padded to 128 tokens, batches of 32 in random order, AdamW with a linear schedule, float32. Ours is `fit` as
configured. Both begin from the same encoder and see the same messages; reading the weights and tokenizing are
left out of both times, and so is the first batch.
"""

from __future__ import annotations

import os
import platform
import resource
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing import get_context
from typing import Any, Literal

import torch
from torch.utils.data import DataLoader, TensorDataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, get_scheduler
from transformers.utils import logging as transformers_logging

from benchmarks.machine import memory_of, processor
from benchmarks.markdown import table as as_markdown
from benchmarks.timing import shown, spread
from classifier.contract import InvalidInput
from classifier.data.dataset import Example
from classifier.model.base_models import resolve_base_model
from classifier.model.hardware import choose_device, use_threads
from classifier.progress import Progress
from classifier.training.config import TrainingConfig
from classifier.training.fit import fit

BATCH = 32
PADDED_TO = 128
TUTORIAL_LEARNING_RATE = 5e-5
_MEMORY_STEPS = 3
_WARM_UP_STEPS = 1

Who = Literal["ours", "tutorial"]


@dataclass(frozen=True, slots=True)
class Timed:
    """Messages that a loop learned from, and the seconds that it took."""

    messages: int
    seconds: float

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds


class TutorialLoop:
    """The loop that tutorials teach; each `run` goes on where the last one stopped."""

    def __init__(self, examples: Sequence[Example], config: TrainingConfig) -> None:
        path = resolve_base_model(config.base_model)
        labels = sorted({example.label for example in examples})
        torch.manual_seed(config.seed)
        self._device = choose_device(config.device)
        transformers_logging.set_verbosity_error()  # its report on the head, which is new by intention
        transformers_logging.disable_progress_bar()
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)  # a local folder  # nosec B615
        self._network = AutoModelForSequenceClassification.from_pretrained(  # the same  # nosec B615
            path, num_labels=len(labels), local_files_only=True, use_safetensors=True
        ).to(self._device)
        tokens = tokenizer(
            [example.text for example in examples],
            padding="max_length",
            max_length=PADDED_TO,
            truncation=True,
            return_tensors="pt",
        )
        targets = torch.tensor([labels.index(example.label) for example in examples])
        data = TensorDataset(tokens["input_ids"], tokens["attention_mask"], targets)
        self._loader = DataLoader(data, batch_size=BATCH, shuffle=True)
        self._optimizer = torch.optim.AdamW(self._network.parameters(), lr=TUTORIAL_LEARNING_RATE)
        self._schedule = get_scheduler(
            "linear", self._optimizer, num_warmup_steps=0, num_training_steps=3 * len(self._loader)
        )

    def run(self, steps: int) -> Timed:
        """Learn from so many batches after one that is not timed."""
        self._network.train()
        batches = iter(self._loader)
        messages, began = 0, 0.0
        for step in range(_WARM_UP_STEPS + steps):
            if step == _WARM_UP_STEPS:
                began = self._now()
            batch = next(batches, None)
            if batch is None:
                batches = iter(self._loader)
                batch = next(batches)
            ids, mask, targets = (part.to(self._device) for part in batch)
            loss = self._network(input_ids=ids, attention_mask=mask, labels=targets).loss
            loss.backward()
            self._optimizer.step()
            self._schedule.step()
            self._optimizer.zero_grad()
            messages += len(targets) if step >= _WARM_UP_STEPS else 0
        return Timed(messages, self._now() - began)

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()


class _Enough(Exception):
    """The steps to be timed are done."""


def time_ours(examples: Sequence[Example], config: TrainingConfig) -> Timed:
    """One epoch of `fit` after its first batch."""
    first = last = 0.0

    def watch(progress: Progress) -> None:
        nonlocal first, last
        if progress.stage != "train":
            return
        last = time.perf_counter()
        if progress.step == _WARM_UP_STEPS:
            first = last
        if progress.step == progress.steps:
            raise _Enough

    config = replace(config, epochs=1, batch_size=BATCH, max_tokens=PADDED_TO)
    # what is held back is measured after the epoch, which never comes; so it may be anything
    held_back = list(examples[:BATCH])
    try:
        fit(examples, config, created=datetime.now(UTC), validation=held_back, progress=watch)
    except _Enough:
        return Timed(len(examples) - BATCH, last - first)
    raise InvalidInput("the training reported no last step: give more messages")


def measure(
    examples: Sequence[Example],
    config: TrainingConfig,
    *,
    texts: str,
    repeats: int = 3,
    tutorial_steps: int = 12,
    memory: bool = True,
) -> dict[str, Any]:
    """Time both loops in turns, in this process; their memory in a process of its own each.

    Args:
        examples: messages to learn from; more than two batches.
        config: of our training.
        texts: what the messages are called in the report.
        repeats: turns.
        tutorial_steps: batches of the tutorial's loop in each turn; its epoch is reckoned from them.
        memory: whether to measure memory too.

    Returns:
        Plain data: machine, messages, base_model, `turns` with messages a second of both and their ratio,
        min/median/max of each, seconds an epoch, MiB at the peak (None where not measured).

    Raises:
        InvalidInput: there are too few messages.
    """
    if len(examples) <= 2 * BATCH:
        raise InvalidInput(f"{len(examples)} messages are too few to time: give more than {2 * BATCH}")
    use_threads(config.threads)
    tutorial = TutorialLoop(examples, config)
    turns = []
    for turn in range(repeats):
        theirs = tutorial.run(tutorial_steps)
        ours = time_ours(examples, replace(config, seed=config.seed + turn))
        turns.append({"ours": ours.rate, "tutorial": theirs.rate, "ratio": ours.rate / theirs.rate})
    found: dict[str, Any] = {
        "machine": describe_machine(config),
        "texts": texts,
        "messages": len(examples),
        "base_model": config.base_model,
        "batch_size": BATCH,
        "padded_to": PADDED_TO,
        "tutorial_steps": tutorial_steps,
        "turns": turns,
        "ratio": spread([turn["ratio"] for turn in turns]),
    }
    names: tuple[Who, ...] = ("ours", "tutorial")
    for name in names:
        rates = spread([turn[name] for turn in turns])
        found[name] = {
            "messages_per_second": rates,
            "epoch_seconds": len(examples) / rates["median"],
            "peak_mib": _peak_of(name, list(examples), config) if memory else None,
        }
    return found


def describe_machine(config: TrainingConfig) -> dict[str, Any]:
    """What the figures depend on."""
    device = choose_device(config.device)
    cuda = device.type == "cuda"
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "bfloat16": torch.cuda.is_bf16_supported() if cuda else torch.cpu._is_avx512_bf16_supported(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def table(measured: dict[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    rows = []
    for name in ("ours", "tutorial"):
        row = measured[name]
        peak = "" if row["peak_mib"] is None else f"{row['peak_mib']:.0f}"
        rate = shown(row["messages_per_second"], ".1f")
        rows.append(f"{name} | {rate} | {row['epoch_seconds']:.1f} | {peak}")
    ratio, machine = measured["ratio"], measured["machine"]
    said = (
        f"{ratio['median']:.1f} times as fast ({ratio['min']:.1f} to {ratio['max']:.1f} "
        f"in {len(measured['turns'])} turns); {measured['messages']} messages of {measured['texts']}, "
        f"{measured['base_model']}; {machine['processor']}, {machine['threads']} threads, "
        f"{machine['device']}, torch {machine['torch']}."
    )
    head = "loop | messages a second (min to max) | seconds an epoch | MiB"
    return f"{as_markdown(head, rows)}\n\n{said}"


def _peak_of(name: Who, examples: list[Example], config: TrainingConfig) -> float:
    """MiB at the peak of a process that does nothing else."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_run_alone, name, examples, config).result()


def _run_alone(name: Who, examples: list[Example], config: TrainingConfig) -> float:
    use_threads(config.threads)
    if name == "ours":
        time_ours(examples, config)
    else:
        TutorialLoop(examples, config).run(_MEMORY_STEPS)
    return _peak_mib()


def _peak_mib() -> float:
    """This process's most memory. Linux hands ru_maxrss of the parent on to its child; memory_of does not."""
    held = memory_of(os.getpid())
    if held is not None:
        return held["peak_mib"]
    unit = 1 if platform.system() == "Darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
