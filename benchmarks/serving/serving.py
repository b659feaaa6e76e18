"""How fast the product answers against what people serve a BERT with, in turns in one run.

Every contender lives in a process of its own, which waits while another is measured. In each round everyone
has a turn of some seconds over the same texts, from the same place; ratios are of turns of the same round, so
that a machine that slows down slows both. Medians over the rounds count.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.serving import rows as serving_rows
from benchmarks.serving.contender_process import ContenderFailed, ContenderProcess
from benchmarks.serving.http_load import closed_loop
from benchmarks.serving.loops import OpenLoops, at_each_share
from benchmarks.serving.rows import MESSAGES, Row
from benchmarks.serving.service_process import ServiceProcess
from benchmarks.serving.summary import accuracy, agreement, ratios, row_summary
from benchmarks.serving.texts import lengths_summary, long_texts, token_lengths
from benchmarks.turns import BATCH, Spec
from benchmarks.workers import say
from classifier.contract import OUT_OF_SCOPE_LABEL, InvalidInput
from classifier.data.dataset import Example
from classifier.model.integrity import verify


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingPlan(OpenLoops):
    """How much is measured; `rounds` are turns of each contender too.

    Attributes:
        seconds: of a turn at most, but for one batch.
        messages: texts that are used at most; 0: all.
        long_texts: how many texts of 128 tokens are made; 0: none are measured.
        fitted: labelled messages that the simpler models are fitted to at most.
        only: names of the baselines to measure, see serving_rows.CONTENDERS; none: all.
    """

    seconds: float = 2.5
    messages: int = 0
    long_texts: int = 256
    fitted: int = 2000
    only: tuple[str, ...] = ()


QUICK = ServingPlan(
    rounds=3, seconds=0.6, open_seconds=2.0, shares=(0.6, 0.9), messages=512, long_texts=0, fitted=500
)


def measure(
    model: Path,
    examples: Sequence[Example],
    labelled: Sequence[Example],
    plan: ServingPlan,
    *,
    texts: str,
    shape: str = "",
) -> dict[str, Any]:
    """Run everything.

    Args:
        model: a model directory.
        examples: messages to answer, in an order without meaning; those that are `oos` are left out.
        labelled: messages to fit the simpler models to.
        plan: how much.
        texts: what the messages are called in the report.
        shape: of random weights to measure in place of the model's, see shapes; their answers mean nothing,
            so gates and simpler models are left out.

    Returns:
        Plain data: machine, model, texts, rows, ratios, open_loop, gates, service, left_out.

    Raises:
        InvalidInput: there are no messages, or the plan names an unknown contender.
        BrokenModel: the directory is no whole model directory.
        ContenderFailed: ours could not be measured.
    """
    verify(model)
    kept = [example for example in examples if example.label != OUT_OF_SCOPE_LABEL]
    kept = kept[: plan.messages or None]
    if not kept:
        raise InvalidInput("no messages to answer: give a CSV file with text,label")
    messages = [example.text for example in kept]
    lengths = token_lengths(model, messages)
    sets = {MESSAGES: messages}
    if plan.long_texts:
        sets[serving_rows.LONG] = long_texts(messages, lengths, plan.long_texts)
    fit_to = [(e.text, e.label) for e in labelled if e.label != OUT_OF_SCOPE_LABEL][: plan.fitted]
    found: dict[str, Any] = {
        "machine": machine.describe(),
        "rounds": plan.rounds,
        "turn_seconds": plan.seconds,
    }
    found["texts"] = {
        "name": texts,
        "messages": len(messages),
        "fitted": len(fit_to),
        "tokens": lengths_summary(lengths),
    }
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fingerpost-bench-")))
        if shape:
            from benchmarks.serving.shapes import write_shape  # noqa: PLC0415 - torch

            model = write_shape(model, shape, folder / "shape")
        field = _Field(model, sets, fit_to, folder, stack)
        field.open(serving_rows.baselines(plan.only, trained=not shape))
        found["rows"], found["ratios"] = field.rounds(plan)
        found["open_loop"] = field.open_loop(plan)
        found["memory"] = field.memory()
        first, again = field.ready_seconds
        found["service"] = {"ready_first_seconds": first, "ready_again_seconds": again}
        found["ceiling"] = field.ceiling()
        found["gates"] = field.gates([example.label for example in kept]) if not shape else {}
        found["notes"], found["left_out"] = field.notes, field.left_out
        found["model"] = serving_rows.describe_model(model)
    return found


class _Field:
    """Everyone who is measured."""

    def __init__(
        self,
        model: Path,
        sets: dict[str, list[str]],
        labelled: list[tuple[str, str]],
        folder: Path,
        stack: ExitStack,
    ) -> None:
        self._model, self._sets, self._labelled = model, sets, labelled
        self._folder, self._stack = folder, stack
        self._open: dict[str, ContenderProcess] = {}
        self.ready_seconds: list[float] = []
        self.notes: dict[str, dict[str, Any]] = {}
        self.left_out: dict[str, str] = {}

    def open(self, baselines: Sequence[str]) -> None:
        """Start the baselines side by side; then ours and the service, each alone, for they race backends."""
        started = [self._start(name) for name in baselines]
        for process in started:
            say(f"{process.name} gets ready")
            try:
                self._await(process)
            except ContenderFailed as error:  # one baseline less is no reason to measure nothing
                self.left_out[process.name] = str(error)
        say("ours gets ready, and so does the service, twice")
        self._await(self._start(serving_rows.OURS))
        service = ServiceProcess([self._model], self._folder / "service")
        self._service = self._stack.enter_context(service)
        self.ready_seconds.append(self._service.start())
        self._service.stop()
        self.ready_seconds.append(self._service.start())

    def rounds(self, plan: ServingPlan) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """(rows, ratios), each over the rounds."""
        rows = [
            row
            for row in serving_rows.rows()
            if (row.contender in self._open or row.contender == serving_rows.HTTP)
            and row.texts in self._sets
            and row.batch <= max(BATCH, len(self._sets[row.texts]))  # else it would be a smaller batch
        ]
        turns: dict[str, list[dict[str, Any]]] = {row.name: [] for row in rows}
        for number in range(plan.rounds):
            say(f"round {number + 1} of {plan.rounds}")
            at = number * len(rows) // plan.rounds  # nobody always comes behind the same one
            for row in [*rows[at:], *rows[:at]]:
                start = number * len(self._sets[row.texts]) // plan.rounds
                turns[row.name].append(self._turn(row, plan.seconds, start))
        return [row_summary(row, turns[row.name]) for row in rows], ratios(turns)

    def open_loop(self, plan: ServingPlan) -> list[dict[str, Any]]:
        """Single messages at shares of what many callers get, which is measured right before each."""
        [many] = (row for row in serving_rows.rows() if row.name == serving_rows.SATURATING)

        def observe(rate: float, number: int) -> dict[str, Any]:
            options = {"rate": rate, "seconds": plan.open_seconds, "seed": number}
            return self._open[serving_rows.OURS].ask("open_loop", MESSAGES, **options)

        return at_each_share(
            plan, lambda: float(self._turn(many, plan.saturating_seconds, 0)["rate"]), observe
        )

    def memory(self) -> dict[str, Any]:
        """MiB of each process now and at its peak."""
        found = {name: process.memory() for name, process in self._open.items()}
        return {**found, serving_rows.HTTP: self._service.memory()}

    def ceiling(self) -> dict[str, Any]:
        """See ceiling.Ceiling; empty where it could not be measured."""
        with self._start(serving_rows.CEILING) as process:
            try:
                return {key: value for key, value in process.ready().items() if key != "ready_seconds"}
            except ContenderFailed as error:
                self.left_out[process.name] = str(error)
                return {}

    def gates(self, labels: Sequence[str]) -> dict[str, Any]:
        """Accuracy of who answers with the model's categories, and agreement of ours with the reference."""
        say("accuracy, and agreement with float32")
        ours = self._open[serving_rows.OURS].ask("answers", MESSAGES)
        with self._start(serving_rows.REFERENCE) as process:
            process.ready()
            reference = process.ask("answers", MESSAGES)
        names = [name for name in serving_rows.ANSWERING if name in self._open]
        answered = {name: self._open[name].ask("answers", MESSAGES) for name in names}
        answered |= {serving_rows.OURS: ours, serving_rows.REFERENCE: reference}
        return {
            "accuracy": {name: accuracy(each, labels) for name, each in answered.items()},
            "agreement": agreement(ours, reference),
            "alone": ours["alone"],
        }

    def _turn(self, row: Row, seconds: float, start: int) -> dict[str, Any]:
        if row.contender == serving_rows.HTTP:
            return asyncio.run(
                closed_loop(
                    self._service.address,
                    self._sets[row.texts],
                    connections=row.callers,
                    batch=row.batch,
                    seconds=seconds,
                    start=start,
                )
            )
        options = {"batch": row.batch, "callers": row.callers, "seconds": seconds, "start": start}
        return self._open[row.contender].ask("turn", row.texts, **options)

    def _start(self, name: str) -> ContenderProcess:
        module, kind, padded = serving_rows.CONTENDERS[name]
        spec = Spec(module, kind, str(self._model), self._sets, self._labelled, padded)
        return self._stack.enter_context(ContenderProcess(name, spec, self._folder))

    def _await(self, process: ContenderProcess) -> None:
        self.notes[process.name] = process.ready()
        self._open[process.name] = process
