"""One system through one stream: answer, ask, be corrected, retrain, be judged; day after day.

A day is the messages between two retrainings. At its beginning the system chooses the messages of the day
that it asks about; every other message is routed, to the best guess even where the model is unsure, so that
all systems answer alike and differ by what they know. An asked message is handled right when a person answers
and is right; a routed one when it went to its category. A wrong routing that is corrected stays wrong.

Repeated mistakes are counted for all systems alike, with the frozen encoder's vectors: a message that was
routed wrongly to a category, whose nearest corrected message (cosine of NEAR or more) had been corrected away
from that same category before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from benchmarks.learning.learners import Answered, Learner, Vectors
from benchmarks.learning.parts import Labelled, recalled, repeats
from benchmarks.learning.stream import Floats, Rules, Staff, Stream
from classifier.calibration.vectors import unit
from classifier.data.dataset import Example
from classifier.feedback.active_learning import most_helpful


@dataclass(frozen=True, slots=True)
class System:
    """What is compared.

    Attributes:
        name: for people.
        learner: ours, frozen or tfidf.
        memory: whether a correction counts before the next retraining.
        asking: which messages are asked about.
        share: of the questions that the rules allow.
        answers_only: whether nobody corrects or confirms, so that all labels come from questions.
        flipper: whether one person gives wrong labels only.
        defences: whether suspicious labels are held out.
        recipe: how it is retrained, in place of the plan's.
        named: whether what the categories are called teaches too.
        around: whether messages that nobody labelled steady the answers, see surroundings.
    """

    name: str
    learner: Literal["ours", "frozen", "tfidf"]
    memory: bool = False
    asking: Literal["well", "random"] = "random"
    share: float = 1.0
    answers_only: bool = False
    flipper: bool = False
    defences: bool = True
    recipe: str = ""
    named: bool = False
    around: bool = False

    def rules(self, rules: Rules) -> Rules:
        """The rules for this system."""
        fewer = replace(rules, questions=round(self.share * rules.questions))
        return replace(fewer, correct=0.0, confirm=0.0) if self.answers_only else fewer


@dataclass(slots=True)
class Course:
    """Where a run is; plain data, kept after each day; `Course(**...)` reads it back.

    Attributes:
        days: that are over.
        labels: [message, category, person] in the order in which they were given.
        corrected: [message, category that it was taken away from].
        handled: of each message so far, whether it was handled right.
        asked: questions so far.
        answered: of them, answered.
        corrections: wrong routings that were corrected.
        confirmations: right routings that were confirmed (or wrongly corrected).
        wrong: routings to a wrong category.
        repeated: of them, repeated mistakes.
        moved: routings that memory changed.
        doubted: messages that memory asked about.
        handled_right: after each day, cumulative share 0..1.
        labels_used: after each day, the cold start's among them.
        test_accuracy: of the model that was trained after each day.
        repeated_mistakes: after each day, cumulative.
        trained: the learner's figures after each day.
    """

    days: int = 0
    labels: list[list[Any]] = field(default_factory=list)
    corrected: list[list[Any]] = field(default_factory=list)
    handled: list[bool] = field(default_factory=list)
    asked: int = 0
    answered: int = 0
    corrections: int = 0
    confirmations: int = 0
    wrong: int = 0
    repeated: int = 0
    moved: int = 0
    doubted: int = 0
    handled_right: list[float] = field(default_factory=list)
    labels_used: list[int] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)
    repeated_mistakes: list[int] = field(default_factory=list)
    trained: list[dict[str, Any]] = field(default_factory=list)


def accuracy(learner: Learner, stream: Stream) -> float:
    """Share of the test messages that the present model has right."""
    said = learner.answer([example.text for example in stream.test])
    best = said.probabilities.argmax(axis=1).tolist()
    right = [stream.categories[b] == e.label for b, e in zip(best, stream.test, strict=True)]
    return float(sum(right) / len(right))


@dataclass(slots=True)
class Run:
    """One system and one stream.

    Attributes:
        system: what answers.
        stream: the messages.
        staff: what people would do.
        rules: chances, already the system's own.
        vectors: the frozen encoder's, of every text.
        learner: of the system.
        course: where it is.
        keep: called with the course after each day.
    """

    system: System
    stream: Stream
    staff: Staff
    rules: Rules
    vectors: Vectors
    learner: Learner
    course: Course
    keep: Callable[[Course], None]

    def finish(self) -> Course:
        """Go through the days that are left."""
        many, every = len(self.stream.messages), self.rules.every
        days = -(-many // every)
        if self.course.days == days:
            return self.course
        self._learn()
        while self.course.days < days:
            first = self.course.days * every
            self._day(list(range(first, min(first + every, many))))
            figures = self._learn(last=self.course.days + 1 == days)
            course = self.course
            course.days += 1
            course.handled_right.append(sum(course.handled) / len(course.handled))
            course.labels_used.append(len(self.stream.start) + len(course.labels))
            course.test_accuracy.append(accuracy(self.learner, self.stream))
            course.repeated_mistakes.append(course.repeated)
            course.trained.append(figures)
            self.keep(course)
        return self.course

    def examples(self) -> list[Example]:
        """All labels so far."""
        given = [
            Example(self.stream.messages[row].text, label, voice=f"person {person}", source="person")
            for row, label, person in self.course.labels
        ]
        return [*self.stream.start, *given]

    def _learn(self, *, last: bool = False) -> dict[str, Any]:
        examples = self.examples()
        known = {example.text for example in examples}
        seen = [message.text for message in self.stream.messages[: len(self.course.handled)]]
        unlabelled = list(dict.fromkeys(text for text in reversed(seen) if text not in known))
        return self.learner.learn(examples, unlabelled=unlabelled, last=last)

    def _day(self, rows: Sequence[int]) -> None:
        said = self.learner.answer([self.stream.messages[row].text for row in rows])
        examples = self.examples()
        known = self.learner.answer([example.text for example in examples]).vectors
        memory = self._memory(examples, known) if self.system.memory else None
        planned = [rows[number] for number in self._questions(rows, said, known)]
        for number, row in enumerate(rows):
            if row in planned:
                self._ask(row)
            else:
                self._route(row, said.probabilities[number], said.vectors[number], memory, planned)

    def _questions(self, rows: Sequence[int], said: Answered, known: Floats) -> list[int]:
        """Positions of the day's messages to ask about, the most helpful first."""
        if self.system.asking == "well":
            return most_helpful(said.margins(), unit(said.vectors), self.rules.questions, asked=unit(known))
        order: list[int] = np.argsort(self.staff.luck[list(rows)]).tolist()
        return order[: self.rules.questions]

    def _memory(self, examples: Sequence[Example], known: Floats) -> list[Labelled]:
        """All labels so far in the space of the present model."""
        away = dict(self.course.corrected)
        given = [(row, str(person)) for row, _, person in self.course.labels]
        return [
            Labelled(vector, example.label, away.get(row, ""), voice)
            for (row, voice), example, vector in zip(
                [(None, "")] * len(self.stream.start) + given, examples, unit(known), strict=True
            )
        ]

    def _ask(self, row: int) -> None:
        course = self.course
        course.asked += 1
        right = False
        if self.staff.answer[row]:
            course.answered += 1
            self._label(row)
            right = self.staff.said[row] == self.stream.messages[row].label
        course.handled.append(right)

    def _route(
        self, row: int, scores: Floats, vector: Floats, memory: list[Labelled] | None, planned: list[int]
    ) -> None:
        course, staff, truth = self.course, self.staff, self.stream.messages[row].label
        routed = self.stream.categories[int(scores.argmax())]
        near = self.learner.similarities()
        said = recalled(memory or (), vector, routed, float(scores.max()), near)
        if said is not None and said.sure:
            course.moved += said.category != routed
            routed = said.category or routed
        elif said is not None:
            # memory doubts the answer: it asks, in place of the least helpful question that is still to come
            later = [other for other in planned if other > row]
            if later:
                planned.remove(later[-1])
                course.doubted += 1
                self._ask(row)
                return
        right = routed == truth
        course.handled.append(right)
        if not right:
            course.wrong += 1
            corrected = [
                (self.vectors[self.stream.messages[other].text], away) for other, away in course.corrected
            ]
            course.repeated += repeats(self.vectors[self.stream.messages[row].text], routed, corrected)
        if not (staff.confirm[row] if right else staff.correct[row]):
            return
        self._label(row)
        course.confirmations += right
        course.corrections += not right
        if staff.said[row] != routed:
            course.corrected.append([row, routed])
        if memory is not None:
            memory.append(Labelled(unit(vector), staff.said[row], routed, str(staff.person[row])))

    def _label(self, row: int) -> None:
        self.course.labels.append([row, self.staff.said[row], int(self.staff.person[row])])
