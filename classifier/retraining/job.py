"""What a retraining's child process is given, and what it gives back: typed here, JSON on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from classifier.data.training_set import TrainingSet
from classifier.evaluation.gate.verdict import Verdict

if TYPE_CHECKING:
    from classifier.data.confident_learning import Suspect
    from classifier.evaluation.types import Report


@dataclass(frozen=True, slots=True)
class HeadUpdate:
    """What changed about the categories, where the champion's encoder stays.

    Attributes:
        categories: slugs that the workspace has now.
        merged: those that others were merged into since the champion was made.
        said: hashes of all examples that people ever gave, but for those of deleted messages: of what the
            champion's encoder learned from, the new manifest lists these and no others.
    """

    categories: tuple[str, ...]
    merged: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RetrainJob:
    """What a retraining works on.

    Attributes:
        training: what is learned from and judged on.
        config: keyword arguments of TrainingConfig.
        model_home: the registry's directory.
        folder: where to work and to leave the candidate.
        champion: version that answers now, or None.
        head: where a new head on the champion's encoder is enough; None: a fine-tune.
    """

    training: TrainingSet
    config: Mapping[str, Any]
    model_home: str
    folder: str
    champion: str | None
    head: HeadUpdate | None = None

    def encode(self) -> bytes:
        """Return the job as JSON; `decode` reads it back."""
        return json.dumps(asdict(self), default=datetime.isoformat).encode()

    @classmethod
    def decode(cls, content: str | bytes) -> RetrainJob:
        """Read what `encode` wrote."""
        return TypeAdapter(cls).validate_python(json.loads(content))


@dataclass(frozen=True, slots=True)
class Doubt:
    """A label that is probably wrong, for a person to look at.

    Attributes:
        ticket: whose label it is.
        given: what was said.
        suggested: what the model would say.
        score: how much likelier that is, 0..1.
    """

    ticket: str
    given: str
    suggested: str
    score: float

    @classmethod
    def of(cls, suspect: Suspect) -> Doubt:
        """Take a suspect of a training, which belongs to a ticket."""
        given = suspect.example
        return cls(given.ticket, given.label, suspect.suggested, round(suspect.score, 4))


@dataclass(frozen=True, slots=True)
class Measures:
    """What is kept of an evaluation, see evaluation.types.Report."""

    accuracy: float
    accuracy_interval: tuple[float, float]
    n: int
    macro_f1: float
    ece: float
    milliseconds: float

    @classmethod
    def of(cls, report: Report) -> Measures:
        """Take them out of a report."""
        return cls(**{name: getattr(report, name) for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True)
class RetrainResult:
    """What came of a job: a candidate in its folder, judged and not yet active.

    Attributes:
        version: of the candidate.
        seconds: that the job took.
        verdict: the gate's.
        challenger: the candidate, measured.
        champion: the present model on the same messages; None where there is none.
        labels: people's labels that were learned from.
        manifest_hash: sha256 of the training manifest; None where nobody knows what the encoder learned from.
        left_out: labels that neither taught nor judged because they are in doubt.
        doubts: the suspects among them, worst first.
        changes: what a person reads about the change, see gate.comparison.compare.
        picture: of what the candidate confuses: a file of the candidate's directory.
        picture_alt: what it shows, for who cannot see it.
        head: {"learned", "removed", "waiting"} categories of a new head; empty after a fine-tune.
    """

    version: str
    seconds: float
    verdict: Verdict
    challenger: Measures
    champion: Measures | None
    labels: int
    manifest_hash: str | None
    left_out: int = 0
    doubts: tuple[Doubt, ...] = ()
    changes: Mapping[str, Any] = field(default_factory=dict)
    picture: str | None = None
    picture_alt: str | None = None
    head: Mapping[str, Any] = field(default_factory=dict)

    def encode(self) -> dict[str, Any]:
        """Return plain data for JSON; `decode` reads it back."""
        return asdict(self)

    @classmethod
    def decode(cls, row: Mapping[str, Any]) -> RetrainResult:
        """Read what `encode` wrote."""
        return TypeAdapter(cls).validate_python(row)

    def metrics(self, training: TrainingSet) -> dict[str, Any]:
        """What the run and the version keep, in the database's form; `training` is what the job was given."""
        now, before = self.challenger, self.champion
        return {
            "accuracy": now.accuracy,
            "accuracy_interval": now.accuracy_interval,
            "macro_f1": now.macro_f1,
            "ece": now.ece,
            "held_out": now.n,
            "accuracy_before": before.accuracy if before else None,
            "accuracy_before_interval": before.accuracy_interval if before else None,
            "labels": self.labels,
            "judging": len(training.own),
            "doubtful": self.left_out,
            "scarce": training.scarce,
            "changes": self.changes,
            "picture": self.picture,
            "picture_alt": self.picture_alt,
            "manifest_hash": self.manifest_hash,
            "starter": training.starter,
            "seconds": self.seconds,
            "gate": self.verdict.as_dict(),
            **self.head,
        }
