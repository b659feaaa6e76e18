"""A category that the model never saw, added with few examples: is it recognised, and who pays for it?

A model is trained on BANKING77's training file without five categories. Each of the five is then added alone,
with examples drawn from the training file, with its name and without it, and both heads answer the messages
of the test file that belong to the model's categories or the new one. Nothing is chosen on the test file.
"""

from __future__ import annotations

import itertools
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.learning.parts import names_of
from benchmarks.markdown import table as as_markdown
from benchmarks.public_data import banking77
from benchmarks.workers import say
from classifier.calibration.statistics import mcnemar_worse
from classifier.contract import InvalidInput
from classifier.data.dataset import Example
from classifier.evaluation.gate.head_update import F1_LOSS
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.embedding_cache import EmbeddingCache
from classifier.model.network import TrainedModel
from classifier.training.fit import TrainingConfig, fit, fit_day_one
from classifier.training.head_update.fit import refit_head

EXAMPLES = (8, 3)
HELD_OUT = 5
DRAWS = 3
AROUND = "fine-tune, unlabelled around"
KINDS = ("day one", "fine-tune", AROUND)
"""Of models; the last is the same fine-tune, answering among the training file's other messages, see
surroundings."""
EACH, WATCHED = 20, 6
"""Training messages and held-back ones of each category that the model begins with."""

QUICK = TrainingConfig(
    epochs=8, learning_rate=2e-4, sharpness=0.0, soup=1, baselines=False, word_scorer=0, int8_check=0
)
"""A training of minutes: what is measured here is the refit."""


def measure(
    data: Path, home: Path, *, parts: Sequence[str], kept: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Measure on a day-one model, a fine-tuned one, and one among messages that nobody labelled.

    Args:
        data: folder with banking77-train.csv and banking77-test.csv.
        home: for the vectors that refits keep.
        parts: of KINDS, those to measure; empty: all.
        kept: what an earlier call returned, for the others.

    Returns:
        {"rows": [...], "summary": {...}} by kind of model: each row is one category, draw and way.

    Raises:
        InvalidInput: a part is unknown.
    """
    for part in (part for part in parts if part not in KINDS):
        raise InvalidInput(f"there is no kind of model {part!r}: use one of {', '.join(KINDS)}")
    train, test = banking77(data)
    of = defaultdict(list)
    draw = random.Random(0)  # noqa: S311  # not a secret  # nosec B311
    for example in train:
        of[example.label].append(example)
    left_out = draw.sample(sorted(of), HELD_OUT)
    learned, watched = [], []
    for label in sorted(of):
        draw.shuffle(of[label])
        if label not in left_out:
            learned += of[label][:EACH]
            watched += of[label][EACH : EACH + WATCHED]
    now, config = datetime.now(UTC), QUICK
    measured = dict(kept["models"]) if kept else {}
    known = {example.text for example in (*learned, *watched)}
    free = [example.text for example in train if example.text not in known]
    draw.shuffle(free)
    for kind in parts or KINDS:
        say(f"{kind}: training without {', '.join(left_out)}")
        if kind == "day one":
            parent = fit_day_one(learned, config, created=now).model
        else:
            around = free if kind == AROUND else ()
            parent = fit(learned, config, created=now, validation=watched, unlabelled=around).model
        measured[kind] = _of_model(parent, learned, watched, of, left_out, test, home)
    models = {kind: measured[kind] for kind in KINDS if kind in measured}
    return {"examples": EXAMPLES, "each": EACH, "categories": len(of) - HELD_OUT, "models": models}


def _of_model(
    parent: TrainedModel,
    learned: Sequence[Example],
    watched: Sequence[Example],
    of: dict[str, list[Example]],
    left_out: Sequence[str],
    test: Sequence[Example],
    home: Path,
) -> dict[str, Any]:
    asked = [example for example in test if example.label in {*parent.facts.labels, *left_out}]
    _, pooled = TorchPredictor(parent).outputs([example.text for example in asked])
    if parent.surroundings is not None:
        say(f"vectors move {parent.surroundings.share:.0%} of the way")
        pooled = pooled + parent.surroundings.moves(pooled)
    before = answers(parent, pooled)
    truth = np.array([example.label for example in asked])
    rows = []
    for slug in left_out:
        # the first refit of a category reads all messages, as the first after a training does
        cache = EmbeddingCache(home, f"{parent.facts.version}-{slug}")
        for number in range(DRAWS):
            draw = random.Random(number)  # noqa: S311  # not a secret  # nosec B311
            new = draw.sample(of[slug], max(EXAMPLES))
            for examples, named in itertools.product(EXAMPLES, (True, False)):
                began = time.monotonic()
                result = refit_head(
                    parent,
                    [*learned, *new[:examples]],
                    watched,
                    [*parent.facts.labels, slug],
                    TrainingConfig(int8_check=0),
                    created=datetime.now(UTC),
                    names=names_of([slug]) if named else (),
                    cache=cache,
                )
                seconds = time.monotonic() - began
                scope = np.isin(truth, result.model.facts.labels)
                rows.append(compare(truth[scope], before[scope], answers(result.model, pooled)[scope], slug))
                rows[-1] |= {"seconds": round(seconds, 2), "draw": number, "examples": examples}
                rows[-1] |= {"recognised_unseen": list(result.recognised[slug]), "penalty": result.penalty}
                rows[-1]["named"] = named
                say(str(rows[-1]))
    return {"rows": rows, "summary": {f"{n} examples": summary(_of(rows, n, named=True)) for n in EXAMPLES}}


def _of(rows: Sequence[dict[str, Any]], examples: int, *, named: bool) -> list[dict[str, Any]]:
    return [row for row in rows if (row["examples"], row["named"]) == (examples, named)]


def answers(model: TrainedModel, pooled: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """[N] slugs that a model's head gives to pooled vectors, from where it answers."""
    head = {name: value.detach().numpy() for name, value in model.network.head.named_parameters()}
    said: npt.NDArray[Any] = np.array(model.facts.labels)[
        (pooled @ head["weight"].T + head["bias"]).argmax(axis=1)
    ]
    return said


def compare(
    truth: npt.NDArray[Any], before: npt.NDArray[Any], now: npt.NDArray[Any], slug: str
) -> dict[str, Any]:
    """Compare both heads: the new category's F1, and what the others lost on their own messages.

    "largest_loss_of_all" is counted over all messages, the new category's among them, which had gone to the
    others. The other losses are counted without those, so that nobody gains and each message taken shows.
    """
    known = truth != slug
    own, was, said = truth[known], before[known], now[known]
    others = sorted(set(own.tolist()))
    losses = {other: f1(own, was, other) - f1(own, said, other) for other in others}
    worst = max(losses, key=lambda other: losses[other])
    return {
        "category": slug,
        "f1": round(f1(truth, now, slug), 4),
        "recall": round(float((now[~known] == slug).mean()), 4),
        "largest_loss": round(losses[worst], 4),
        "largest_loss_of": worst,
        "largest_loss_of_all": round(max(f1(truth, before, o) - f1(truth, now, o) for o in others), 4),
        "losing_a_point": sum(loss > F1_LOSS for loss in losses.values()),
        "mean_loss": round(statistics.fmean(losses.values()), 4),
        "taken": int((said == slug).sum()),
        "taken_that_were_right": int(((said == slug) & (was == own)).sum()),
        "mcnemar_p": round(float(mcnemar_worse(was == own, said == own)), 4),
        "accuracy_before": round(float((was == own).mean()), 4),
        "accuracy_now": round(float((said == own).mean()), 4),
    }


def f1(truth: npt.NDArray[Any], said: npt.NDArray[Any], slug: str) -> float:
    """F1 of one category."""
    hits = int(((truth == slug) & (said == slug)).sum())
    return 2 * hits / max(int((truth == slug).sum()) + int((said == slug).sum()), 1)


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over categories and draws."""
    categories = sorted({row["category"] for row in rows})
    mean = {c: statistics.fmean(row["f1"] for row in rows if row["category"] == c) for c in categories}
    return {
        "f1": round(statistics.fmean(mean.values()), 4),
        "lowest_f1": round(min(mean.values()), 4),
        "mean_loss": round(statistics.fmean(row["mean_loss"] for row in rows), 5),
        "largest_loss": max(row["largest_loss"] for row in rows),
        "largest_loss_of_all": max(row["largest_loss_of_all"] for row in rows),
        "losing_a_point": round(statistics.fmean(row["losing_a_point"] for row in rows), 2),
        "seconds": statistics.median(row["seconds"] for row in rows),
        "slowest": max(row["seconds"] for row in rows),
    }


def table(measured: dict[str, Any]) -> str:
    """Return the figures as Markdown tables."""
    lines = []
    for kind, of_kind in measured["models"].items():
        for examples, slug in itertools.product(
            measured["examples"], dict.fromkeys(row["category"] for row in of_kind["rows"])
        ):
            of_slug = [row for row in of_kind["rows"] if row["category"] == slug]
            rows, nameless = (_of(of_slug, examples, named=named) for named in (True, False))
            mean = {name: statistics.fmean(row[name] for row in rows) for name in _AVERAGED}
            low, high = min(row["f1"] for row in rows), max(row["f1"] for row in rows)
            lines.append(
                f"{kind} | {slug} | {examples} | {mean['f1']:.3f} ({low:.3f} to {high:.3f}) "
                f"| {statistics.fmean(row['f1'] for row in nameless):.3f} | {mean['recall']:.3f} "
                f"| {100 * mean['mean_loss']:+.2f} | {100 * mean['largest_loss']:.1f} "
                f"| {100 * mean['largest_loss_of_all']:.1f} "
                f"| {100 * mean['accuracy_before']:.2f}% to {100 * mean['accuracy_now']:.2f}% "
                f"| {max(row['seconds'] for row in rows):.1f}"
            )
    head = (
        "model | new category | examples | F1 (draws) | without its name | recall "
        "| others' mean F1 loss, points | largest of one | over all messages | accuracy on the others "
        "| seconds"
    )
    said = (
        f"Before, {measured['categories']} categories of {measured['each']} messages. A category has 40 test "
        "messages: one more or less is a point of its F1. Losses are counted on the others' own messages, "
        "and over all messages, the new category's among them, which had gone to the others."
    )
    return f"{as_markdown(head, lines)}\n\n{said}"


_AVERAGED = (
    "f1",
    "recall",
    "mean_loss",
    "largest_loss",
    "largest_loss_of_all",
    "accuracy_before",
    "accuracy_now",
)
