"""What waits for the network: a bounded queue from which free workers take their share at once.

Messages come first. Explanations take turns behind them, a few passes each time.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from classifier.contract import ClassifierOverloaded, ClassifierUnavailable
from classifier.explanation.leave_one_out import Measurement
from classifier.inference.loading import Loaded
from classifier.inference.predictor import Predictor

_CROWDED_SECONDS = 0.1
"""So long after two shares ran at once others are expected to."""

_KEPT_SECONDS = 2.0
"""So long after a message one of several workers does not explain, and the next message does not wait."""

MOST_EXPLANATIONS = 32
"""That may be under way: each one more makes all of them say less in their time."""

_OVERHEAD = 24
"""What a text costs beside its characters, in characters."""


@dataclass(eq=False, slots=True)
class ReadyModel:
    """A model that answers, and which of its predictors are free.

    Attributes:
        loaded: the model.
        most: texts in a share.
        free: of its predictors.
    """

    loaded: Loaded
    most: int
    free: list[Predictor] = field(default_factory=list)

    def __post_init__(self) -> None:
        """All are free at first."""
        self.free = list(self.loaded.predictors)


@dataclass(eq=False, slots=True)
class Job:
    """A caller's work: texts to classify, or one text to explain.

    Attributes:
        texts: of the caller.
        model: that answers.
        future: of the caller's event loop; gets the results.
        measurement: the explanation as far as it is; None for predictions.
        results: one a text, in order; None until it is there.
        left: results that are missing.
    """

    texts: Sequence[str]
    model: ReadyModel
    future: asyncio.Future[list[Any]]
    measurement: Measurement | None = None
    results: list[Any] = field(default_factory=list)
    left: int = 0

    def __post_init__(self) -> None:
        """No result is there yet."""
        self.results, self.left = [None] * len(self.texts), len(self.texts)


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker runs as one batch, or one step of an explanation.

    Attributes:
        items: jobs, and the place of the text in each.
        model: of all of them.
        predictor: the worker's own until it is given back.
    """

    items: Sequence[tuple[Job, int]]
    model: ReadyModel
    predictor: Predictor

    @property
    def measurement(self) -> Measurement | None:
        """The explanation of which it is a step; None for a batch."""
        return self.items[0][0].measurement


class Admission:
    """The queue.

    Args:
        size: texts that may wait.
        clock: seconds.
    """

    def __init__(self, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._queue: deque[tuple[Job, int]] = deque()
        self._explanations: deque[Job] = deque()
        self._explaining = 0
        self._overdue_was_first = False
        self._messages_until = 0.0
        self._weight = 0
        self._changed = threading.Condition()
        self._busy = 0
        self._closed = False
        self._clock = clock
        self._crowded_until = 0.0

    @property
    def waiting(self) -> int:
        """Texts in the queue, and explanations that wait for a turn."""
        return len(self._queue) + len(self._explanations)

    def alone(self) -> bool:
        """Whether one share runs and nothing waits, and it has been so for a while.

        Where messages come one by one, each may have the whole machine. Where some overlap, others soon will.
        """
        return self._busy <= 1 and not self.waiting and self._clock() >= self._crowded_until

    def busy(self) -> bool:
        """Whether anything runs or waits, or did a moment ago."""
        return self._busy > 0 or bool(self.waiting) or self._clock() < self._crowded_until

    def add(self, job: Job) -> None:
        """Let a job wait.

        Raises:
            ClassifierOverloaded: the queue is full.
            ClassifierUnavailable: the queue is closed.
        """
        sizes = [len(text) + _OVERHEAD for text in job.texts]
        # short ones first, so that shares are of like length
        order = sorted(range(len(sizes)), key=sizes.__getitem__)
        with self._changed:
            if self._closed:
                raise ClassifierUnavailable("the classifier is closed")
            if job.measurement is not None:
                if self._explaining >= MOST_EXPLANATIONS:
                    raise ClassifierOverloaded("too many explanations are under way: try again shortly")
                self._explaining += 1
                self._explanations.append(job)
                self._changed.notify()
                return
            # a request that is larger than the queue is taken when nothing waits, else it never could be
            if self._queue and len(self._queue) + len(order) > self._size:
                raise ClassifierOverloaded
            self._messages_until = self._clock() + _KEPT_SECONDS
            self._queue.extend((job, place) for place in order)
            self._weight += sum(sizes)
            self._changed.notify(len(order))

    def take(self) -> Share | None:
        """Wait for work and take a share of it; None when the queue is closed."""
        with self._changed:
            while True:
                if self._closed:
                    return None
                if share := self._next():
                    self._busy += 1
                    if self._busy > 1 or self.waiting:
                        self._crowded_until = self._clock() + _CROWDED_SECONDS
                    return share
                self._changed.wait()

    def give_back(self, share: Share, *, again: bool = False) -> bool:
        """End a share: its predictor is free again.

        Args:
            share: what was taken.
            again: whether its explanation waits for another turn.

        Returns:
            Whether it does; not where the queue is closed.
        """
        with self._changed:
            self._busy -= 1
            share.model.free.append(share.predictor)
            again = again and not self._closed
            if again:
                self._explanations.append(share.items[0][0])
            elif share.measurement is not None:
                self._explaining -= 1
            self._changed.notify()
        return again

    def close(self) -> list[Job]:
        """Let nobody take or add any more, and give what waited."""
        with self._changed:
            self._closed = True
            left = [*{job: None for job, _ in self._queue}, *self._explanations]
            self._queue.clear()
            self._explanations.clear()
            self._changed.notify_all()
        return left

    def _next(self) -> Share | None:
        """What a worker should do now.

        Explanations wait for messages. Only one whose time is over takes turns with them: its answer is due.
        """
        due = [job for job in self._explanations if job.measurement is not None and job.measurement.overdue]
        if due and not self._overdue_was_first and (share := self._step(due, kept=0)):
            self._overdue_was_first = True
            return share
        self._overdue_was_first = False
        while self._queue and self._queue[0][0].model.free:
            if share := self._share():
                return share
        return self._step(due or self._explanations, kept=int(self._clock() < self._messages_until))

    def _step(self, jobs: Iterable[Job], *, kept: int) -> Share | None:
        """A step of the first explanation whose model has a free predictor beside those that are kept."""
        for job in list(jobs):
            if job.future.done():  # its caller went away
                self._explanations.remove(job)
                self._explaining -= 1
            elif len(job.model.free) > min(kept, len(job.model.loaded.predictors) - 1):
                self._explanations.remove(job)
                return Share([(job, 0)], job.model, job.model.free.pop())
        return None

    def _share(self) -> Share | None:
        """Of all that waits this worker's part, beside others whose predictor is free; all for one model."""
        model = self._queue[0][0].model
        part = self._weight / max(1, len(model.free))
        items: list[tuple[Job, int]] = []
        taken = 0
        while self._queue and len(items) < model.most and taken < part:
            job, place = self._queue[0]
            if items and job.model is not model:
                break
            self._queue.popleft()
            weight = len(job.texts[place]) + _OVERHEAD
            self._weight -= weight
            if job.future.done():  # its caller went away, or another part of it failed
                continue
            model = job.model
            items.append((job, place))
            taken += weight
        if not items or not model.free:
            for item in reversed(items):
                self._queue.appendleft(item)
                self._weight += len(item[0].texts[item[1]]) + _OVERHEAD
            return None
        return Share(items, model, model.free.pop())
