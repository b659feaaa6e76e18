"""`python -m benchmarks NAME [--results DIR]`: prints a table; writes it as JSON and Markdown."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import starter, training
from benchmarks.gpu import measure as gpu
from benchmarks.learning import figures as learning_figures
from benchmarks.learning import learning, new_category
from benchmarks.quality import explanations, gate, quality, shortcut
from benchmarks.quality import table as quality_table
from benchmarks.serving import load, serving
from benchmarks.serving import summary as serving_summary
from benchmarks.serving import texts as serving_texts
from benchmarks.workers import say_on_stderr
from classifier.contract import ClassifierError
from classifier.data.dataset import read_examples, starter_pack
from classifier.files import write_bytes
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.directory import load_model_directory, save_model_directory
from classifier.model.hardware import cores
from classifier.training.fit import TrainingConfig, fit

RESULTS = Path("docs/results")

Outcome = tuple[dict[str, Any], str]
"""(what was measured, the table)."""


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
        help="of quality, learning and new-category: only this part, system or kind of model; repeatable",
    )
    parser.add_argument("--seed", type=int, default=1, help="of starter")
    parser.add_argument(
        "--workers", type=int, default=cores(), help="trainings side by side; by default one a core"
    )
    parser.add_argument(
        "--model",
        type=Path,
        help="of explanations, serving, load and soak: a model directory; made from the data where missing",
    )
    parser.add_argument("--quick", action="store_true", help="of serving: two minutes in place of ten")
    parser.add_argument("--soak-seconds", type=float, default=600.0, help="of soak: how long")
    parser.add_argument(
        "--kept", action="store_true", help="of quality and learning: only the table of what was measured"
    )
    parser.add_argument("--seconds", type=float, default=180.0, help="of gpu: of timing in all")
    parser.add_argument(
        "--tiny", action="store_true", help="of gpu: tiny shapes, to try the code where there is no GPU"
    )
    parser.add_argument("--work", type=Path, help="of learning: folder for what is under way")
    arguments = parser.parse_args()
    try:
        measured, text = BENCHMARKS[arguments.name](arguments)
    except ClassifierError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    sys.stdout.write(text + "\n")
    if arguments.results:
        write(arguments.results, arguments.name, measured, text)
    return 0


def _starter(arguments: argparse.Namespace) -> Outcome:
    measured = starter.measure(arguments.seed)
    return measured, starter.table(measured)


def _quality(arguments: argparse.Namespace) -> Outcome:
    kept = (arguments.results or RESULTS) / "quality.json"
    seeds = () if arguments.kept else quality.SEEDS
    measured = quality.measure(
        arguments.data, kept, seeds=seeds, parts=arguments.part, workers=arguments.workers, say=say_on_stderr
    )
    return quality.summary(measured), quality_table.table(measured)


def _gate(arguments: argparse.Namespace) -> Outcome:
    measured = gate.measure(arguments.data, workers=arguments.workers, say=say_on_stderr)
    return measured, gate.table(measured)


def _training(_: argparse.Namespace) -> Outcome:
    drawn = random.Random(0).sample(list(starter_pack().train), 2000)  # noqa: S311  # not a secret  # nosec B311
    measured = training.measure(drawn, TrainingConfig(), texts="the starter pack")
    return measured, training.table(measured)


def _gpu(arguments: argparse.Namespace) -> Outcome:
    plan = gpu.SMALLEST if arguments.tiny else gpu.GpuPlan()
    measured = gpu.measure(plan, seconds=arguments.seconds, say=say_on_stderr)
    return measured, gpu.table(measured)


def _explanations(arguments: argparse.Namespace) -> Outcome:
    """On BANKING77: a model of its training part, messages of its test part."""
    folder = _model_directory(arguments)
    model = load_model_directory(folder)
    unseen = [example.text for example in read_examples(arguments.data / "banking77-test.csv")]
    measured = explanations.measure(TorchPredictor(model), unseen, say=say_on_stderr, folder=folder)
    return measured.as_dict(), explanations.table(measured)


def _model_directory(arguments: argparse.Namespace) -> Path:
    """The model that is named, made of BANKING77's training part where it is missing."""
    folder: Path = arguments.model or Path(tempfile.mkdtemp(prefix="model-")) / "model"
    if not folder.exists():
        examples = read_examples(arguments.data / "banking77-train.csv")
        save_model_directory(fit(examples, TrainingConfig(), created=datetime.now(UTC)).model, folder)
    return folder


def _serving(arguments: argparse.Namespace) -> Outcome:
    """On BANKING77's test part."""
    return _timed(arguments)


def _serving_bert_base(arguments: argparse.Namespace) -> Outcome:
    """The same for an encoder of BERT-base's shape with random weights."""
    return _timed(arguments, "bert-base")


def _timed(arguments: argparse.Namespace, shape: str = "") -> Outcome:
    model = _model_directory(arguments)
    train, unseen = (read_examples(arguments.data / f"banking77-{part}.csv") for part in ("train", "test"))
    answered, fitted = serving_texts.split(unseen, train, 0)
    plan = serving.QUICK if arguments.quick else serving.ServingPlan()
    measured = serving.measure(
        model, answered, fitted, plan, texts="BANKING77's test part", shape=shape, say=say_on_stderr
    )
    return measured, serving_summary.table(measured)


def _load(arguments: argparse.Namespace) -> Outcome:
    """The service over HTTP, asked about BANKING77's test part."""
    return _loaded(arguments, load.LoadPlan())


def _soak(arguments: argparse.Namespace) -> Outcome:
    """The service for a long while, models swapped every half minute."""
    return _loaded(arguments, load.LoadPlan(soak=arguments.soak_seconds, swap_every=30.0))


def _loaded(arguments: argparse.Namespace, plan: load.LoadPlan) -> Outcome:
    model = _model_directory(arguments)
    unseen, _ = serving_texts.split(read_examples(arguments.data / "banking77-test.csv"), [], 0)
    measured = load.measure_model(model, None, [example.text for example in unseen], plan, say=say_on_stderr)
    return measured, load.table(measured)


def _learning(arguments: argparse.Namespace) -> Outcome:
    """All systems, three seeds; each run is kept, and the curves are drawn, beside the results."""
    work = arguments.work or Path(".fingerpost/bench-learning")
    kept = (arguments.results or RESULTS) / "learning.json"
    seeds = () if arguments.kept else learning.SEEDS
    plan = learning.LearningPlan(tuple(arguments.part), seeds, workers=arguments.workers)
    measured = learning_figures.summary(
        learning.measure(arguments.data, work, plan, kept=kept, say=say_on_stderr)
    )
    if arguments.results:
        write_bytes(arguments.results / "learning.png", learning_figures.draw(measured))
    return measured, learning_figures.table(measured)


def _shortcut(arguments: argparse.Namespace) -> Outcome:
    """A word planted in BANKING77's training messages of one category."""
    train, unseen = (read_examples(arguments.data / f"banking77-{part}.csv") for part in ("train", "test"))
    drawn, tested = shortcut.small_set(train, unseen)
    config = TrainingConfig()
    report = shortcut.shortcut_test(drawn, tested, config, created=datetime.now(UTC), messages=300)
    return report.as_dict(), shortcut.table_of(report)


def _new_category(arguments: argparse.Namespace) -> Outcome:
    """Categories that BANKING77's model never saw, added with eight examples each."""
    figures = (arguments.results or RESULTS) / "results.json"
    kept = json.loads(figures.read_text(encoding="utf-8")).get("new-category") if figures.exists() else None
    with tempfile.TemporaryDirectory(prefix="fingerpost-refit-") as home:
        measured = new_category.measure(
            arguments.data, Path(home), parts=arguments.part, kept=kept, say=say_on_stderr
        )
    return measured, new_category.table(measured)


BENCHMARKS: dict[str, Callable[[argparse.Namespace], Outcome]] = {
    "starter": _starter,
    "quality": _quality,
    "gate": _gate,
    "training": _training,
    "gpu": _gpu,
    "explanations": _explanations,
    "shortcut": _shortcut,
    "serving": _serving,
    "serving-bert-base": _serving_bert_base,
    "learning": _learning,
    "load": _load,
    "new-category": _new_category,
    "soak": _soak,
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
