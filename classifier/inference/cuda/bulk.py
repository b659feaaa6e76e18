"""Many texts in, labels and words out: worker processes tokenize while the network runs.

What Predictor does message by message in Python is split here: processes make token ids and say which word
each token belongs to; what the network says about a batch is turned into words by arrays.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from classifier.calibration.scores import probabilities
from classifier.contract import Word
from classifier.inference.backends import Forward
from classifier.inference.cuda.ladder import Tokens, rows_of
from classifier.text.tokenize import TextEncoder, batches_by_budget, unreadable
from classifier.text.words import word_owners

if TYPE_CHECKING:
    from classifier.model.network import TrainedModel  # each worker would load torch

_CHUNK = 1024
_THREADS = 2


class ArrayBackend(Protocol):
    """What runs batches of token ids, see CudaBackend.run."""

    def run(self, batches: Iterable[Tokens]) -> Iterator[Forward]:
        """One result for each batch, in order."""
        ...


@dataclass(frozen=True, slots=True)
class BulkAnswer:
    """What a message is about.

    Attributes:
        category: the most likely one.
        confidence: its calibrated probability.
        words: the first few that decide, best first, as Prediction has them.
    """

    category: str
    confidence: float
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class TokenizedTexts:
    """Texts for the network, with what words need of them; arrays, which go between processes cheaply.

    Attributes:
        ids: int32, token ids of all texts, one text behind the other.
        owners: int32, for each of them the number of its word in its text, or -1.
        lengths: int32 [N], tokens of each text.
        spans: int32 [words of all texts, 2], where each word lies in the given text.
        words: int32 [N], words of each text.
        unreadable: bool [N], see batching.unreadable.
    """

    ids: npt.NDArray[np.int32]
    owners: npt.NDArray[np.int32]
    lengths: npt.NDArray[np.int32]
    spans: npt.NDArray[np.int32]
    words: npt.NDArray[np.int32]
    unreadable: npt.NDArray[np.bool_]


def tokenized_texts(encoder: TextEncoder, texts: list[str]) -> TokenizedTexts:
    """Tokenize, and say which word each token belongs to."""
    ids: list[int] = []
    owners: list[npt.NDArray[np.integer]] = []
    spans: list[tuple[int, int]] = []
    lengths, words, dark = [], [], []
    for encoded in encoder.encode(texts):
        found, owner = word_owners(encoded)
        ids += encoded.ids
        owners.append(owner)
        spans += [encoded.source.span(*span) for span in found]
        lengths.append(len(encoded.ids))
        words.append(len(found))
        dark.append(unreadable(encoded))
    return TokenizedTexts(
        np.array(ids, np.int32),
        np.concatenate(owners).astype(np.int32),
        np.array(lengths, np.int32),
        np.array(spans, np.int32).reshape(-1, 2),
        np.array(words, np.int32),
        np.array(dark, np.bool_),
    )


@dataclass(slots=True)
class _Chunk:
    """Some of the texts on their way."""

    texts: list[str]
    tokens: TokenizedTexts
    answers: list[BulkAnswer | None] = field(init=False)
    first_token: npt.NDArray[np.integer] = field(init=False)
    first_word: npt.NDArray[np.integer] = field(init=False)
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.answers = [None] * len(self.texts)
        self.left = len(self.texts)
        self.first_token = np.cumsum(self.tokens.lengths) - self.tokens.lengths
        self.first_word = np.cumsum(self.tokens.words) - self.tokens.words

    def rows(self, flat: npt.NDArray[Any], members: list[int], empty: int) -> Tokens:
        """What is kept for each token, of these texts, as rows."""
        lengths = self.tokens.lengths[members]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return rows_of(flat[np.repeat(self.first_token[members], lengths) + within], lengths, empty)


class BulkClassifier:
    """Labels and words for streams of texts. For one thread at a time; close it, or use it in a with block.

    Args:
        model: whose tokenizer, labels and temperature are used.
        backend: what runs its network.
        workers: processes that tokenize; 0: two threads here, which is enough for a few thousand texts a
            second.
        words: how many words an answer has at most.
        batch_tokens: padded tokens in one forward pass at most.
    """

    def __init__(
        self,
        model: TrainedModel,
        backend: ArrayBackend,
        *,
        workers: int = 0,
        words: int = 3,
        batch_tokens: int = 16384,
    ) -> None:
        self._facts = model.facts
        self._backend = backend
        self._pad_id = model.tokenizer.pad_token_id or 0
        self._words = words
        self._batch_tokens = batch_tokens
        self._ahead = 2 * (workers or _THREADS)
        given = (model.raw_tokenizer().to_str(), model.facts.max_tokens, self._pad_id)
        self._pool: Executor
        if workers:
            # a forked child would inherit torch's threads in an unknown state
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(workers, spawn, _begin_alone, given)
        else:
            self._pool = ThreadPoolExecutor(_THREADS, "tokenizer", _begin, given)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def answer(self, texts: Iterable[str]) -> Iterator[BulkAnswer]:
        """Answer each text, in order; texts are taken from the iterable some thousands ahead."""
        launched: deque[tuple[_Chunk, list[int]]] = deque()

        def batches() -> Iterator[Tokens]:
            for chunk in self._chunks(texts):
                lengths: list[int] = chunk.tokens.lengths.tolist()
                for members in batches_by_budget(lengths, self._batch_tokens, most=_CHUNK):
                    launched.append((chunk, members))
                    yield chunk.rows(chunk.tokens.ids, members, self._pad_id)

        for forward in self._backend.run(batches()):
            chunk, members = launched.popleft()
            self._fill(chunk, members, forward)
            if not chunk.left:
                yield from (answer for answer in chunk.answers if answer is not None)

    def _chunks(self, texts: Iterable[str]) -> Iterator[_Chunk]:
        waiting: deque[tuple[list[str], Future[TokenizedTexts]]] = deque()
        source = iter(texts)
        while chunk := list(islice(source, _CHUNK)):
            waiting.append((chunk, self._pool.submit(_tokenize, chunk)))
            if len(waiting) > self._ahead:
                given, future = waiting.popleft()
                yield _Chunk(given, future.result())
        for given, future in waiting:
            yield _Chunk(given, future.result())

    def _fill(self, chunk: _Chunk, members: list[int], forward: Forward) -> None:
        scores = probabilities(forward.logits, self._facts.temperature)
        labels: list[int] = scores.argmax(axis=1).tolist()
        sure: list[float] = scores.max(axis=1).tolist()
        shares = word_shares(
            chunk.rows(chunk.tokens.owners, members, -1).ids, forward.received, forward.scored
        )
        shares[chunk.tokens.unreadable[members]] = -1.0
        best = np.argsort(-shares, axis=1, kind="stable")[:, : self._words]
        values: list[list[float]] = np.take_along_axis(shares, best, axis=1).tolist()
        # a text with fewer words than others points behind its own, at something that is not used
        numbers = np.minimum(chunk.first_word[members][:, None] + best, len(chunk.tokens.spans) - 1)
        places: list[list[list[int]]] = chunk.tokens.spans[numbers].tolist()
        for row, member in enumerate(members):
            text = chunk.texts[member]
            words = tuple(
                Word(text[start:end], start, end, value)
                for (start, end), value in zip(places[row], values[row], strict=True)
                if value >= 0
            )
            chunk.answers[member] = BulkAnswer(self._facts.labels[labels[row]], sure[row], words)
        chunk.left -= len(members)


def word_shares(
    owners: npt.NDArray[np.integer], received: npt.NDArray[Any], scored: npt.NDArray[Any] | None
) -> npt.NDArray[np.float64]:
    """words.attended_words for a batch, by arrays.

    Args:
        owners: [B, T], number of each token's word in its text, or -1.
        received: [B, T], attention that each token received.
        scored: [B, T], by the model's word scorer; None: words are scored by attention.

    Returns:
        [B, words], each word's score; -1 for numbers that no token belongs to.
    """
    rows, most = len(owners), int(owners.max(initial=-1)) + 1
    row, token = np.nonzero(owners >= 0)
    word = row * most + owners[row, token]
    size = rows * most

    def summed(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        return np.bincount(word, values[row, token], size).reshape(rows, most).astype(np.float64)

    totals = summed(received)
    if scored is not None:
        left = np.where(owners >= 0, scored.astype(np.float64), -np.inf)
        highest = left.max(axis=1, keepdims=True)
        likely = np.exp(left - np.where(np.isfinite(highest), highest, 0.0))
        shown = np.clip(totals.sum(axis=1), 0.0, 1.0) / np.maximum(likely.sum(axis=1), 1e-300)
        totals = summed(likely) * shown[:, None]
    present = np.bincount(word, minlength=size).reshape(rows, most) > 0
    shares: npt.NDArray[np.float64] = np.where(present, totals, -1.0)
    return shares


_here = threading.local()
"""Each thread's own tokenizer: a tokenizer cannot be shared."""


def _begin(tokenizer: str, max_tokens: int, pad_id: int) -> None:
    _here.encoder = TextEncoder(Tokenizer.from_str(tokenizer), max_tokens, pad_id)


def _begin_alone(tokenizer: str, max_tokens: int, pad_id: int) -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # each process is one of many already
    _begin(tokenizer, max_tokens, pad_id)


def _tokenize(texts: list[str]) -> TokenizedTexts:
    return tokenized_texts(_here.encoder, texts)
