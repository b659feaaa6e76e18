"""What the gate asks for, and what it says: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Floors:
    """What a challenger must keep. Shares are 0..1; "loss" is champion minus challenger.

    Attributes:
        level: of the one-sided tests: a sound challenger fails each in at most this share of cases.
        tie: losses of accuracy up to this are never refused as such.
        accuracy_loss: margin of the accuracy.
        accuracy_odds: probability (bootstrap) of a loss beyond the margin at which it is refused. Below
            `level`'s certainty on purpose: with few messages a test alone would let any loss pass.
        brier_rise: margin of the Brier score, absolute.
        brier_rise_share: the same as a share of the champion's; the larger one holds.
        recall_loss: of one category, refused where it is not by chance at `recall_level`.
        recall_level: stricter than `level`, since there are as many tests as categories.
        lost_share: a category is lost where less than this share of the champion's right answers is left ...
        lost_from: ... and the champion had at least so many: a single message never decides.
        ece: ceiling of the expected calibration error, chance aside ...
        ece_rise: ... where it also exceeds the champion's surely by more than this.
        first_ece: the ceiling for a first model.
        fewest_outside: `oos` messages from which the out-of-scope checks are made.
        auroc_loss: margin of the AUROC of the out-of-scope score.
        first_auroc: least AUROC of a first model.
        outside_recall_loss: of the `oos` messages that are recognised.
        stopped: ceiling of the share of real messages that are taken for out of scope ...
        stopped_rise: ... where it also exceeds the champion's by this.
        slower: how many times the champion's time most messages may take, measured in turns ...
        unnoticed: ... where it takes more than so many milliseconds.
        slowest: milliseconds above which no model goes live that is not made like the present one.
        resamples: of every bootstrap.
        seed: of every bootstrap: the same answers get the same verdict.
        faithful_loss: a share of the greedy bound that reply words may lose before there is a warning.
    """

    level: float = 0.025
    tie: float = 0.005
    accuracy_loss: float = 0.01
    accuracy_odds: float = 0.9
    brier_rise: float = 0.015
    brier_rise_share: float = 0.15
    recall_loss: float = 0.15
    recall_level: float = 0.01
    lost_share: float = 0.25
    lost_from: int = 3
    ece: float = 0.05
    ece_rise: float = 0.02
    first_ece: float = 0.15
    fewest_outside: int = 20
    auroc_loss: float = 0.02
    first_auroc: float = 0.6
    outside_recall_loss: float = 0.25
    stopped: float = 0.1
    stopped_rise: float = 0.05
    slower: float = 1.5
    unnoticed: float = 100.0
    slowest: float = 1000.0
    resamples: int = 2000
    seed: int = 0
    faithful_loss: float = 0.05


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: whether it holds, why in plain words, and the figures behind it.

    `warning` is said to people although the check holds; empty where there is nothing to say.
    """

    name: str
    passed: bool
    reason: str
    figures: Mapping[str, float] = field(default_factory=dict)
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the challenger goes live, and why, in plain words."""

    promoted: bool
    reason: str
    checks: tuple[Check, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)
