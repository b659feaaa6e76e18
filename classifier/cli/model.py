"""Commands: train, evaluate, classify. Imports of torch stay inside the functions."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from classifier.cli.common import (
    BaseModelOption,
    JsonFile,
    JsonFlag,
    ModelArgument,
    ProgressBar,
    ThreadsOption,
    one_line_errors,
    open_predictor,
    sentence,
)
from classifier.contract import InvalidInput

if TYPE_CHECKING:
    pass

commands = typer.Typer(no_args_is_help=True)
"""Typer app with `train`, `evaluate` and `classify`; the product's command line mounts it."""

_LINES_A_BATCH = 256


@commands.command()
@one_line_errors
def train(
    labels: Annotated[Path, typer.Argument(metavar="LABELS.csv", help="Columns text,label.")],
    output: Annotated[Path, typer.Option(help="Directory to make; it must not exist yet.")],
    base_model: BaseModelOption = "",
    seed: Annotated[int, typer.Option(help="Of the split, the order and the head.")] = 0,
    validation: Annotated[Path | None, typer.Option(help="CSV for early stopping.")] = None,
    unlabelled: Annotated[Path | None, typer.Option(help="Messages without labels, one a line.")] = None,
    threads: ThreadsOption = 0,
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
    from classifier.calibration.thresholds import check_budget
    from classifier.data.dataset import MINIMUM_PER_LABEL, check_trainable, read_examples, read_texts
    from classifier.settings import ClassifierSettings
    from classifier.training.options import parse_options, read_options

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

    from classifier.evaluation.model_card import model_card
    from classifier.model.directory import save_model_directory
    from classifier.training.fit import fit, fit_day_one
    from classifier.training.options import with_options

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
    with ProgressBar() as bar:
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
    save_model_directory(result.model, output, card=model_card(result.model.facts))
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
@one_line_errors
def evaluate(
    model: ModelArgument,
    labels: Annotated[Path, typer.Argument(metavar="LABELS.csv", help="Columns text,label.")],
    json_file: JsonFile = None,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write an HTML page, Markdown, JSON and pictures.")
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="Print every figure.")] = False,
    explanations: Annotated[
        int, typer.Option(min=0, help="Messages to take apart: do the words that it shows decide? 0: none.")
    ] = 100,
) -> None:
    """Measure a model on labelled messages that it has not seen."""
    from classifier.data.dataset import read_examples

    examples = read_examples(labels)
    from classifier.cli.evaluation_output import evaluate_directory, show, write_folder, write_json
    from classifier.settings import ClassifierSettings

    predictor = open_predictor(model)
    measured = evaluate_directory(
        predictor,
        model,
        examples,
        ClassifierSettings().device,
        taken_apart=explanations,
    )
    show(measured, text=text)
    if json_file is not None:
        write_json(measured, json_file)
    if report is not None:
        write_folder(measured, predictor, labels, report)


@commands.command()
@one_line_errors
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
    lines = _standard_input() if texts == ["-"] else iter(texts)
    asyncio.run(_classify(model, lines, as_json=as_json))


async def _classify(model: Path, lines: Iterator[str], *, as_json: bool) -> None:
    """Answer by what answers in the service: several batches side by side, mostly without torch."""
    from classifier.client.json_codec import prediction_fields
    from classifier.serving.engine import LocalClassifier
    from classifier.settings import ClassifierSettings

    engine = await LocalClassifier.open(model, ClassifierSettings().engine_settings())
    try:
        while batch := list(itertools.islice(lines, _LINES_A_BATCH)):
            for prediction in await engine.classify(batch):
                line = json.dumps(prediction_fields(prediction)) if as_json else sentence(prediction)
                sys.stdout.write(line + "\n")
            sys.stdout.flush()
    finally:
        await engine.close()


def _standard_input() -> Iterator[str]:
    """Lines without their ends; what is no UTF-8 is replaced, so that one bad byte costs no other line."""
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", "replace").rstrip("\r\n")
