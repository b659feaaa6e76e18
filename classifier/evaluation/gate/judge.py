"""Champion against challenger: may a newly trained model answer? Pure, and without torch.

How it decides. Two trainings on the same data differ in a few of a hundred answers, by luck and in both
directions; on a few hundred messages that alone moves the accuracy by a point. A test of right and wrong
answers is then either blind to a real loss of two points or refuses sound models. So the accuracy is asked
only what it can tell, and the probabilities are compared as well: the Brier score is a proper score of
every message, not only of the few that change sides, and a model that learned from wrong labels or too
little shows it there first, at several times the standard errors of its accuracy.

A challenger is refused by any of these checks:

accuracy        exact McNemar, one-sided, or a paired bootstrap that finds a loss beyond the margin likely
probabilities   paired bootstrap of the Brier score: surely worse by more than retrainings differ
recall          a category is lost, or its recall fell far and not by chance
calibration     the ECE is above its ceiling by more than chance explains, and surely above the champion's
out of scope    it tells the messages that belong nowhere apart less well, or stops more real ones
latency         one message takes noticeably longer

Where it was measured whether the words in replies decide, a loss is a warning, never a refusal.

Only messages of categories that the champion knows are compared: a category that was added brings no credit
that could hide a loss elsewhere. Without a champion, or where it knows none of the categories, the floors for
a first model hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from classifier.contract import OUT_OF_SCOPE_LABEL, InvalidInput
from classifier.evaluation.gate.checks import against_champion, explanations, first_model, percent_right
from classifier.evaluation.gate.verdict import Check, Floors, Verdict

if TYPE_CHECKING:
    from classifier.data.dataset import Example
    from classifier.explanation.types import FaithfulnessReport
    from classifier.inference.predictions import Answers

__all__ = ["Check", "Floors", "Verdict", "judge"]

_REASONS = 3
"""A refusal names so many failed checks; a person reads it in Slack."""


def judge(
    champion: Answers | None,
    challenger: Answers,
    gold: Sequence[Example],
    floors: Floors | None = None,
    *,
    explained: tuple[FaithfulnessReport, FaithfulnessReport] | None = None,
) -> Verdict:
    """Say whether a challenger may answer from now on.

    Args:
        champion: what the active model said to the gold messages; None where there is none yet.
        challenger: what the newly trained one said.
        gold: the messages with their right labels, `oos` for those that belong nowhere. Neither model may
            have learned from them.
        floors: what must be kept.
        explained: how faithful the words are that the champion and the challenger show, on the same
            messages. It never refuses a model, but a loss is said.

    Raises:
        InvalidInput: answers and gold messages differ in number.
    """
    for answers in (champion, challenger):
        if answers is not None and len(answers.probabilities) != len(gold):
            raise InvalidInput(
                f"{len(answers.probabilities)} answers to {len(gold)} gold messages: answer each of them once"
            )
    floors = floors or Floors()
    truth = np.array([example.label for example in gold], dtype=str)
    inside = truth != OUT_OF_SCOPE_LABEL
    if not inside.any():
        return Verdict(False, "There are no held-out messages to judge the new model on.")
    said = percent_right(challenger.predicted[inside] == truth[inside])
    right = f"{said} of {inside.sum()} held-out messages right"
    if champion is None or not (inside & np.isin(truth, champion.labels)).any():
        checks, praise = first_model(challenger, truth, inside, floors), f"First model: {right}."
    else:
        checks = against_champion(champion, challenger, truth, inside, floors)
        praise = f"{right}; the one before had {percent_right(champion.predicted[inside] == truth[inside])}."
    if explained is not None and champion is not None:
        checks = (*checks, explanations(*explained, floors))
    failed = [check.reason for check in checks if not check.passed]
    if not failed:
        return Verdict(
            True, " ".join([praise, *(check.warning for check in checks if check.warning)]), checks
        )
    more = len(failed) - _REASONS
    tail = [f"{more} more {'check' if more == 1 else 'checks'} failed."] if more > 0 else []
    return Verdict(False, " ".join([*failed[:_REASONS], *tail]), checks)
