"""What the classifier's commands share: one-line errors, a model to ask, a progress bar."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from classifier.contract import OUT_OF_SCOPE_THRESHOLD, ClassifierError, Prediction

if TYPE_CHECKING:
    from classifier.inference.torch_predictor import TorchPredictor
    from classifier.progress import Progress

_USAGE_ERROR = 2
_P = ParamSpec("_P")

ModelArgument = Annotated[Path, typer.Argument(metavar="DIR", help="A model directory.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write everything measured.")]
BaseModelOption = Annotated[str, typer.Option(help="Encoder: embedded name, directory or hub name.")]
ThreadsOption = Annotated[int, typer.Option(min=0, help="CPU threads; 0: as torch sees fit.")]


def one_line_errors(command: Callable[_P, None]) -> Callable[_P, None]:
    """End every ClassifierError as one line on standard error, with exit code 2."""

    @functools.wraps(command)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except ClassifierError as error:
            sys.stderr.write("error: " + " ".join(str(error).split()) + "\n")
            raise typer.Exit(_USAGE_ERROR) from error

    return run


def open_predictor(path: Path) -> TorchPredictor:
    """Check a model directory and load it onto the device that the settings name."""
    from classifier.model.integrity import verify

    verify(path)
    from classifier.inference.torch_predictor import TorchPredictor
    from classifier.model.directory import load_model_directory
    from classifier.model.hardware import choose_device, use_threads
    from classifier.settings import ClassifierSettings

    settings = ClassifierSettings()
    use_threads(settings.threads)
    model = load_model_directory(path, device=str(choose_device(settings.device)))
    return TorchPredictor(model, batch_tokens=settings.batch_tokens)


def sentence(prediction: Prediction) -> str:
    """Category, confidence and the first three words on one line."""
    words = ", ".join(word.text for word in prediction.words[:3])
    unsure = prediction.out_of_scope >= OUT_OF_SCOPE_THRESHOLD
    note = f", likely none of the categories ({prediction.out_of_scope:.0%})" if unsure else ""
    return f"{prediction.category} {prediction.confidence:.1%}{note}  [{words}]"


class ProgressBar:
    """Shows a training's progress on standard error."""

    def __init__(self) -> None:
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%  {task.fields[note]}"),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task("prepare", total=1.0, note="")

    def __enter__(self) -> ProgressBar:
        self._bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.stop()

    def advance(self, what: str, fraction: float) -> None:
        """Say how far something is that is no training."""
        self._bar.update(self._task, completed=fraction, description=what)

    def show(self, progress: Progress) -> None:
        """Take over where a training is."""
        notes = []
        if progress.eta_seconds is not None:
            minutes, seconds = divmod(round(progress.eta_seconds), 60)
            notes.append(f"{minutes}:{seconds:02d} left")
        if progress.loss is not None:
            notes.append(f"loss {progress.loss:.3f}")
        if progress.validation_accuracy is not None:
            notes.append(f"validation {progress.validation_accuracy:.1%}")
        where = f" {progress.epoch}/{progress.epochs}" if progress.stage == "train" else ""
        self._bar.update(
            self._task,
            completed=progress.fraction,
            description=escape(progress.stage + where),
            note=escape("  ".join(notes)),
        )
