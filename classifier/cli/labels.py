"""The command `labels suspects`. Imports of torch stay inside the function."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from classifier.cli.common import BaseModelOption
from classifier.contract import InvalidInput

if TYPE_CHECKING:
    from classifier.data.confident_learning import LabelIssues, Suspect
    from classifier.data.dataset import Example

_SHOWN = 70


def suspects(
    labels: Annotated[Path, typer.Argument(metavar="LABELS.csv", help="Columns text,label[,voice].")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one suspect a line.")] = False,
    output: Annotated[Path | None, typer.Option(help="Write the labels without what is held out.")] = None,
    folds: Annotated[int, typer.Option(min=2, help="Models that judge, each without its part.")] = 5,
    thorough: Annotated[bool, typer.Option("--thorough", help="Fine-tune in every fold: slow.")] = False,
    base_model: BaseModelOption = "",
) -> None:
    """List the labels that are probably wrong, worst first, with what the model says instead."""
    from classifier.data.dataset import check_trainable, read_examples
    from classifier.settings import ClassifierSettings

    # said before torch is imported and minutes are spent
    if output is not None and output.exists():
        raise InvalidInput(f"{output} exists already: name a new file, or remove it first")
    examples = read_examples(labels)
    config = ClassifierSettings().training_config()
    config = replace(config, base_model=base_model or config.base_model)
    check_trainable(examples, config.minimum_per_label)

    from classifier.training.fit import fit
    from classifier.training.out_of_fold import find_suspects

    review = find_suspects(examples, config, folds=folds, fit=fit if thorough else None)
    for suspect in review.suspects:
        sys.stdout.write((_json(suspect) if as_json else _line(suspect)) + "\n")
    if output is not None:
        _write(output, review.kept)
    # the sum stays apart from the list, so that the list can be piped
    sys.stderr.write(_sum(review, len(examples)))


def _json(suspect: Suspect) -> str:
    said = suspect.example
    return json.dumps(
        {
            "row": suspect.row + 1,
            "text": said.text,
            "label": said.label,
            "suggested": suspect.suggested,
            "score": suspect.score,
            "voice": said.voice,
        }
    )


def _line(suspect: Suspect) -> str:
    said = suspect.example
    text = " ".join(said.text.split())
    text = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    said_by = f" by {said.voice}" if said.voice else ""
    return f"{suspect.score:.2f}  row {suspect.row + 1}: {said.label}{said_by} -> {suspect.suggested}  {text}"


def _sum(review: LabelIssues, total: int) -> str:
    held = total - len(review.kept)
    lines = f"{len(review.suspects)} of {total} labels are suspicious; {held} would be held out.\n"
    if review.distrusted:
        lines += (
            f"Most labels of {', '.join(review.distrusted)} are suspicious: all of them would be held out.\n"
        )
    return lines


def _write(path: Path, examples: Sequence[Example]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("text", "label", "weight", "voice"))
            writer.writerows((e.text, e.label, f"{e.weight:g}", e.voice) for e in examples)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written ({error.strerror}): name another file") from error
