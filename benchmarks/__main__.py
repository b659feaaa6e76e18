"""`python -m benchmarks NAME [--results DIR]`: prints a table; writes it as JSON and Markdown.

What `fingerpost bench` measures too is its command, asked about the public data.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import cli, starter
from benchmarks.cli import Outcome, finish
from benchmarks.gpu import measure as gpu
from benchmarks.learning.learning import SEEDS, LearningPlan
from benchmarks.public_data import TEST, TRAIN, read
from benchmarks.quality import gate, quality
from benchmarks.quality import table as quality_table
from classifier.contract import ClassifierError
from classifier.model.directory import save_model_directory
from classifier.model.hardware import cores
from classifier.training.fit import TrainingConfig, fit

RESULTS = Path("docs/results")


def main() -> int:
    """Run the benchmark that is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("name", choices=sorted(BENCHMARKS))
    parser.add_argument(
        "--results",
        type=Path,
        help="folder of the pages (docs/results); figures go to results.json beside them",
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("FINGERPOST_DATA", "data")),
        help="folder with the public data",
    )
    parser.add_argument(
        "--part",
        action="append",
        default=[],
        help="of quality and learning: only this part or system; repeatable",
    )
    parser.add_argument(
        "--workers", type=int, default=cores(), help="trainings side by side; by default one a core"
    )
    parser.add_argument(
        "--model",
        type=Path,
        help="of explanations, serving, load and soak: a model directory; made from the data where missing",
    )
    parser.add_argument("--quick", action="store_true", help="of serving: two minutes in place of ten")
    parser.add_argument(
        "--kept", action="store_true", help="of quality and learning: only the table of what was measured"
    )
    parser.add_argument("--seconds", type=float, default=180.0, help="of gpu: of timing in all")
    parser.add_argument(
        "--tiny", action="store_true", help="of gpu: tiny shapes, to try the code where there is no GPU"
    )
    parser.add_argument("--work", type=Path, default=cli.WORK, help="of learning: for what is under way")
    arguments = parser.parse_args()
    try:
        measured, text = BENCHMARKS[arguments.name](arguments)
    except ClassifierError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    if arguments.results:
        write(arguments.results, arguments.name, measured, text)
    return 0


def _model(arguments: argparse.Namespace) -> Path:
    """The model directory that is named, made of BANKING77's training part where it is missing."""
    folder: Path = arguments.model or Path(tempfile.mkdtemp(prefix="model-")) / "model"
    if not folder.exists():
        examples = read(arguments.data, TRAIN)
        save_model_directory(fit(examples, TrainingConfig(), created=datetime.now(UTC)).model, folder)
    return folder


def _quality(arguments: argparse.Namespace) -> Outcome:
    kept = (arguments.results or RESULTS) / "quality.json"
    seeds = () if arguments.kept else quality.SEEDS
    measured = quality.measure(
        arguments.data, kept, seeds=seeds, parts=arguments.part, workers=arguments.workers
    )
    return finish(measured, quality_table.table, as_json=quality.summary)


def _serving(arguments: argparse.Namespace, shape: str = "") -> Outcome:
    """On BANKING77's test part."""
    train, test = arguments.data / TRAIN, arguments.data / TEST
    return cli.serving(_model(arguments), test, train=train, quick=arguments.quick, shape=shape)


def _learning(arguments: argparse.Namespace) -> Outcome:
    """All systems, three seeds; each run is kept, and the curves are drawn, beside the results."""
    kept = (arguments.results or RESULTS) / "learning.json"
    png = arguments.results / "learning.png" if arguments.results else None
    seeds = () if arguments.kept else SEEDS
    plan = LearningPlan(tuple(arguments.part), seeds, workers=arguments.workers)
    return cli.learn(arguments.data, arguments.work, plan, png=png, kept=kept)


BENCHMARKS: dict[str, Callable[[argparse.Namespace], Outcome]] = {
    "starter": lambda _: finish(starter.measure(), starter.table),
    "quality": _quality,
    "gate": lambda given: finish(gate.measure(given.data, workers=given.workers), gate.table),
    "training": lambda _: cli.training(),
    "gpu": lambda given: finish(
        gpu.measure(gpu.SMALLEST if given.tiny else gpu.GpuPlan(), seconds=given.seconds), gpu.table
    ),
    "explanations": lambda given: cli.explanations(_model(given), given.data / TEST),
    "shortcut": lambda given: cli.shortcut(given.data / TRAIN, given.data / TEST, messages=300),
    "serving": _serving,
    "serving-bert-base": lambda given: _serving(given, "bert-base"),
    "learning": _learning,
    "load": lambda given: cli.load(given.data / TEST, _model(given)),
    "soak": lambda given: cli.load(given.data / TEST, _model(given), soak=600.0, swap_every=30.0),
}


def write(folder: Path, name: str, measured: dict[str, Any], text: str) -> None:
    """Put the table where a page of the folder has this benchmark's marks, and the figures into results.json.

    A benchmark that no page mentions gets a page of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures = folder / "results.json"
    known = json.loads(figures.read_text(encoding="utf-8")) if figures.exists() else {}
    figures.write_text(json.dumps({**known, name: measured}, indent=2) + "\n", encoding="utf-8")
    begin, end = f"<!-- {name}: written by the benchmark -->", f"<!-- end of {name} -->"
    pages = {page: page.read_text(encoding="utf-8") for page in sorted(folder.glob("*.md"))}
    own = folder / f"{name}.md"
    page = next((page for page, content in pages.items() if begin in content), own)
    old = pages.get(page, f"# {name.capitalize()}\n")
    if begin not in old:
        old = f"{old.rstrip()}\n\n{begin}\n\n{end}\n"
    before, _, rest = old.partition(begin)
    after = rest.partition(end)[2]
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
