"""LocalClassifier: answers in this process, in one worker thread, and swaps models while it answers."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import queue
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier.contract import (
    ClassifierError,
    ClassifierOverloaded,
    ClassifierUnavailable,
    Explanation,
    ExplanationMethod,
    ModelInfo,
    Picture,
    Prediction,
)
from classifier.devices import choose_device, use_threads
from classifier.explain import explain
from classifier.inference import Predictor
from classifier.model import TrainedModel
from classifier.model_directory import load_model_directory
from classifier.registry import Registry

_log = logging.getLogger(__name__)
_WARM_UP = ("warm up", "the first pass of a network is slower than those that follow it " * 4)


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How a LocalClassifier works.

    Attributes:
        device: auto, cpu or cuda.
        threads: CPU threads of torch, 0 leaves its choice.
        batch_tokens: padded tokens in one forward pass at most.
        batch_texts: texts that are taken from the queue at once.
        queue_size: texts that may wait at most.
    """

    device: str = "auto"
    threads: int = 0
    batch_tokens: int = 4096
    batch_texts: int = 128
    queue_size: int = 1024


@dataclass(slots=True)
class _Job:
    """A piece of work for the worker: texts to classify, or one text to explain."""

    texts: Sequence[str]
    future: Future[Any]
    method: ExplanationMethod | None = None


class LocalClassifier:
    """The classifier contract over a model in this process.

    One thread owns the network. It takes whatever waits as one batch as soon as it is free: nothing is
    held back to fill a batch, and a busy moment makes larger ones. A full queue refuses at once.
    """

    def __init__(self, model: TrainedModel | Path, settings: EngineSettings | None = None) -> None:
        self._settings = settings or EngineSettings()
        use_threads(self._settings.threads)
        self._predictor = self._prepare(model)
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._waiting = 0
        self._swaps = 0
        self._lock = threading.Lock()
        self._swapping = asyncio.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="classifier", daemon=True)
        self._thread.start()

    @classmethod
    async def open(cls, path: Path, settings: EngineSettings | None = None) -> LocalClassifier:
        """Load a model directory in a thread, so that the event loop goes on.

        Raises:
            BrokenModel: the directory cannot be loaded.
        """
        return await asyncio.to_thread(cls, path, settings)

    async def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """Answer each text, in order."""
        if not texts:
            return []
        result: list[Prediction] = await self._submit(_Job(list(texts), Future()))
        return result

    async def explain(self, text: str, method: ExplanationMethod = "leave_one_out") -> Explanation:
        """Say which words decided."""
        result: Explanation = await self._submit(_Job([text], Future(), method))
        return result

    async def picture(self, text: str, *, title: str = "", dark: bool = False) -> Picture:
        """Draw the words that decided, in a thread of its own."""
        from classifier.heatmap import picture_of  # noqa: PLC0415 - fonts and PNG only where they are asked for

        explanation = await self.explain(text)
        return await asyncio.to_thread(picture_of, text, explanation, title=title, dark=dark)

    async def model(self) -> ModelInfo:
        """Say which model answers now."""
        return self._predictor.info()

    async def swap(self, path: Path) -> str:
        """Load and warm up another model in the background, then answer with it.

        Requests that are running finish with the old model; none fails.

        Returns:
            The new version's name.

        Raises:
            BrokenModel: it cannot be loaded; the old model goes on answering.
        """
        async with self._swapping:
            self._predictor = await asyncio.to_thread(self._prepare, path)
            self._swaps += 1
            return self._predictor.facts.version

    @property
    def waiting(self) -> int:
        """Texts in the queue."""
        return self._waiting

    @property
    def swaps(self) -> int:
        """How often another model took over since the start."""
        return self._swaps

    async def close(self) -> None:
        """Finish what is running, refuse what waits, end the thread."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _prepare(self, model: TrainedModel | Path) -> Predictor:
        if isinstance(model, Path):
            model = load_model_directory(model, device=str(choose_device(self._settings.device)))
        predictor = Predictor(model, batch_tokens=self._settings.batch_tokens)
        predictor.predict(_WARM_UP)
        return predictor

    async def _submit(self, job: _Job) -> Any:
        with self._lock:
            if self._closed:
                raise ClassifierUnavailable("the classifier is closed")
            # a request that is larger than the queue is taken when nothing waits, else it never could be
            if self._waiting and self._waiting + len(job.texts) > self._settings.queue_size:
                raise ClassifierOverloaded
            self._waiting += len(job.texts)
            self._queue.put(job)
        return await asyncio.wrap_future(job.future)

    def _work(self) -> None:
        """The worker thread: take what waits, run it, answer."""
        while (job := self._queue.get()) is not None:
            jobs = [job]
            texts = len(job.texts)
            ended = False
            while texts < self._settings.batch_texts:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    ended = True
                    break
                jobs.append(more)
                texts += len(more.texts)
            with self._lock:
                self._waiting -= texts
            # a caller that went away has cancelled its future
            self._run([job for job in jobs if job.future.set_running_or_notify_cancel()])
            if ended:
                break
        while not self._queue.empty():
            if (job := self._queue.get()) is not None and job.future.set_running_or_notify_cancel():
                job.future.set_exception(ClassifierUnavailable("the classifier is closed"))

    def _run(self, jobs: Sequence[_Job]) -> None:
        predictor = self._predictor  # one model for the whole batch, also when a swap comes between
        plain = [job for job in jobs if job.method is None]
        if plain:
            _settle(plain, lambda: _in_parts(predictor, plain))
        for job in jobs:
            if job.method is not None:
                _settle([job], functools.partial(_explained, predictor, job.texts[0], job.method))


def _explained(predictor: Predictor, text: str, method: ExplanationMethod) -> list[Explanation]:
    return [explain(predictor, text, method)]


def _in_parts(predictor: Predictor, jobs: Sequence[_Job]) -> list[list[Prediction]]:
    answers = iter(predictor.predict([text for job in jobs for text in job.texts]))
    return [[next(answers) for _ in job.texts] for job in jobs]


def _settle(jobs: Sequence[_Job], compute: Callable[[], list[Any]]) -> None:
    """Give each job its result, or all of them the error."""
    try:
        results = compute()
    except ClassifierError as error:
        for job in jobs:
            job.future.set_exception(error)
    except Exception as error:  # noqa: BLE001 - the thread must live on, whatever one batch did
        _log.exception("a batch of %d requests failed", len(jobs))
        for job in jobs:
            job.future.set_exception(ClassifierUnavailable(f"the model failed: {type(error).__name__}"))
    else:
        for job, result in zip(jobs, results, strict=True):
            job.future.set_result(result)


class RegistryWatcher:
    """Swaps a LocalClassifier whenever another version becomes active in the registry."""

    def __init__(
        self,
        registry: Registry,
        classifier: LocalClassifier,
        interval: float = 1.0,
        *,
        on_swap: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        """Watch a registry.

        Args:
            registry: whose active version should answer.
            classifier: what answers.
            interval: seconds between two looks.
            on_swap: awaited with the version's name after each swap; what it raises is logged.
        """
        self._registry = registry
        self._classifier = classifier
        self._interval = interval
        self._on_swap = on_swap
        self._refused: str | None = None
        self.changing = asyncio.Lock()
        """Held during each look of `run`; whoever activates a version himself holds it meanwhile."""

    async def run(self) -> None:
        """Watch until cancelled. A version that cannot be loaded is logged, and the old one stays."""
        while True:
            with contextlib.suppress(OSError):  # a moment without the disk is no reason to stop watching
                async with self.changing:
                    await self.look()
            await asyncio.sleep(self._interval)

    async def look(self) -> str | None:
        """Look once: the name of the version that was swapped in, None where nothing changed."""
        version = self._registry.active()
        if version is None or version == self._refused:
            return None
        if version == (await self._classifier.model()).version:
            self._refused = None
            return None
        try:
            await self._classifier.swap(self._registry.path(version))
        except ClassifierError as error:
            self._refused = version
            _log.error("version %s is active but cannot be loaded, the old one goes on: %s", version, error)
            return None
        self._refused = None
        if self._on_swap is not None:
            try:
                await self._on_swap(version)
            except Exception:  # noqa: BLE001 - the listener's errors are its own
                _log.exception("telling about the swap to %s failed", version)
        return version
