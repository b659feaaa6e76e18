"""What is known about explanations, in words and tables: plain text, nothing escaped."""

from __future__ import annotations

import math
from collections.abc import Sequence

from classifier.evaluation.report.words import Grid, interval, percent
from classifier.explanation.types import (
    GREEDY,
    REPLY,
    CategoryHabits,
    FaithfulnessReport,
    Habits,
    Measure,
)

MISLEADING = (
    "Of the surest wrong answers: the words that spoke loudest for the category that was answered. A word "
    "that should say nothing about it, such as a name, is a leak or a bias of the training messages."
)


def faithful_said(report: FaithfulnessReport) -> str:
    """A few sentences on whether the words in replies can be trusted."""
    ours, bound = report.methods[REPLY], report.methods[GREEDY]
    said = (
        f"Words were taken out of {report.messages:,} messages, those that a reply shows first. Without the "
        "first one to five of them the category's probability falls by "
        f"{_figure(ours.comprehensiveness)}; without the best that trying can find by "
        f"{_figure(bound.comprehensiveness)}, so that reply words reach "
        f"{percent(ours.of_greedy.mean)} of it. The first three hurt more than three random words in "
        f"{percent(ours.wins.mean)} of the draws."
    )
    if report.swapped:
        said += (
            " Where words that should not matter (such as “the”) were swapped, "
            f"{_share(report.stability)} of the three words shown stayed, in {report.swapped:,} messages."
        )
    return said


def faithfulness(report: FaithfulnessReport) -> Grid:
    """Every order of words, with its figures and their 95% bootstrap intervals."""
    columns = {
        "comprehensiveness": ("comprehensiveness", _figure),
        "of greedy deletion": ("of_greedy", _share),
        "sufficiency": ("sufficiency", _figure),
        "fall at 3": ("fall_at_three", _figure),
        "deletion area": ("deletion_area", _figure),
        "beats three random words": ("wins", _share),
        "agrees with leaving one out": ("agreement", _figure),
    }
    rows = [
        (name, *(shown(getattr(row, attribute)) for attribute, shown in columns.values()))
        for name, row in report.methods.items()
    ]
    return Grid.of(" | ".join(["words by", *columns]), rows, range(1, 8))


def _figure(measure: Measure) -> str:
    if math.isnan(measure.mean):
        return "–"
    return f"{measure.mean:.3f} ({measure.low:.3f}–{measure.high:.3f})"


def _share(measure: Measure) -> str:
    if math.isnan(measure.mean):
        return "–"
    return f"{percent(measure.mean)} ({interval((measure.low, measure.high))})"


def misleading(categories: Sequence[CategoryHabits], most: int = 5) -> Grid:
    """For each category that was answered wrongly, its loudest words."""
    rows = [
        (
            each.category,
            each.messages,
            ", ".join(f"{word.word} ({word.leads})" for word in each.words[:most] if word.leads),
            ", ".join(f"{word.word}: {word.remark}" for word in each.words[:most] if word.remark),
        )
        for each in categories
    ]
    return Grid.of("answered | wrong answers | loudest words (messages) | look at", rows, range(1, 2))


def suspicious(found: Habits) -> Grid:
    """The words that lead and have a remark, the most frequent first."""
    words = [(word, each.category) for each in found.categories for word in each.words]
    rows = [
        (word.word, word.remark, category, word.leads, word.decides, word.messages, word.elsewhere)
        for word, category in sorted(words, key=lambda pair: (-pair[0].leads, pair[1], pair[0].word))
        if word.remark and word.leads
    ]
    head = "word | look at | category | loudest in | decides alone in | messages with it | elsewhere"
    return Grid.of(head, rows, range(3, 7))


def habits(found: Habits) -> Grid:
    """Every word of every category in one table."""
    rows = [
        (
            each.category,
            word.word,
            word.leads,
            word.decides,
            word.messages,
            f"{word.score:+.2f}",
            word.elsewhere,
            word.remark,
        )
        for each in found.categories
        for word in each.words
    ]
    counts = "loudest in | decides alone in | messages with it | mean score | elsewhere"
    return Grid.of(f"category | word | {counts} | look at", rows, range(2, 7))
