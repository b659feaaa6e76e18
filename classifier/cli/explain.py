"""Commands: explain one message, and what a model goes by in many."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.console import Console

from classifier.cli.common import (
    JsonFlag,
    ModelArgument,
    ProgressBar,
    one_line_errors,
    open_predictor,
    sentence,
)
from classifier.contract import ExplanationMethod, InvalidInput

if TYPE_CHECKING:
    from classifier.model.network import TrainedModel

commands = typer.Typer(no_args_is_help=True)
"""Typer app with `explain` and `habits`; the product's command line mounts it."""


@commands.command()
@one_line_errors
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
    from classifier.client.json_codec import explanation_fields
    from classifier.explanation.leave_one_out import explain as measure
    from classifier.explanation.leave_one_out import tried_in_words

    predictor = open_predictor(model)
    explanation = measure(predictor, text, cast("ExplanationMethod", method))
    if not explanation.read:
        raise InvalidInput("there is nothing to explain: the model can read no word of that text")
    if heads is not None:
        _write_heads(predictor.model, text, heads)
    if png is not None:
        from classifier.explanation.heatmap import heatmap
        from classifier.files import write_bytes

        write_bytes(png, heatmap(text, explanation, dark=dark))
    if as_json:
        sys.stdout.write(json.dumps(explanation_fields(explanation)) + "\n")
        return
    sys.stdout.write(sentence(explanation.prediction) + "\n")
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
    if method == "leave_one_out" and explanation.tried < explanation.read:
        sys.stdout.write(f"{tried_in_words(explanation)}\n")
    sys.stdout.write(f"{explanation.hidden_attention:.0%} of the attention lay on no word\n")


@commands.command()
@one_line_errors
def habits(
    model: ModelArgument,
    labels: Annotated[Path, typer.Argument(metavar="LABELS.csv", help="Columns text,label.")],
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write a page.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every word and its counts.")] = None,
    messages: Annotated[int, typer.Option(min=1, help="Messages to take apart, at most.")] = 2000,
    seed: Annotated[int, typer.Option(help="Of the messages that are drawn.")] = 0,
) -> None:
    """Say what a model goes by: for each category the words that most often decide."""
    from classifier.data.dataset import read_examples

    texts = [example.text for example in read_examples(labels)]
    import random

    from classifier.evaluation.report.page import habits_page
    from classifier.explanation.global_words import habits as measure
    from classifier.files import write_text

    if len(texts) > messages:
        texts = random.Random(seed).sample(texts, messages)  # noqa: S311  # not a secret  # nosec B311
    predictor = open_predictor(model)
    with ProgressBar() as bar:
        found = measure(predictor, texts, say=lambda done: bar.advance("take apart", done / len(texts)))
    for category in found.categories:
        words = ", ".join(f"{word.word} ({word.leads})" for word in category.words[:5] if word.leads)
        Console().print(
            f"{category.category}: {words}", markup=False, highlight=False, soft_wrap=True, emoji=False
        )
    if report is not None:
        write_text(report, habits_page(found))
    if json_file is not None:
        write_text(json_file, json.dumps(found.as_dict(), indent=2, ensure_ascii=False) + "\n")


def _write_heads(model: TrainedModel, text: str, path: Path) -> None:
    if path.suffix not in (".html", ".png"):
        raise InvalidInput(f"{path} is neither .html nor .png: name a file that ends in one of them")
    from classifier.explanation.attention_maps import attention_maps
    from classifier.explanation.attention_page import page, picture
    from classifier.files import write_bytes

    maps = attention_maps(model, text)
    write_bytes(path, page(maps).encode("utf-8") if path.suffix == ".html" else picture(maps))
