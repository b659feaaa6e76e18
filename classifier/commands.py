"""Commands: train, evaluate, classify, explain. Imports of torch stay inside the functions."""

from __future__ import annotations

import functools
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, cast

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from classifier.contract import (
    OUT_OF_SCOPE_THRESHOLD,
    ClassifierError,
    ExplanationMethod,
    InvalidInput,
    Prediction,
)
from classifier.wire import explanation_fields, prediction_fields

if TYPE_CHECKING:
    from classifier.inference import Predictor
    from classifier.model import TrainedModel
    from classifier.training_types import Progress

commands = typer.Typer(no_args_is_help=True)
"""Typer app with `train`, `evaluate`, `classify` and `explain`; the product's command line mounts it."""

_USAGE_ERROR = 2
_LINES_A_BATCH = 64
_P = ParamSpec("_P")

ModelArgument = Annotated[Path, typer.Argument(metavar="DIR", help="A model directory.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


def _one_line_errors(command: Callable[_P, None]) -> Callable[_P, None]:
    """End every ClassifierError as one line on standard error, with exit code 2."""

    @functools.wraps(command)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except ClassifierError as error:
            sys.stderr.write("error: " + " ".join(str(error).split()) + "\n")
            raise typer.Exit(_USAGE_ERROR) from error

    return run


@commands.command()
@_one_line_errors
def train(
    labels: Annotated[Path, typer.Argument(metavar="LABELS.csv", help="Columns text,label.")],
    output: Annotated[Path, typer.Option(help="Directory to make; it must not exist yet.")],
    base_model: Annotated[str, typer.Option(help="Encoder: embedded name, directory or hub name.")] = "",
    seed: Annotated[int, typer.Option(help="Of the split, the order and the head.")] = 0,
    validation: Annotated[Path | None, typer.Option(help="CSV for early stopping.")] = None,
    unlabelled: Annotated[Path | None, typer.Option(help="Messages without labels, one a line.")] = None,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0: as torch sees fit.")] = 0,
    epochs: Annotated[int, typer.Option(min=0, help="At most so many; 0: by the number of messages.")] = 0,
    day_one: Annotated[
        bool, typer.Option("--day-one", help="A head on the frozen encoder: seconds.")
    ] = False,
    few: Annotated[bool, typer.Option("--few", help="Take labels with one or two messages too.")] = False,
    hold_out_suspects: Annotated[
        bool, typer.Option("--hold-out-suspects", help="Leave labels out that look wrong.")
    ] = False,
    error_budget: Annotated[
        float | None, typer.Option(help="Largest share of wrong automatic routings; 0.05 where not set.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="JSON of options, as `tune` writes it.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any option; see docs/training.md."),
    ] = None,
) -> None:
    """Fit a model directory to labelled messages.

    The state after each epoch is kept beside the output until the end: the same command goes on where one
    that was killed stopped.
    """
    from classifier.dataset import MINIMUM_PER_LABEL, check_trainable, read_examples, read_texts
    from classifier.settings import ClassifierSettings
    from classifier.thresholds import check_budget
    from classifier.training_options import parse_options, read_options

    # everything that can be wrong with the input is said before torch is imported and minutes are spent
    options = read_options(config) if config else {}
    options |= parse_options(option or [])
    if error_budget is not None:
        options["error_budget"] = check_budget(error_budget)
    if output.exists():
        raise InvalidInput(f"{output} exists already: name a new directory, or remove it first")
    examples = read_examples(labels)
    check_trainable(examples, 1 if few else MINIMUM_PER_LABEL)
    held_back = read_examples(validation) if validation else None
    free = read_texts(unlabelled) if unlabelled else []

    from dataclasses import replace

    from classifier.model_directory import save_model_directory
    from classifier.training import fit, fit_day_one
    from classifier.training_options import with_options

    chosen = ClassifierSettings().training_config()
    chosen = replace(
        chosen,
        base_model=base_model or chosen.base_model,
        seed=seed,
        threads=threads or chosen.threads,
        epochs=epochs or chosen.epochs,
        minimum_per_label=1 if few else chosen.minimum_per_label,
        hold_out_suspects=hold_out_suspects or chosen.hold_out_suspects,
    )
    chosen = with_options(chosen, options)
    created = datetime.now(UTC)
    with _ProgressBar() as bar:
        if day_one:
            result = fit_day_one(examples, chosen, created=created, progress=bar.show)
        else:
            result = fit(
                examples,
                chosen,
                created=created,
                validation=held_back,
                unlabelled=free,
                progress=bar.show,
                checkpoint=output.parent / f".{output.name}.checkpoint",
            )
    if os.environ.get("RANK", "0") != "0":
        return  # of several processes the first one writes
    save_model_directory(result.model, output)
    metrics = result.metrics
    Console().print(
        f"{output}: version {result.model.facts.version}, "
        f"validation accuracy {metrics['validation_accuracy']:.1%} "
        f"on {metrics['validation_n']:.0f} messages, {result.seconds:.0f} s",
        highlight=False,
        soft_wrap=True,
    )
    for line in result.advice:
        Console().print(line, highlight=False, soft_wrap=True)


@commands.command()
@_one_line_errors
def evaluate(
    model: ModelArgument,
    labels: Annotated[Path, typer.Argument(metavar="LABELS.csv", help="Columns text,label.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write everything measured.")] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write an HTML page, Markdown, JSON and pictures.")
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="Print every figure.")] = False,
) -> None:
    """Measure a model on labelled messages that it has not seen."""
    from classifier.dataset import read_examples

    examples = read_examples(labels)
    from classifier.evaluation_output import evaluate_directory, show, write_folder, write_json
    from classifier.settings import ClassifierSettings

    predictor = _predictor(model)
    measured = evaluate_directory(predictor, model, examples, ClassifierSettings().device)
    show(measured, text=text)
    if json_file is not None:
        write_json(measured, json_file)
    if report is not None:
        write_folder(measured, predictor, labels, report)


@commands.command()
@_one_line_errors
def classify(
    model: ModelArgument,
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT ... | -]", help="- reads lines.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Say where messages belong; `-` reads one message a line from standard input."""
    if not texts:
        raise InvalidInput("no text was given: name one, or - to read one a line from standard input")
    predictor = _predictor(model)
    lines = _standard_input() if texts == ["-"] else iter(texts)
    while batch := list(itertools.islice(lines, _LINES_A_BATCH)):
        for prediction in predictor.predict(batch):
            line = json.dumps(prediction_fields(prediction)) if as_json else _sentence(prediction)
            sys.stdout.write(line + "\n")
        sys.stdout.flush()


@commands.command()
@_one_line_errors
def explain(
    model: ModelArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT")],
    method: Annotated[str, typer.Option(help="leave_one_out or attention.")] = "leave_one_out",
    png: Annotated[Path | None, typer.Option(help="Draw the message, its words shaded.")] = None,
    dark: Annotated[bool, typer.Option("--dark", help="Draw for a dark screen.")] = False,
    heads: Annotated[
        Path | None, typer.Option(help="Write the attention of every layer and head: .html or .png.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Say which words decided, and what the answer is without them."""
    from classifier.explain import explain as measure

    predictor = _predictor(model)
    explanation = measure(predictor, text, cast("ExplanationMethod", method))
    if heads is not None:
        _write_heads(predictor.model, text, heads)
    if png is not None:
        from classifier.files import write_bytes
        from classifier.heatmap import heatmap

        write_bytes(png, heatmap(text, explanation, dark=dark))
    if as_json:
        sys.stdout.write(json.dumps(explanation_fields(explanation)) + "\n")
        return
    sys.stdout.write(_sentence(explanation.prediction) + "\n")
    for word in sorted(explanation.words, key=lambda word: -abs(word.score)):
        sys.stdout.write(f"{word.score:+8.3f}  {word.text}\n")
    if explanation.decisive is not None:
        without, decisive = ", ".join(word.text for word in explanation.decisive.words), explanation.decisive
        sys.stdout.write(
            f"the fewest words that decide: without {without}: {explanation.prediction.category} "
            f"{decisive.probability:.1%}, answer {decisive.category or 'none of the categories'}\n"
        )
    elif explanation.removed:
        sys.stdout.write(
            f"without {', '.join(explanation.removed)}: {explanation.prediction.category} "
            f"{explanation.probability_without:.1%}, answer {explanation.category_without}\n"
        )
    sys.stdout.write(f"{explanation.hidden_attention:.0%} of the attention lay on no word\n")


def _write_heads(model: TrainedModel, text: str, path: Path) -> None:
    if path.suffix not in (".html", ".png"):
        raise InvalidInput(f"{path} is neither .html nor .png: name a file that ends in one of them")
    from classifier.attention_maps import attention_maps
    from classifier.attention_pictures import page, picture
    from classifier.files import write_bytes

    maps = attention_maps(model, text)
    write_bytes(path, page(maps).encode("utf-8") if path.suffix == ".html" else picture(maps))


def _predictor(path: Path) -> Predictor:
    from classifier.model_directory import verify

    verify(path)
    from classifier.devices import choose_device, use_threads
    from classifier.inference import Predictor
    from classifier.model_directory import load_model_directory
    from classifier.settings import ClassifierSettings

    settings = ClassifierSettings()
    use_threads(settings.threads)
    model = load_model_directory(path, device=str(choose_device(settings.device)))
    return Predictor(model, batch_tokens=settings.batch_tokens)


def _standard_input() -> Iterator[str]:
    """Lines without their ends; what is no UTF-8 is replaced, so that one bad byte costs no other line."""
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", "replace").rstrip("\r\n")


def _sentence(prediction: Prediction) -> str:
    words = ", ".join(word.text for word in prediction.words[:3])
    unsure = prediction.out_of_scope >= OUT_OF_SCOPE_THRESHOLD
    note = f", likely none of the categories ({prediction.out_of_scope:.0%})" if unsure else ""
    return f"{prediction.category} {prediction.confidence:.1%}{note}  [{words}]"


class _ProgressBar:
    """Shows a training's progress on standard error."""

    def __init__(self) -> None:
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%  {task.fields[note]}"),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task("prepare", total=1.0, note="")

    def __enter__(self) -> _ProgressBar:
        self._bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.stop()

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
