"""Commands below `fingerpost bench`: what something costs on this machine. Heavy imports stay inside."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from classifier.cli.common import BaseModelOption, JsonFile, ThreadsOption
from classifier.files import write_bytes, write_text

if TYPE_CHECKING:
    from benchmarks.learning.learning import LearningPlan
    from classifier.training.config import TrainingConfig

Model = Annotated[Path, typer.Option(help="Model directory.")]
Unseen = Annotated[Path, typer.Option(help="CSV with the columns text,label that the model has not seen.")]

WORK = Path(".fingerpost/bench-learning")
"""Where runs of `learning` are kept."""

Outcome = tuple[dict[str, Any], str]
"""(what was measured, the table)."""

bench = typer.Typer(help="Measure on this machine.", no_args_is_help=True)
"""Typer app; the product's command line mounts it as `bench`."""


@bench.command()
def training(
    json_file: JsonFile = None,
    texts: Annotated[
        Path | None, typer.Option(help="CSV with the columns text,label; without it, the starter pack.")
    ] = None,
    messages: Annotated[
        int, typer.Option(min=1, help="Messages to learn from, drawn from the texts.")
    ] = 2000,
    base_model: BaseModelOption = "",
    threads: ThreadsOption = 0,
    repeats: Annotated[int, typer.Option(min=1, help="Turns of both loops.")] = 3,
    tutorial_batches: Annotated[int, typer.Option(min=1, help="Batches of the tutorial's loop a turn.")] = 12,
    memory: Annotated[bool, typer.Option(help="Measure memory, in a process of its own each.")] = True,
    seed: Annotated[int, typer.Option(help="Of the messages that are drawn, and of the training.")] = 0,
) -> Outcome:
    """Time a fine-tune against the padded-to-128 loop that tutorials teach, in turns."""
    from dataclasses import replace

    from classifier.data.dataset import check_trainable, read_examples, starter_pack

    examples = read_examples(texts) if texts else list(starter_pack().train)
    if len(examples) > messages:
        examples = random.Random(seed).sample(examples, messages)  # noqa: S311  # not a secret  # nosec B311
    check_trainable(examples)

    from benchmarks.training import measure, table

    config = replace(_config(base_model, threads), seed=seed)
    measured = measure(
        examples,
        config,
        texts=texts.name if texts else "the starter pack",
        repeats=repeats,
        tutorial_steps=tutorial_batches,
        memory=memory,
    )
    return finish(measured, table, json_file)


@bench.command()
def explanations(
    model: Model,
    texts: Unseen,
    json_file: JsonFile = None,
    messages: Annotated[int, typer.Option(min=2, help="Messages of 6 to 40 words to take apart.")] = 300,
    threads: ThreadsOption = 0,
    seed: Annotated[int, typer.Option(help="Of the messages that are drawn.")] = 0,
) -> Outcome:
    """Measure whether the words that a model shows decide, and what showing them costs.

    Whether the sets of words that `/why` names decide is asked of the real service over HTTP.
    """
    from benchmarks.quality.explanations import Measured, measure, table
    from benchmarks.quality.served import served
    from classifier.data.dataset import read_examples
    from classifier.inference.torch_predictor import TorchPredictor
    from classifier.model.directory import load_model_directory
    from classifier.model.hardware import use_threads
    from classifier.serving.engine import EngineSettings

    examples = read_examples(texts)
    use_threads(threads)
    # the sets are found in torch, so that is asked again: int8 may see a close call otherwise
    with served(model, EngineSettings(backend="torch")) as ask:
        measured = measure(
            TorchPredictor(load_model_directory(model)),
            [example.text for example in examples],
            messages=messages,
            seed=seed,
            folder=model,
            ask=ask,
        )
    return finish(measured, table, json_file, as_json=Measured.as_dict)


@bench.command()
def shortcut(
    train: Annotated[Path, typer.Option(help="CSV with the columns text,label to learn from.")],
    texts: Annotated[Path, typer.Option(help="CSV of messages that are not among them.")],
    json_file: JsonFile = None,
    categories: Annotated[int, typer.Option(min=2, help="Categories to use, those with most messages.")] = 20,
    each: Annotated[int, typer.Option(min=3, help="Training messages of a category.")] = 60,
    messages: Annotated[int, typer.Option(min=1, help="Unseen messages to look at, of each kind.")] = 100,
    base_model: BaseModelOption = "",
    threads: ThreadsOption = 0,
    seed: Annotated[int, typer.Option(help="Of the draws and the training.")] = 0,
) -> Outcome:
    """Plant a nonsense word in one category's messages, train, and see who finds it."""
    from dataclasses import asdict, replace
    from datetime import UTC, datetime

    from benchmarks.quality.shortcut import shortcut_test, small_set, table_of
    from classifier.data.dataset import read_examples

    drawn, unseen = small_set(
        read_examples(train), read_examples(texts), categories=categories, each=each, seed=seed
    )
    config = replace(_config(base_model, threads), seed=seed)
    report = shortcut_test(drawn, unseen, config, created=datetime.now(UTC), messages=messages)
    return finish(report, table_of, json_file, as_json=asdict)


@bench.command()
def serving(
    model: Model,
    texts: Unseen,
    json_file: JsonFile = None,
    train: Annotated[
        Path | None, typer.Option(help="CSV to fit the simpler models to; without it, a third of the texts.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Two minutes in place of ten.")] = False,
    shape: Annotated[
        str, typer.Option(help="bert-base: measure random weights of that shape in place of the model's.")
    ] = "",
    only: Annotated[
        list[str] | None, typer.Option(help="Of the baselines only this one; repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the order of the texts.")] = 0,
) -> Outcome:
    """Time answers against what people serve a BERT with, in turns, each in a process of its own."""
    from dataclasses import replace

    from benchmarks.serving.serving import QUICK, ServingPlan, measure
    from benchmarks.serving.summary import table
    from benchmarks.serving.texts import split
    from classifier.data.dataset import read_examples

    answered, fitted = split(read_examples(texts), read_examples(train) if train else None, seed)
    plan = replace(QUICK if quick else ServingPlan(), only=tuple(only or ()))
    measured = measure(model, answered, fitted, plan, texts=texts.name, shape=shape)
    return finish(measured, table, json_file)


@bench.command()
def load(
    texts: Annotated[Path, typer.Option(help="CSV with the column text, or one message a line.")],
    model: Annotated[
        Path | None, typer.Option(help="Model directory; the service is started with it.")
    ] = None,
    url: Annotated[str, typer.Option(help="A service that runs already, in place of --model.")] = "",
    token: Annotated[
        str | None, typer.Option(envvar="FINGERPOST_CLASSIFIER_TOKEN", help="Of the service at --url.")
    ] = None,
    json_file: JsonFile = None,
    seconds: Annotated[
        float, typer.Option(min=0.1, help="Of each closed loop; of an open one a third, five times.")
    ] = 15.0,
    connections: Annotated[int, typer.Option(min=1, help="That single messages come over.")] = 64,
    soak: Annotated[float, typer.Option(min=0, help="Seconds of one long open loop; 0: short ones.")] = 0.0,
    share: Annotated[
        float, typer.Option(min=0.01, max=1.5, help="Of the service's most, in the long one.")
    ] = 0.8,
    swap_every: Annotated[
        float, typer.Option(min=0, help="Seconds between two swaps of models in the long one; 0: none.")
    ] = 0.0,
    other_model: Annotated[
        Path | None, typer.Option(help="To swap to; without it, the same weights by another name.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the order of the texts and of their arrivals.")] = 0,
) -> Outcome:
    """Load the real service over HTTP: how much it answers, how long an answer takes, whether it lasts."""
    from benchmarks.serving.http_load import Address
    from benchmarks.serving.load import LoadPlan, measure, measure_model, table
    from classifier.contract import InvalidInput
    from classifier.data.dataset import read_texts

    if (model is None) == (not url):
        raise InvalidInput("name either --model, to start a service with it, or --url of one that runs")
    found = read_texts(texts)
    found = random.Random(seed).sample(found, len(found))  # noqa: S311  # not a secret  # nosec B311
    plan = LoadPlan(
        seconds=seconds,
        open_seconds=seconds / 3,
        saturating_seconds=seconds / 10,
        connections=connections,
        soak=soak,
        soak_share=share,
        swap_every=swap_every,
        seed=seed,
    )
    if model is None:
        measured = measure(Address(url, token or None), found, plan)
    else:
        measured = measure_model(model, other_model, found, plan)
    return finish(measured, table, json_file)


@bench.command()
def learning(
    data: Annotated[
        Path,
        typer.Option(
            envvar="FINGERPOST_DATA", help="Folder with banking77-train.csv and banking77-test.csv."
        ),
    ] = Path("data"),
    work: Annotated[
        Path, typer.Option(help="Folder that keeps each run; a run that was stopped goes on there.")
    ] = WORK,
    json_file: JsonFile = None,
    png: Annotated[Path | None, typer.Option(help="File for a picture of the curves.")] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Of the systems only this one; repeatable. Without it, all.")
    ] = None,
    seed: Annotated[
        list[int] | None, typer.Option(help="Of stream, staff and training; repeatable. Without it, 0 to 2.")
    ] = None,
    stream: Annotated[int, typer.Option(min=2, help="Messages of the stream.")] = 4000,
    every: Annotated[int, typer.Option(min=1, help="Messages between two retrainings.")] = 500,
    questions: Annotated[int, typer.Option(min=0, help="Between two retrainings at most.")] = 100,
    recipe: Annotated[
        str,
        typer.Option(
            help="Of retraining: quick; last (quick, the last one in full); full; head (no fine-tune at all)."
        ),
    ] = "last",
    base_model: BaseModelOption = "",
    threads: ThreadsOption = 0,
    workers: Annotated[int, typer.Option(min=1, help="Runs side by side.")] = 1,
) -> Outcome:
    """Send 4,000 messages past simulated staff, ours beside simpler systems, and see what each learns."""
    from benchmarks.learning.learning import SEEDS, LearningPlan
    from benchmarks.learning.stream import Rules

    plan = LearningPlan(
        systems=tuple(only or ()),
        seeds=tuple(seed or SEEDS),
        rules=Rules(messages=stream, every=every, questions=questions),
        recipe=recipe,
        config=_config(base_model, threads),
        workers=workers,
    )
    return learn(data, work, plan, png=png, json_file=json_file)


def learn(
    data: Path,
    work: Path,
    plan: LearningPlan,
    *,
    png: Path | None,
    json_file: Path | None = None,
    kept: Path | None = None,
) -> Outcome:
    """Measure what is learned, see learning.measure, and draw the curves where that was asked for."""
    from benchmarks.learning.figures import draw, summary, table
    from benchmarks.learning.learning import measure

    measured = summary(measure(data, work, plan, kept=kept))
    if png is not None:
        write_bytes(png, draw(measured))
    return finish(measured, table, json_file)


def _config(base_model: str, threads: int) -> TrainingConfig:
    """The settings' training, but for what the command says."""
    from dataclasses import replace

    from classifier.settings import ClassifierSettings

    config = ClassifierSettings().training_config()
    return replace(config, base_model=base_model or config.base_model, threads=threads or config.threads)


def finish(
    measured: Any,
    table: Callable[[Any], str],
    json_file: Path | None = None,
    *,
    as_json: Callable[[Any], dict[str, Any]] = dict,
) -> Outcome:
    """Print the table; write the figures where that was asked for."""
    figures, text = as_json(measured), table(measured)
    sys.stdout.write(text + "\n")
    if json_file is not None:
        write_text(json_file, json.dumps(figures, indent=2) + "\n")
    return figures, text
