"""Does the product learn, and faster than what anybody would build? A stream of 4,000 messages, day by day.

Each system and seed is kept as soon as it is measured, and after each day on the way there, so that a run
that was stopped goes on where it was. The test file judges; nothing is chosen by it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.learning.learners import RECIPES, Learner, Ours, Plain, Vectors, frozen_vectors
from benchmarks.learning.loop import Course, Run, System, accuracy
from benchmarks.learning.stream import Rules, Stream, draw_staff, draw_stream
from benchmarks.public_data import banking77
from benchmarks.workers import say, side_by_side, threads_each
from classifier.contract import InvalidInput
from classifier.data.dataset import Example, hash_of_texts
from classifier.files import write_text
from classifier.training.fit import TrainingConfig

SEEDS = (0, 1, 2)
SHARES = (0.5, 0.6, 0.7, 0.85)
"""Of random asking's questions, with which asking well is tried."""

FEWER = (0.2, 0.3, 0.5)
"""The same where corrections and confirmations give labels besides."""

OURS = System("ours", "ours", memory=True, asking="well", named=True)

SYSTEMS: Mapping[str, System] = {
    "tfidf": System("TF-IDF + LogisticRegression", "tfidf"),
    "frozen": System("frozen encoder + LogisticRegression", "frozen"),
    "ours": OURS,
    "around": replace(OURS, name="ours with unlabelled messages around", around=True),
    "no_memory": replace(OURS, name="ours without memory", memory=False, recipe="quick"),
    "nameless": replace(OURS, name="ours without the categories' names", named=False),
    "random_questions": replace(OURS, name="ours with random questions", asking="random"),
    **{
        f"asked_{round(100 * share)}": replace(
            OURS, name=f"ours with {share:.0%} as many questions", share=share
        )
        for share in FEWER
    },
    "poisoned": replace(OURS, name="ours, a fifth of all labels flipped by one person", flipper=True),
    "poisoned_undefended": replace(
        OURS, name="the same with no suspects held out", flipper=True, defences=False
    ),
    "answers_random": System(
        "labels from random questions alone", "ours", answers_only=True, recipe="quick", named=True
    ),
    **{
        f"answers_{round(100 * share)}": System(
            f"from {share:.0%} as many questions, asked well",
            "ours",
            asking="well",
            share=share,
            answers_only=True,
            recipe="quick",
            named=True,
        )
        for share in SHARES
    },
}
"""By key, the cheapest first. Where the whole recipe at the last retraining would show nothing that is asked
of a system, it is quick: repeated mistakes are over by then, and runs with answers alone are compared with
each other."""

_DEFAULTS = asdict(System("", "ours"))


@dataclass(frozen=True, slots=True)
class LearningPlan:
    """What to measure.

    Attributes:
        systems: keys of SYSTEMS; empty: all.
        seeds: of streams, staff and trainings.
        rules: for all systems alike.
        recipe: a key of RECIPES: how ours is retrained, but for systems with a recipe of their own. Where
            only answers give labels, no training but the last is a fine-tune.
        config: of ours, and of the frozen encoder.
        workers: runs side by side.
    """

    systems: tuple[str, ...] = ()
    seeds: tuple[int, ...] = SEEDS
    rules: Rules = field(default_factory=Rules)
    recipe: str = "last"
    config: TrainingConfig = field(default_factory=TrainingConfig)
    workers: int = 1


Known = dict[str, dict[str, dict[str, Any]]]
"""{system: {seed: what `_run` returned}}."""


def measure(data: Path, work: Path, plan: LearningPlan, *, kept: Path | None = None) -> Known:
    """Send every system through every seed's stream.

    Args:
        data: folder with BANKING77, see public_data.
        work: folder for runs under way, and for the frozen encoder's vectors.
        plan: what to measure; with no seeds only what was kept is read.
        kept: file with each run that is over; by default in the work folder. A run of other rules or options
            than the plan's is measured again, and takes the old one's place.

    Returns:
        All systems of the plan, those that were measured before among them, in the order of SYSTEMS.

    Raises:
        InvalidInput: a file is missing, there are too few messages, or a system is unknown.
    """
    for name in (name for name in plan.systems if name not in SYSTEMS):
        raise InvalidInput(f"there is no system {name!r}: use one of {', '.join(SYSTEMS)}")
    if plan.recipe not in RECIPES:
        raise InvalidInput(f"there is no recipe {plan.recipe!r}: use one of {', '.join(RECIPES)}")
    names = [name for name in SYSTEMS if name in plan.systems or not plan.systems]
    kept = kept or work / "runs.json"
    known: Known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    config = replace(plan.config, threads=threads_each(plan.workers) or plan.config.threads)
    tasks = {
        (name, seed): functools.partial(_run, name, seed, data, work, replace(plan, config=config))
        for seed in plan.seeds
        for name in names
        if known.get(name, {}).get(str(seed), {}).get("options") != _options(name, plan)
    }
    if tasks:
        vectors_of(data, work, plan.config)
    for (name, seed), result in side_by_side(tasks, plan.workers):
        known[name] = dict(sorted({**known.get(name, {}), str(seed): result}.items()))
        known = {name: known[name] for name in SYSTEMS if name in known}
        write_text(kept, json.dumps(known) + "\n")
        _under_way(work, name, seed, plan).unlink(missing_ok=True)
        say(f"{name} seed {seed}: test {result['test_accuracy'][-1]:.2%} in {result['seconds']:.0f} s")
    seeds = {str(seed) for seed in plan.seeds}
    return {
        name: {seed: run for seed, run in known[name].items() if seed in seeds or not seeds}
        for name in names
        if name in known
    }


def vectors_of(data: Path, work: Path, config: TrainingConfig) -> Vectors:
    """The frozen encoder's vector of every message, computed once and kept in the work folder."""
    texts = list(dict.fromkeys(e.text for part in banking77(data) for e in part))
    path = work / f"frozen-{_short(config.base_model, config.pooling, hash_of_texts(texts))}.npy"
    if not path.exists():
        say(f"the frozen encoder reads {len(texts)} messages, once")
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part.npy")
        np.save(partial, frozen_vectors(texts, config), allow_pickle=False)
        partial.replace(path)
    return dict(zip(texts, np.load(path, allow_pickle=False), strict=True))


def _run(name: str, seed: int, data: Path, work: Path, plan: LearningPlan) -> dict[str, Any]:
    """One system, one seed."""
    began = time.monotonic()
    system = SYSTEMS[name]
    stream = draw_stream(*banking77(data), plan.rules.messages, seed)
    vectors = vectors_of(data, work, plan.config)
    rules = system.rules(plan.rules)
    under_way = _under_way(work, name, seed, plan)
    course = Course(**json.loads(under_way.read_text(encoding="utf-8"))) if under_way.exists() else Course()
    days = -(-plan.rules.messages // plan.rules.every)

    def keep(course: Course) -> None:
        write_text(under_way, json.dumps(asdict(course)))
        say(
            f"seed {seed}: {system.name}, day {course.days} of {days}: handled right "
            f"{course.handled_right[-1]:.1%}, {course.labels_used[-1]} labels, "
            f"test {course.test_accuracy[-1]:.1%}, repeated mistakes {course.repeated}"
        )

    staff = draw_staff(stream, rules, seed, flipper=system.flipper)
    learner = _learner(system, stream, vectors, plan, seed)
    run = Run(system, stream, staff, rules, vectors, learner, course, keep)
    course = run.finish()
    return {
        "name": system.name,
        "seed": seed,
        "options": _options(name, plan),
        "rules": asdict(run.rules),
        "recipe": system.recipe or plan.recipe,
        "messages": [min(day * plan.rules.every, plan.rules.messages) for day in range(1, course.days + 1)],
        **{
            key: told for key, told in asdict(course).items() if key not in ("handled", "labels", "corrected")
        },
        "same_labels": _same_labels(run.examples(), stream, vectors) if system.learner == "ours" else {},
        "seconds": round(time.monotonic() - began, 1),
    }


def _learner(system: System, stream: Stream, vectors: Vectors, plan: LearningPlan, seed: int) -> Learner:
    if system.learner in ("tfidf", "frozen"):
        return Plain(stream.categories, vectors, frozen=system.learner == "frozen")
    config = replace(plan.config, seed=seed)
    between, at_last = RECIPES[system.recipe or plan.recipe]
    recipe = ("none" if system.answers_only else between, at_last)
    return Ours(
        stream.categories, config, recipe, defences=system.defences, named=system.named, around=system.around
    )


def _same_labels(examples: Sequence[Example], stream: Stream, vectors: Vectors) -> dict[str, float]:
    """Test accuracy of both baselines with the very labels that ours has at the end."""
    found = {}
    for name in ("tfidf", "frozen"):
        learner = Plain(stream.categories, vectors, frozen=name == "frozen")
        learner.learn(examples)
        found[name] = accuracy(learner, stream)
    return found


def _options(name: str, plan: LearningPlan) -> str:
    """A digest of all that a run's outcome hangs on, but for seed and machine."""
    ours = (plan.recipe, sorted(asdict(replace(plan.config, threads=0, seed=0)).items()))
    # without defaults: another option of systems is no reason to measure those again that do not have it
    told = sorted(
        (key, value)
        for key, value in asdict(replace(SYSTEMS[name], name="")).items()
        if value != _DEFAULTS[key]
    )
    return _short(told, plan.rules, "" if name in ("tfidf", "frozen") else ours)


def _under_way(work: Path, name: str, seed: int, plan: LearningPlan) -> Path:
    return work / f"{name}-{seed}-{_options(name, plan)}.part"


def _short(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:10]
