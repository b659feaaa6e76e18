"""The command `tune`. Heavy imports stay inside."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from classifier.cli.common import BaseModelOption, ThreadsOption
from classifier.contract import InvalidInput

if TYPE_CHECKING:
    from classifier.training.tuning.types import TuningProgress

commands = typer.Typer()
"""Typer app with `tune`; the product's command line mounts it."""


@commands.command()
def tune(
    labels: Annotated[Path, typer.Argument(metavar="LABELS.csv", help="Columns text,label.")],
    minutes: Annotated[float, typer.Option(min=0.01, help="Time for all of it.")] = 30.0,
    trials: Annotated[int, typer.Option(min=0, help="Trials at most; 0: as many as fit the time.")] = 0,
    folds: Annotated[int, typer.Option(min=2, help="Of the cross-validation.")] = 3,
    output: Annotated[Path, typer.Option(help="File for the best options.")] = Path("best.json"),
    report: Annotated[Path | None, typer.Option(help="Directory for a report with figures.")] = None,
    study: Annotated[
        Path | None, typer.Option(help="File of what was tried; the same one goes on with a search.")
    ] = None,
    search: Annotated[
        list[str] | None,
        typer.Option(help="Search this option too: NAME=LOW..HIGH[:log] or NAME=VALUE,VALUE."),
    ] = None,
    base_model: BaseModelOption = "",
    seed: Annotated[int, typer.Option(help="Of the folds, the search and the trainings.")] = 0,
    threads: ThreadsOption = 0,
) -> None:
    """Search for better training options by cross-validation; Ctrl-C keeps the best so far.

    The first trial is the default recipe. OUTPUT is a JSON object whose keys are training options.
    """
    from dataclasses import replace

    from classifier.data.dataset import check_trainable, read_examples
    from classifier.settings import ClassifierSettings

    examples = read_examples(labels)
    check_trainable(examples)
    _check_writable(output)

    from classifier.training.tuning.report import verdict, write_options, write_report
    from classifier.training.tuning.search import tune as find
    from classifier.training.tuning.space import parse_dimension
    from classifier.training.tuning.types import TuningPlan

    plan = TuningPlan(
        minutes=minutes,
        trials=trials or None,
        folds=folds,
        seed=seed,
        extra=tuple(parse_dimension(text) for text in search or ()),
    )
    config = ClassifierSettings().training_config()
    config = replace(config, base_model=base_model or config.base_model, threads=threads or config.threads)
    with _Display(60 * minutes) as display:
        result = find(
            examples,
            config,
            plan,
            study_file=study or output.with_suffix(".study.jsonl"),
            created=datetime.now(UTC),
            progress=display.show,
        )
    write_options(result, output)
    if report is not None:
        write_report(result, report)
    if result.interrupted:
        sys.stderr.write("stopped: the best so far is kept, and the same command goes on\n")
    Console().print(f"{verdict(result)} Options: {output}", highlight=False, soft_wrap=True, markup=False)


def _check_writable(path: Path) -> None:
    """Say so before the minutes are spent, not after them."""
    if path.is_dir():
        raise InvalidInput(f"{path} is a directory: name a file for the best options")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written ({error.strerror}): name another file") from error


class _Display:
    """Shows a search's progress on standard error."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task("prepare", total=seconds, note="")

    def __enter__(self) -> _Display:
        self._bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.stop()

    def show(self, progress: TuningProgress) -> None:
        """Take over where a search is."""
        minutes, seconds = divmod(max(0, round(progress.seconds_left)), 60)
        what = "confirm" if progress.confirming else "trial"
        best = "" if progress.best is None else f"  best {progress.best:.1%}"
        self._bar.update(
            self._task,
            completed=self._seconds - progress.seconds_left,
            description=f"{what} {progress.trial}  fold {progress.fold}/{progress.folds}  "
            f"epoch {progress.epoch}/{progress.epochs}",
            note=f"{minutes}:{seconds:02d} left{best}",
        )
