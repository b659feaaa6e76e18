"""LocalClassifier: answers in this process, in worker threads, and swaps models while it answers."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from classifier.contract import (
    ClassifierError,
    ClassifierUnavailable,
    Explanation,
    ExplanationMethod,
    ModelInfo,
    Picture,
    Prediction,
)
from classifier.explanation.leave_one_out import Measurement
from classifier.explanation.steps import Limits
from classifier.inference.loading import LoadSettings, load
from classifier.model.pacing import Pace, Pause, at_once
from classifier.serving.explanations import Explanations
from classifier.serving.queue import Admission, Job, ReadyModel, Share

if TYPE_CHECKING:
    from classifier.model.network import TrainedModel

_log = logging.getLogger(__name__)
_WARM_UP = ("warm up", "the first pass of a network is slower than those that follow it " * 4)

_MOST_TURNS = 60
"""Looks for a quiet moment before a race begins in a busy one."""

_CHARACTERS = 48
"""Of a text of usual length: a step of an explanation takes as long as a share of messages."""


@dataclass(frozen=True, slots=True)
class EngineSettings(LoadSettings):
    """How a LocalClassifier works, and runs its models.

    Attributes:
        batch_texts: texts that a worker takes from the queue at once; 0: as many as suit the backend.
        queue_size: texts that may wait at most.
        explain_seconds: an explanation takes at most, its last passes aside.
    """

    batch_texts: int = 0
    queue_size: int = 1024
    explain_seconds: float = 3.0


class LocalClassifier:
    """The classifier contract over models in this process.

    Worker threads run the network; how many, the backend says. A worker that frees takes its share of what
    waits as one batch: nothing is held back to fill a batch, and a busy moment makes larger ones. A request
    of many texts is cut, short ones first, so that free workers share it. A full queue refuses at once.
    Explanations run a few passes at a time, where no message waits.
    """

    def __init__(self, model: TrainedModel | Path, settings: EngineSettings | None = None) -> None:
        self._settings = settings or EngineSettings()
        self._admission = Admission(self._settings.queue_size)
        self._swapping = asyncio.Lock()
        self._explanations = Explanations()
        self._swaps, self._asked = 0, 0
        self._model = model
        self._active = self._prepare(model, self._settings)
        self._threads: list[threading.Thread] = []
        self._hire(self._active)

    @classmethod
    async def open(cls, path: Path, settings: EngineSettings | None = None) -> LocalClassifier:
        """Load a model directory in a thread, so that the event loop goes on.

        Raises:
            BrokenModel: the directory cannot be loaded.
        """
        return await asyncio.to_thread(cls, path, settings)

    async def race(self, quiet: float = 5.0) -> None:
        """Find the fastest backend, where that was put off, and go on with it. Returns when that is done.

        Args:
            quiet: seconds without messages that are waited for: a race beside them would measure them.
        """
        for turn in itertools.count(1):
            if self._active.loaded.raced or not isinstance(self._model, Path):
                return
            asked = self._asked
            await asyncio.sleep(quiet)
            if (self._asked == asked and not self._admission.busy()) or turn >= _MOST_TURNS:
                async with self._swapping:
                    if not self._active.loaded.raced:
                        await self._take_over(self._model)

    @property
    def waiting(self) -> int:
        """Texts in the queue."""
        return self._admission.waiting

    @property
    def swaps(self) -> int:
        """How often another model took over since the start."""
        return self._swaps

    @property
    def backend(self) -> str:
        """Name of what runs the active model."""
        return self._active.loaded.backend

    async def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """Answer each text, in order."""
        if not texts:
            return []
        results: list[Prediction] = await self._submit(list(texts), self._active)
        return results

    async def explain(
        self, text: str, method: ExplanationMethod = "leave_one_out", *, seconds: float | None = None
    ) -> Explanation:
        """Say which words decided, as far as the time goes."""
        model = self._active
        longest = self._settings.explain_seconds if seconds is None else seconds
        limits = Limits(min(longest, self._settings.explain_seconds), characters=_CHARACTERS * model.most)

        async def measure() -> Explanation:
            results: list[Explanation] = await self._submit([text], model, Measurement(text, method, limits))
            return results[0]

        return await self._explanations.of(model.loaded.facts.version, method, text, measure)

    async def picture(
        self, text: str, *, title: str = "", dark: bool = False, seconds: float | None = None
    ) -> Picture:
        """Draw the words that decided, in a thread of its own."""
        from classifier.explanation.heatmap import picture_of  # noqa: PLC0415 - fonts and PNG only where they are asked for

        explanation = await self.explain(text, seconds=seconds)
        return await asyncio.to_thread(picture_of, text, explanation, title=title, dark=dark)

    async def model(self) -> ModelInfo:
        """Say which model answers now."""
        return self._active.loaded.predictors[0].info()

    async def swap(self, path: Path) -> str:
        """Load and warm up another model in the background, then answer with it.

        Requests that were taken before finish with the old model; none fails.

        Returns:
            The new version's name.

        Raises:
            BrokenModel: it cannot be loaded; the old model goes on answering.
        """
        async with self._swapping:
            await self._take_over(path)
            return self._active.loaded.facts.version

    async def close(self) -> None:
        """Finish what is running, refuse what waits, end the threads."""
        for job in self._admission.close():
            if not job.future.done():
                job.future.set_exception(ClassifierUnavailable("the classifier is closed"))
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    async def _take_over(self, path: Path) -> None:
        """Paced, as another model answers meanwhile; and a race that is needed is run, not put off."""
        settings = replace(self._settings, race_later=False)
        pace = Pace(self._admission.busy)
        self._active = await asyncio.to_thread(self._prepare, path, settings, pace)
        self._model = path
        self._hire(self._active)
        self._swaps += 1

    def _prepare(
        self, model: TrainedModel | Path, settings: EngineSettings, pause: Pause = at_once
    ) -> ReadyModel:
        loaded = load(model, settings, self._admission.alone, pause)
        for predictor in loaded.predictors:
            predictor.predict(_WARM_UP)
            pause()
        return ReadyModel(loaded, self._settings.batch_texts or loaded.share)

    def _hire(self, model: ReadyModel) -> None:
        """Start threads until each of the model's predictors can have one."""
        while len(self._threads) < len(model.loaded.predictors):
            name = f"classifier-{len(self._threads)}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    async def _submit(
        self, texts: Sequence[str], model: ReadyModel, measurement: Measurement | None = None
    ) -> list[Any]:
        job = Job(texts, model, asyncio.get_running_loop().create_future(), measurement)
        self._asked += 1
        self._admission.add(job)
        return await job.future

    def _work(self) -> None:
        """A worker thread: take a share of what waits, run it, answer."""
        while (share := self._admission.take()) is not None:
            try:
                results, error = _run(share), None
            except ClassifierError as known:
                results, error = [], known
            except Exception as unknown:  # noqa: BLE001 - the thread must live on, whatever one batch did
                _log.exception("a batch of %d texts failed", len(share.items))
                results, error = [], ClassifierUnavailable(f"the model failed: {type(unknown).__name__}")
            unfinished = share.measurement is not None and error is None and results[0] is None
            if self._admission.give_back(share, again=unfinished):
                continue
            if unfinished:
                error = ClassifierUnavailable("the classifier is closed")
            _answer(share, results, error)


def _run(share: Share) -> Sequence[Any]:
    """A result for each item; None for an explanation that takes more steps."""
    if share.measurement is not None:
        return [share.measurement.step(share.predictor)]
    return share.predictor.predict([job.texts[place] for job, place in share.items])


def _answer(share: Share, results: Sequence[Any], error: ClassifierError | None) -> None:
    """Give each job its results or the error, in one call to each event loop."""
    ended: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    with _counting:
        for number, (job, place) in enumerate(share.items):
            job.left -= 1
            if error is None:
                job.results[place] = results[number]
            if error is not None or not job.left:
                ended.setdefault(job.future.get_loop(), []).append(job)
    for loop, jobs in ended.items():
        with contextlib.suppress(RuntimeError):  # a loop that is closed waits for nothing
            loop.call_soon_threadsafe(_settle, jobs, error)


_counting = threading.Lock()
"""Two workers may end parts of one job at the same time."""


def _settle(jobs: Sequence[Job], error: ClassifierError | None) -> None:
    """Runs in the jobs' event loop."""
    for job in jobs:
        if job.future.done():
            continue
        if error is None:
            job.future.set_result(job.results)
        else:
            job.future.set_exception(error)
