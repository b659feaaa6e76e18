"""transformers' text-classification pipeline over a random BERT, in a process of its own.

It gets the same shapes, the same tokenizer, bfloat16 and its own batching. It answers with a label, without
words. A process of its own, because it switches off parallel tokenization for all of the process.
"""

from __future__ import annotations

import gc
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from types import TracebackType
from typing import Any, Self

import torch
from transformers import BertForSequenceClassification, pipeline
from transformers.utils import logging as transformers_logging

from benchmarks.gpu.models import CATEGORIES, Size, Texts, bert_config

BATCHES = (32, 128, 256)
_BATCHES_A_CALL = 4


class PipelineProcess:
    """Runs the pipeline; use it in a with block."""

    def __init__(self, size: Size, positions: int, device: str) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, spawn, _begin, (size, positions, device))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def show(self, texts: list[str]) -> None:
        """Give the texts that `rate` is about, and answer some of them untimed."""
        self._pool.submit(_show, texts).result()

    def rate(self, batch: int, seconds: float) -> float:
        """Messages a second in batches of this size, over so many seconds or one call more."""
        return self._pool.submit(_rate, batch, seconds).result()


_here: dict[str, Any] = {}


def _begin(size: Size, positions: int, device: str) -> None:
    transformers_logging.set_verbosity_error()
    torch.manual_seed(0)
    config = bert_config(size, positions)
    config.num_labels = CATEGORIES
    network = BertForSequenceClassification(config).bfloat16().eval()
    tokenizer = Texts(size.vocabulary).tokenizer(positions)
    _here["run"] = pipeline("text-classification", model=network, tokenizer=tokenizer, device=device)


def _show(texts: list[str]) -> None:
    _here["texts"] = texts
    for batch in BATCHES:
        _here["run"](texts[:batch], batch_size=batch)
    gc.collect()
    gc.freeze()  # as in the other process


def _rate(batch: int, seconds: float) -> float:
    texts: list[str] = _here["texts"]
    size = min(len(texts), batch * _BATCHES_A_CALL)
    done, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds or not done:
        at = done % (len(texts) - size + 1)
        done += len(_here["run"](texts[at : at + size], batch_size=batch))
    return done / passed
