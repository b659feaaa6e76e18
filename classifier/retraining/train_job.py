"""The child process of a retraining: a job on standard input, JSON lines on standard output.

It runs apart so that it can be killed, gives its memory back, and never slows an answer down for long.
It knows no database: the parent hands it the examples and takes the result.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from classifier.contract import ClassifierError
from classifier.retraining.child_limits import (
    ADVICE,
    EXCEEDED,
    end_with_parent,
    limit_memory,
    says_out_of_memory,
)

NICENESS = 10
"""The child yields the processor to the process that answers people."""
PROGRESS_SECONDS = 0.5
TAKEN_APART = 40
"""Held-out messages on which the words that both models show are compared; some seconds."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a retraining works on.

    Attributes:
        train: (text, label, weight) to learn from.
        validation: (text, label) for early stopping and calibration; empty lets `fit` hold some back.
        held_out: (text, label) that both models are judged on.
        config: keyword arguments of TrainingConfig.
        model_home: the registry's directory.
        champion: version that answers now, or None.
        folder: where to work and to leave the candidate; None: the registry itself.
        people: who stands behind each of the last messages of `train`, see training_set.Given.
        own: whose ticket each of the last messages of `held_out` is, see training_set.Judge.
        starter: sha256 of the starter pack.
        names: (text, label, weight), what categories are called and about; learned like messages.
        unlabelled: messages that nobody labelled, newest first; nothing learns from them.
    """

    train: list[tuple[str, str, float]]
    validation: list[tuple[str, str]]
    held_out: list[tuple[str, str]]
    config: dict[str, Any]
    model_home: str
    champion: str | None
    folder: str | None = None
    people: list[dict[str, Any]] = field(default_factory=list)
    own: list[dict[str, Any]] = field(default_factory=list)
    starter: str = ""
    names: list[tuple[str, str, float]] = field(default_factory=list)
    unlabelled: list[str] = field(default_factory=list)

    def encode(self) -> bytes:
        """Return the job as JSON."""
        return json.dumps(asdict(self)).encode()


class Reporter:
    """Writes progress at most twice a second, so that the pipe never holds the training up."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._next = 0.0
        self._stage = ""

    def progress(self, stage: str, fraction: float, **details: Any) -> None:
        """Say how far it is; `fraction` is of the whole job."""
        now = time.monotonic()
        if now < self._next and stage == self._stage:
            return
        self._next, self._stage = now + PROGRESS_SECONDS, stage
        self.line("progress", {"stage": stage, "fraction": round(fraction, 4), **details})

    def line(self, kind: str, value: dict[str, Any]) -> None:
        """Write one line."""
        self._out.write(json.dumps({kind: value}) + "\n")
        self._out.flush()


def work(job: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Fit, judge both models on the same messages, and publish the new one without activating it."""
    from classifier.data.manifest import MANIFEST_FILE, encoded  # noqa: PLC0415
    from classifier.evaluation.gate.comparison import compare, judge_both  # noqa: PLC0415
    from classifier.evaluation.measure import measure  # noqa: PLC0415
    from classifier.evaluation.model_card import model_card  # noqa: PLC0415
    from classifier.evaluation.report.figures import draw_confusion  # noqa: PLC0415
    from classifier.explanation.faithfulness import FEWEST, faithfulness, measurable  # noqa: PLC0415
    from classifier.inference.predictions import Answers, answer  # noqa: PLC0415 - torch takes seconds to import; say so first
    from classifier.inference.torch_predictor import TorchPredictor  # noqa: PLC0415
    from classifier.model.directory import load_model_directory  # noqa: PLC0415
    from classifier.model.network import TrainedModel  # noqa: PLC0415
    from classifier.model.registry import Registry  # noqa: PLC0415
    from classifier.progress import Progress  # noqa: PLC0415
    from classifier.retraining.material import material_of  # noqa: PLC0415
    from classifier.training.fit import TrainingConfig, fit  # noqa: PLC0415

    started = time.monotonic()
    config = TrainingConfig(**job["config"])

    def show(p: Progress, first: float, share: float) -> None:
        reporter.progress(
            str(p.stage),
            first + share * p.fraction,
            epoch=p.epoch,
            epochs=p.epochs,
            eta_seconds=p.eta_seconds,
        )

    material = material_of(
        job, config, lambda p: show(replace(p, stage="prepare", eta_seconds=None), 0.01, 0.05)
    )
    result = fit(
        material.train,
        config,
        created=datetime.now(UTC),
        validation=material.validation or None,
        unlabelled=job.get("unlabelled", ()),
        checkpoint=Path(job["folder"] or job["model_home"]) / ".training",
        progress=lambda p: show(p, 0.06, 0.86),
    )
    reporter.progress("evaluate", 0.93)
    registry = Registry(Path(job["model_home"]))
    held_out = material.judged.examples
    texts = [example.text for example in held_out]

    def said(model: TrainedModel) -> Answers:
        return answer(TorchPredictor(model), texts, timed=True)

    challenger, champion, before = said(result.model), None, None
    measured = measure(challenger, held_out)
    taken_apart = measurable(TorchPredictor(result.model), texts, TAKEN_APART)
    comparable = len(taken_apart) >= FEWEST
    now = faithfulness(TorchPredictor(result.model), taken_apart) if comparable else None
    if job["champion"]:
        try:
            model = load_model_directory(registry.path(job["champion"]))
            champion = said(model)
            before = faithfulness(TorchPredictor(model), taken_apart) if comparable else None
        except ClassifierError as error:  # a broken champion must not keep a sound model away
            reporter.line("warning", {"text": f"the present model cannot be measured: {error}"})
    explained = (before, now) if before and now else None
    verdict = judge_both(champion, challenger, material.judged, explained=explained).as_dict()
    reporter.progress("publish", 0.98)
    # a published directory never changes, so the card says now what the gate found
    card = model_card(result.model.facts, verdict=verdict, evaluation=measured.as_dict(), faithful=now)
    picture = draw_confusion(measured)
    extra = {MANIFEST_FILE: encoded(material.manifest), picture.file_name: picture.png}
    return {
        "version": Registry(Path(job["folder"] or job["model_home"])).publish(
            result.model, card=card, extra=extra
        ),
        "seconds": round(time.monotonic() - started, 1),
        "challenger": measures(measured),
        "champion": measures(measure(champion, held_out)) if champion else None,
        "verdict": verdict,
        "changes": compare(champion, challenger, material.judged),
        "picture": {"file": picture.file_name, "alt": picture.alt},
        **material.findings(),
    }


Work = Callable[[dict[str, Any], Reporter], dict[str, Any]]
"""Takes the job and says how far it is; returns the result."""


def measures(report: Any) -> dict[str, Any]:
    """Return what the parent keeps of an evaluation."""
    return {
        "accuracy": report.accuracy,
        "interval": list(report.accuracy_interval),
        "n": report.n,
        "macro_f1": report.macro_f1,
        "ece": report.ece,
        "milliseconds": report.milliseconds,
    }


def main(arguments: Sequence[str] | None = None, *, carry_out: Work | None = None) -> int:
    """Run the job that stands on standard input; exit code 2 where its input cannot be used.

    Args:
        arguments: of the command line; None: this process's.
        carry_out: what to do with the job; None: `work`.
    """
    parser = argparse.ArgumentParser(description="A job on standard input, JSON lines on standard output.")
    parser.add_argument("--parent", type=int, help="process without which this one ends")
    parser.add_argument("--memory-mib", type=int, help="memory that it may use")
    limits = parser.parse_args(arguments)
    if limits.parent is not None:
        end_with_parent(limits.parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the parent ends this process in order
    if limits.memory_mib is not None:
        limit_memory(limits.memory_mib)
    os.nice(NICENESS)
    # Standard output is the protocol: whatever a library prints goes to standard error from here on.
    protocol = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    reporter = Reporter(protocol)
    reporter.progress("prepare", 0.0)
    try:
        result = (carry_out or work)(json.load(sys.stdin), reporter)
    except ClassifierError as error:
        reporter.line("error", {"text": str(error)})
        return 2
    except (MemoryError, RuntimeError, ImportError, OSError) as error:  # each says it in its own way
        if not isinstance(error, MemoryError) and not says_out_of_memory(str(error)):
            raise
        used = f"{EXCEEDED.format(mib=limits.memory_mib or 'the available')}: {ADVICE}."
        reporter.line("error", {"text": used})
        return 2
    reporter.line("result", result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
