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
    ShortcutReport,
)

MISLEADING = (
    "Of the surest wrong answers: the words that spoke loudest for the category that was answered. A word "
    "that should say nothing about it, such as a name, is a leak or a bias of the training messages."
)
HABITS = (
    "For each category the words that most often spoke loudest for it, by leaving out one word at a time. "
    "Beside each stands in how many of the messages with it, and in how many the decision hung on it alone."
)
SUSPICIOUS = (
    "Words that lead and that a category should seldom go by: numbers and codes, words written like names, "
    "and words that are not in the encoder's vocabulary. Many are harmless, such as the name of a product; a "
    "person's or a channel's name is a leak."
)


def faithful_said(report: FaithfulnessReport) -> str:
    """A few sentences on whether the words in replies can be trusted."""
    ours, bound, stable = report.methods[REPLY], report.methods[GREEDY], report.stability
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
            f" Where words that should not matter (such as “the”) were swapped, {_share(stable)} of the "
            f"three words shown stayed, in {report.swapped:,} messages."
        )
    return said


def faithfulness(report: FaithfulnessReport) -> Grid:
    """Every order of words, with its figures and their 95% bootstrap intervals."""
    rows = tuple(
        (
            name,
            _figure(row.comprehensiveness),
            _share(row.of_greedy),
            _figure(row.sufficiency),
            _figure(row.fall_at_three),
            _figure(row.deletion_area),
            _share(row.wins),
            _figure(row.agreement),
        )
        for name, row in report.methods.items()
    )
    head = (
        "words by",
        "comprehensiveness",
        "of greedy deletion",
        "sufficiency",
        "fall at 3",
        "deletion area",
        "beats three random words",
        "agrees with leaving one out",
    )
    return Grid(head, rows, frozenset(range(1, 8)))


def _figure(measure: Measure) -> str:
    if math.isnan(measure.mean):
        return "–"
    return f"{measure.mean:.3f} ({measure.low:.3f}–{measure.high:.3f})"


def _share(measure: Measure) -> str:
    if math.isnan(measure.mean):
        return "–"
    return f"{percent(measure.mean)} ({interval((measure.low, measure.high))})"


def shortcut_said(report: ShortcutReport) -> str:
    """What was planted, and whether it worked."""
    return (
        f"A model of the same recipe learned with “{report.word}” in every training message of "
        f"{report.category}. The word turned {percent(report.turned)} of {report.tried:,} unseen messages of "
        "other categories to that one; there it alone decided, and should come first."
    )


def shortcut(report: ShortcutReport) -> Grid:
    """How often each method names the planted word."""
    names = {
        "reply_words": "reply words",
        "plain_attention": "plain attention",
        "leave_one_out": "leave one word out",
        "decisive": "among the fewest words that decide",
    }
    rows = tuple(
        (shown, percent(getattr(report.misled, name)), percent(getattr(report.own, name)))
        for name, shown in names.items()
    )
    turned = f"of {report.misled.messages:,} turned messages"
    return Grid(
        ("named first by", turned, f"of {report.own.messages:,} of the category"), rows, frozenset({1, 2})
    )


def misleading(categories: Sequence[CategoryHabits], most: int = 5) -> Grid:
    """For each category that was answered wrongly, its loudest words."""
    rows = tuple(
        (
            each.category,
            f"{each.messages:,}",
            ", ".join(f"{word.word} ({word.leads})" for word in each.words[:most] if word.leads),
            ", ".join(f"{word.word}: {word.remark}" for word in each.words[:most] if word.remark),
        )
        for each in categories
    )
    return Grid(("answered", "wrong answers", "loudest words (messages)", "look at"), rows, frozenset({1}))


def suspicious(found: Habits) -> Grid:
    """The words that lead and have a remark, the most frequent first."""
    rows = sorted(
        (
            (each.category, word)
            for each in found.categories
            for word in each.words
            if word.remark and word.leads
        ),
        key=lambda row: (-row[1].leads, row[0], row[1].word),
    )
    return Grid(
        ("word", "look at", "category", "loudest in", "decides alone in", "messages with it", "elsewhere"),
        tuple(
            (
                word.word,
                word.remark,
                category,
                f"{word.leads:,}",
                f"{word.decides:,}",
                f"{word.messages:,}",
                f"{word.elsewhere:,}",
            )
            for category, word in rows
        ),
        frozenset(range(3, 7)),
    )


def habits(found: Habits) -> Grid:
    """Every word of every category in one table."""
    rows = tuple(
        (
            each.category,
            word.word,
            f"{word.leads:,}",
            f"{word.decides:,}",
            f"{word.messages:,}",
            f"{word.score:+.2f}",
            f"{word.elsewhere:,}",
            word.remark,
        )
        for each in found.categories
        for word in each.words
    )
    head = (
        "category",
        "word",
        "loudest in",
        "decides alone in",
        "messages with it",
        "mean score",
        "elsewhere",
        "look at",
    )
    return Grid(head, rows, frozenset(range(2, 7)))
