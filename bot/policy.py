"""What to do with a prediction. Pure, so that every border is a test."""

from __future__ import annotations

from dataclasses import dataclass

from classifier.contract import Prediction
from classifier.feedback.correction_memory import Recalled
from storage.models import TicketState

ASK_WITH = 3
"""Top-3 holds the right category in 98% of BANKING77's test messages: three buttons and a way out."""

NEVER = 1.0
"""A channel's threshold with which the bot routes nothing by itself there, whatever it remembers."""

ASK_WITH_AT_MOST = 5
"""More buttons are a menu, and the card has one. The cap costs some of the prediction set's promise: where
the set is larger, the right category may be among those that were left out."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where the bot stops asking and where it keeps silent.

    Attributes:
        route: confidence from which the bot routes by itself; None takes what the model's calibration set.
        out_of_scope: out-of-scope score from which a message is nobody's ticket.
    """

    route: float | None = None
    out_of_scope: float = 0.5


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a ticket, and what it is about: its category for ROUTED, the choices for ASKED.

    `choices` are best first. `remembered`: what people said of a message like it made it another outcome
    than the model's.
    """

    outcome: TicketState
    category: str | None
    choices: tuple[tuple[str, float], ...] = ()
    remembered: bool = False


def predicted_by_model(prediction: Prediction, thresholds: Thresholds) -> str | None:
    """Return what the model alone would answer; None: it would keep silent."""
    return None if prediction.out_of_scope >= thresholds.out_of_scope else prediction.category


def decide(
    prediction: Prediction | None,
    thresholds: Thresholds,
    active: frozenset[str],
    recalled: Recalled | None = None,
    *,
    foreign: bool = False,
) -> Decision:
    """Route when sure, ask when not, keep silent when it is nobody's ticket; people's word overrules.

    Args:
        prediction: what the model said; None where there was nothing to read.
        thresholds: a channel's own, or the defaults; a channel's own overrides the model's.
        active: slugs of the categories that exist today; the model may still know retired ones.
        recalled: what people said of a message like it, see `classifier.feedback.correction_memory`.
        foreign: whether it is in a language that the model never learned in: whatever its scores are, the
            model alone neither routes it nor keeps silent.
    """
    alone = _alone(prediction, thresholds, active, foreign=foreign)
    if prediction is None or recalled is None:
        return alone
    silent = recalled.category is None
    if silent and alone.outcome is TicketState.OUT_OF_SCOPE:
        return alone
    if recalled.sure and silent:
        return Decision(TicketState.OUT_OF_SCOPE, None, alone.choices[:ASK_WITH], remembered=True)
    if recalled.sure and recalled.category in active and thresholds.route != NEVER:
        if alone.outcome is TicketState.ROUTED and alone.category == recalled.category:
            return alone
        return Decision(TicketState.ROUTED, recalled.category, alone.choices[:ASK_WITH], remembered=True)
    # what people said leads the question, and what the model says stays a choice
    shares = dict(prediction.alternatives)
    first = [recalled.category] if recalled.category is not None and recalled.category in active else []
    known = [slug for slug, _ in prediction.alternatives if slug in active and slug not in first]
    offered = [*first, *known][: _buttons(prediction, active)]
    return Decision(
        TicketState.ASKED, None, tuple((slug, shares.get(slug, 0.0)) for slug in offered), remembered=True
    )


def _alone(
    prediction: Prediction | None, thresholds: Thresholds, active: frozenset[str], *, foreign: bool
) -> Decision:
    """Decide by the model alone."""
    if prediction is None:
        return Decision(TicketState.ASKED, None)
    known = tuple((slug, p) for slug, p in prediction.alternatives if slug in active)
    if foreign:
        return Decision(TicketState.ASKED, None, known[: _buttons(prediction, active)])
    if predicted_by_model(prediction, thresholds) is None:
        return Decision(TicketState.OUT_OF_SCOPE, None, known[:ASK_WITH])
    route = prediction.threshold if thresholds.route is None else thresholds.route
    if prediction.category in active and prediction.confidence >= route:
        return Decision(TicketState.ROUTED, prediction.category, known[:ASK_WITH])
    return Decision(TicketState.ASKED, None, known[: _buttons(prediction, active)])


def _buttons(prediction: Prediction, active: frozenset[str]) -> int:
    """How many categories to offer: as many as the prediction set holds, at least three and at most five."""
    likely = sum(slug in active for slug in prediction.candidates)
    return min(max(likely, ASK_WITH), ASK_WITH_AT_MOST)
