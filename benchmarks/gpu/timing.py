"""Messages a second of our two layers, milliseconds of one message, and the peak of a matrix product."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator, Sequence

import torch

from classifier.inference.cuda.backend import CudaBackend
from classifier.inference.cuda.bulk import BulkClassifier
from classifier.inference.cuda.ladder import Tokens

_WARM_UP = 3


def rate_of_tokens(backend: CudaBackend, batches: Sequence[Tokens], seconds: float) -> float:
    """Messages a second from token ids to labels and a score for each token; every batch at least once."""
    done, began = 0, time.perf_counter()

    def given() -> Iterator[Tokens]:
        yield from batches
        for batch in itertools.cycle(batches):
            if time.perf_counter() - began >= seconds:
                return
            yield batch

    for forward in backend.run(given()):
        labels = forward.logits.argmax(axis=1)
        done += len(labels)
    return done / (time.perf_counter() - began)


def rate_of_texts(bulk: BulkClassifier, texts: Sequence[str], seconds: float) -> float:
    """Messages a second from texts to labels and words; all of the texts, again while there is time."""
    began = time.perf_counter()

    def given() -> Iterator[str]:
        yield from texts
        for text in itertools.cycle(texts):
            if time.perf_counter() - began >= seconds:
                return
            yield text

    done = sum(1 for _ in bulk.answer(given()))
    return done / (time.perf_counter() - began)


def milliseconds_alone(backend: CudaBackend, batch: Tokens, repeats: int = 100) -> float:
    """One message by itself, from token ids to arrays; the median."""
    one = Tokens(batch.ids[:1], batch.lengths[:1])
    took = []
    for turn in range(_WARM_UP + repeats):
        began = time.perf_counter()
        list(backend.run([one]))
        if turn >= _WARM_UP:
            took.append(time.perf_counter() - began)
    return statistics.median(took) * 1e3


def peak(device: torch.device, side: int, repeats: int = 20) -> float:
    """Operations a second of a bfloat16 matrix product of random numbers, [side, side] each; the median."""
    one, other = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    rates = []
    for turn in range(_WARM_UP + repeats):
        _wait(device)
        began = time.perf_counter()
        one @ other
        _wait(device)
        if turn >= _WARM_UP:
            rates.append(2 * side**3 / (time.perf_counter() - began))
    return statistics.median(rates)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
