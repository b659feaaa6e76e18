"""Does the gate keep worse models away and let equal ones pass? Forty real trainings on BANKING77.

One champion learns 20 categories that are hard to tell apart from 60 messages each. Then 20 challengers are
made worse on purpose (wrong labels, too few epochs, a lost category) and 20 are equal or better (other seeds,
more messages). The gold set is the official test part of the categories, and messages of others as `oos`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.markdown import table as as_markdown
from benchmarks.public_data import TRAIN, banking77
from benchmarks.workers import say, side_by_side, threads_each
from classifier.contract import OUT_OF_SCOPE_LABEL, InvalidInput
from classifier.data.dataset import Example
from classifier.evaluation.gate.judge import Floors, judge
from classifier.inference.predictions import Answers, answer
from classifier.inference.torch_predictor import TorchPredictor
from classifier.training.fit import TrainingConfig, fit

CATEGORIES = (
    "card_payment_fee_charged",
    "cash_withdrawal_charge",
    "transfer_fee_charged",
    "top_up_by_bank_transfer_charge",
    "top_up_by_card_charge",
    "exchange_charge",
    "pending_transfer",
    "transfer_timing",
    "transfer_not_received_by_recipient",
    "balance_not_updated_after_bank_transfer",
    "balance_not_updated_after_cheque_or_cash_deposit",
    "pending_top_up",
    "top_up_reverted",
    "top_up_failed",
    "failed_transfer",
    "declined_transfer",
    "beneficiary_not_allowed",
    "declined_card_payment",
    "reverted_card_payment?",
    "Refund_not_showing_up",
)
"""Neighbours stand side by side: they are what people mix up."""

EACH, MORE, OUTSIDE = 60, 100, 200
"""Training messages of a category, of a challenger with more of them, and gold messages out of scope."""


@dataclass(frozen=True, slots=True)
class Challenger:
    """How a challenger's training differs from the champion's.

    Attributes:
        name: for the table.
        kind: what the gate should find: worse, or equal (or better).
        seed: of its training.
        noise: share of its messages that get another category's label.
        epochs: of its training; None as the champion's.
        lost: the category that it loses.
        lost_to: the category that the lost one's messages are given to; None takes them out.
        kept: messages of the lost category that stay.
        each: messages of a category; None as the champion's.
    """

    name: str
    kind: Literal["worse", "equal"]
    seed: int
    noise: float = 0.0
    epochs: int | None = None
    lost: str | None = None
    lost_to: str | None = None
    kept: int = 0
    each: int | None = None


def challengers(categories: Sequence[str] = CATEGORIES) -> tuple[Challenger, ...]:
    """The twenty worse ones and the twenty equal or better ones."""
    made = [Challenger("20% wrong labels", "worse", seed, noise=0.2) for seed in range(1, 6)]
    made += [Challenger("30% wrong labels", "worse", seed, noise=0.3) for seed in range(6, 9)]
    made += [Challenger("one epoch", "worse", seed, epochs=1) for seed in range(9, 12)]
    made += [Challenger("two epochs", "worse", seed, epochs=2) for seed in range(12, 15)]
    for seed in range(15, 21):
        at = 3 * (seed - 15) % len(categories)
        lost, neighbour = categories[at], categories[(at + 1) % len(categories)]
        if seed % 3 == 0:
            made.append(Challenger("a category taken out", "worse", seed, lost=lost))
        elif seed % 3 == 1:
            made.append(
                Challenger("a category given to its neighbour", "worse", seed, lost=lost, lost_to=neighbour)
            )
        else:
            made.append(Challenger("three messages left of a category", "worse", seed, lost=lost, kept=3))
    made += [Challenger("another seed", "equal", seed) for seed in range(21, 35)]
    made += [Challenger("more messages", "equal", seed, each=MORE) for seed in range(35, 41)]
    return tuple(made)


def measure(
    folder: Path,
    *,
    config: TrainingConfig | None = None,
    plan: Sequence[Challenger] | None = None,
    categories: Sequence[str] = CATEGORIES,
    each: int = EACH,
    outside: int = OUTSIDE,
    floors: Floors | None = None,
    workers: int = 1,
) -> dict[str, Any]:
    """Train the champion and all challengers, and let the gate judge each.

    Args:
        folder: holds BANKING77 as `banking77-train.csv` and `banking77-test.csv`, columns text,label.
        config: of every training; the seed is the champion's.
        plan: the challengers; `challengers()` by default.
        categories: to learn; messages of all others are out of scope.
        each: training messages of a category.
        outside: gold messages out of scope at most.
        floors: of the gate.
        workers: trainings side by side.

    Returns:
        {"champion", "gold", "worse": [...], "equal": [...], "promoted_worse", "promoted_equal"}, where each
        challenger is {"name", "seed", "promoted", "reason", "failed", "accuracy", "brier", "seconds"}.

    Raises:
        InvalidInput: a file is missing, or a category has no messages.
    """
    train, test = banking77(folder)
    config = replace(config or TrainingConfig(), threads=threads_each(workers))
    pool = _by_category(train, categories)
    gold = _gold(test, categories, outside)
    champion, _ = _trained(_take(pool, each), config, gold)
    outcome: dict[str, Any] = {
        "champion": _accuracy(champion, gold),
        "gold": len(gold),
        "worse": [],
        "equal": [],
    }
    tasks = {}
    for challenger in plan if plan is not None else challengers(categories):
        data = spoil(_take(pool, challenger.each or each), challenger, categories)
        changes = replace(config, seed=challenger.seed, epochs=challenger.epochs or config.epochs)
        tasks[challenger] = functools.partial(_trained, data, changes, gold)
    for challenger, (said, seconds) in side_by_side(tasks, workers):
        verdict = judge(champion, said, gold, floors)
        figures = {check.name: check.figures for check in verdict.checks}
        row = {
            "name": challenger.name,
            "seed": challenger.seed,
            "promoted": verdict.promoted,
            "reason": verdict.reason,
            "failed": [check.name for check in verdict.checks if not check.passed],
            "accuracy": round(_accuracy(said, gold), 4),
            "brier": round(figures["probabilities"]["now"], 4),
            "seconds": round(seconds, 1),
        }
        outcome[challenger.kind].append(row)
        say(f"{challenger.kind:5}  {_line(row)}")
    for kind in ("worse", "equal"):
        outcome[kind].sort(key=lambda row: row["seed"])
        outcome[f"promoted_{kind}"] = sum(row["promoted"] for row in outcome[kind])
    return outcome


def _trained(
    examples: Sequence[Example], config: TrainingConfig, gold: Sequence[Example]
) -> tuple[Answers, float]:
    result = fit(examples, config, created=datetime.now(UTC))
    return answer(
        TorchPredictor(result.model), [example.text for example in gold], timed=True
    ), result.seconds


def spoil(examples: Sequence[Example], challenger: Challenger, categories: Sequence[str]) -> list[Example]:
    """Change training messages as a challenger asks for; the same challenger always changes the same ones."""
    random = np.random.default_rng(challenger.seed)
    wrong = set(random.permutation(len(examples))[: round(challenger.noise * len(examples))].tolist())
    result, seen = [], 0
    for position, example in enumerate(examples):
        label = example.label
        if position in wrong:
            others = [category for category in categories if category != label]
            label = others[int(random.integers(len(others)))]
        if label == challenger.lost:
            seen += 1
            if seen > challenger.kept:
                if challenger.lost_to is None:
                    continue
                label = challenger.lost_to
        result.append(replace(example, label=label))
    return result


def table(measured: dict[str, Any]) -> str:
    """Return the outcome as a Markdown table."""
    lines = []
    for kind in ("worse", "equal"):
        for name in dict.fromkeys(row["name"] for row in measured[kind]):
            rows = [row for row in measured[kind] if row["name"] == name]
            promoted = sum(row["promoted"] for row in rows)
            low, high = (100 * bound(row["accuracy"] for row in rows) for bound in (min, max))
            failed = ", ".join(dict.fromkeys(check for row in rows for check in row["failed"])) or "none"
            lines.append(f"{kind}: {name} | {len(rows)} | {promoted} | {low:.1f} to {high:.1f}% | {failed}")
    worse, equal = (f"{measured[f'promoted_{kind}']} of {len(measured[kind])}" for kind in ("worse", "equal"))
    said = (
        f"Worse ones promoted: {worse}; equal or better ones: {equal}. The champion has "
        f"{100 * measured['champion']:.1f}% right; {measured['gold']} gold messages."
    )
    shown = as_markdown("challengers | trained | promoted | accuracy | checks that refused", lines)
    return f"{shown}\n\n{said}"


def _line(row: dict[str, Any]) -> str:
    outcome = "promoted" if row["promoted"] else "refused: " + ", ".join(row["failed"])
    return (
        f"{row['name']} (seed {row['seed']}, {100 * row['accuracy']:.1f}%, {row['seconds']:.0f} s): {outcome}"
    )


def _by_category(examples: Sequence[Example], categories: Sequence[str]) -> dict[str, list[Example]]:
    pool: dict[str, list[Example]] = {category: [] for category in categories}
    for example in examples:
        if example.label in pool:
            pool[example.label].append(example)
    for category, members in pool.items():
        if not members:
            raise InvalidInput(f"{TRAIN} has no message of {category!r}: name categories that it has")
    # the file has its own order; a fixed shuffle makes the first sixty no special ones
    random = np.random.default_rng(0)
    return {category: [rows[i] for i in random.permutation(len(rows))] for category, rows in pool.items()}


def _take(pool: dict[str, list[Example]], each: int) -> list[Example]:
    return [example for rows in pool.values() for example in rows[:each]]


def _gold(test: Sequence[Example], categories: Sequence[str], outside: int) -> list[Example]:
    inside = [example for example in test if example.label in categories]
    others = [example for example in test if example.label not in categories]
    chosen = np.random.default_rng(0).permutation(len(others))[:outside]
    return inside + [replace(others[i], label=OUT_OF_SCOPE_LABEL) for i in sorted(chosen.tolist())]


def _accuracy(said: Answers, gold: Sequence[Example]) -> float:
    truth = np.array([example.label for example in gold])
    inside = truth != OUT_OF_SCOPE_LABEL
    return float((said.predicted == truth)[inside].mean())
