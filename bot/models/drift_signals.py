"""What the drift detectors make of their observations, and of the tickets behind a change. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.blocks.common import readable
from bot.blocks.drift import CategoryShift, Signal
from classifier.feedback.adwin import Adwin, Change
from storage.training.drift import Observation, Routing

FEWEST_ROUTED = 3
HARDLY_ANY = 0.02
"""Share of the tickets before that may have a word which is called new."""
MORE_OFTEN = 10
_WORD = re.compile(r"[^\W\d_]{4,}")


@dataclass(slots=True)
class Detector:
    """A detector between two looks, as `drift_state.state` holds it.

    Attributes:
        adwin: the window.
        model_version: which model the window is of; "" for a signal that goes on across models.
        alerted_until: what was decided up to here is part of the last alert: its end is no second one.
        change: the last change for the worse, for App Home.
    """

    adwin: Adwin
    model_version: str = ""
    alerted_until: float = 0.0
    change: dict[str, float] | None = None

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Detector:
        """Read the state; an empty one is a new detector."""
        if not state:
            return cls(Adwin())
        adwin = Adwin.from_json(state["adwin"])
        return cls(adwin, state["model_version"], state["alerted_until"], state["change"])

    def to_json(self) -> dict[str, Any]:
        """Return the state."""
        return {
            "adwin": self.adwin.to_json(),
            "model_version": self.model_version,
            "alerted_until": self.alerted_until,
            "change": self.change,
        }

    def feed(self, signal: Signal, items: Sequence[Observation]) -> Change | None:
        """Take the items; return a change for the worse that is not a known one.

        Where it went on while more came in, it began where it was first found: buckets of new items are
        small then, so it is dated well. How bad it became, the last finding says.
        """
        worse: Change | None = None
        for item in items:
            if signal is Signal.CONFIDENCE and item.model_version != self.model_version:
                # Two models' confidences do not compare: a new one is no change of the messages
                self.adwin, self.model_version = Adwin(self.adwin.delta), item.model_version
            change = self.adwin.add(item.value, item.at.timestamp())
            if change is not None and is_worse(signal, change) and change.since > self.alerted_until:
                worse = replace(worse, after=change.after) if worse else change
        return worse


def is_worse(signal: Signal, change: Change) -> bool:
    """Say whether a change is for the worse: more corrections, or less confidence."""
    rose = change.after > change.before
    return rose if signal is Signal.CORRECTIONS else not rose


def shifts(before: Sequence[Routing], after: Sequence[Routing], names: dict[str, str]) -> list[CategoryShift]:
    """Return the categories whose routings are corrected more often than before, worst first.

    A category needs three routed tickets since the change; one that was not there before had a share of 0.
    """
    old, new = _shares(before), _shares(after)
    found = [
        CategoryShift(names.get(slug, slug), old.get(slug, (0.0, 0))[0], share)
        for slug, (share, routed) in new.items()
        if routed >= FEWEST_ROUTED and share > old.get(slug, (0.0, 0))[0]
    ]
    return sorted(found, key=lambda shift: (shift.before - shift.after, shift.name))


def _shares(routings: Sequence[Routing]) -> dict[str, tuple[float, int]]:
    routed = Counter(routing.category for routing in routings)
    corrected = Counter(routing.category for routing in routings if routing.corrected)
    return {slug: (corrected[slug] / count, count) for slug, count in routed.items()}


def new_words(before: Sequence[Routing], after: Sequence[Routing]) -> list[str]:
    """Return words of tickets corrected since the change that hardly any ticket had before, commonest first.

    Hardly any: the moment of a change is known to a few tickets only, and some of the new kind are dated
    before it. Only words of letters that two tickets or more have: what one person alone wrote stays theirs.
    """
    known = Counter(word for routing in before for word in _words(routing.text))
    corrected = [routing.text for routing in after if routing.corrected]
    counts = Counter(word for text in corrected for word in _words(text))
    found = []
    for word, count in counts.items():
        share_before = known[word] / max(1, len(before))
        often = count / len(corrected) >= MORE_OFTEN * share_before
        if count > 1 and share_before <= HARDLY_ANY and often:
            found.append(word)
    return sorted(found, key=lambda word: (-counts[word], word))


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(readable(text))}
