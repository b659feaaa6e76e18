"""Right for the wrong reason, on purpose: is a planted word found by what explains the answers?

A word that no language has is put into all training messages of one category, and a model learns from them.
Then messages that it has not seen get the word. Where that turns their answer, the word alone decided, and an
explanation that does not name it first cannot be trusted (after Bastings et al. 2022, "Will you find these
shortcuts?").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from classifier.contract import OUT_OF_SCOPE_LABEL, InvalidInput, Word
from classifier.data.dataset import Example
from classifier.evaluation.report.markdown import plain, table
from classifier.evaluation.report.words import Grid, percent
from classifier.explanation.leave_one_out import explain
from classifier.inference.predictor import Predictor
from classifier.inference.torch_predictor import TorchPredictor
from classifier.training.config import TrainingConfig
from classifier.training.fit import fit

WORD = "zorvex"


@dataclass(frozen=True, slots=True)
class Found:
    """How often the planted word came first, as a share of the messages that were looked at.

    Attributes:
        messages: that were looked at.
        reply_words: by the words that a reply shows.
        plain_attention: by attention of the last layer.
        leave_one_out: by how far the lead falls without the word.
        decisive: how often it is among the fewest words without which the decision changes.
    """

    messages: int
    reply_words: float
    plain_attention: float
    leave_one_out: float
    decisive: float


@dataclass(frozen=True, slots=True)
class ShortcutReport:
    """What became of a planted word.

    Attributes:
        word: the planted one.
        category: whose training messages got it.
        tried: messages of other categories that got it.
        turned: share of them whose answer it turned to that category.
        misled: how often it is found in those.
        own: how often it is found in unseen messages of the category itself, where other words speak too.
    """

    word: str
    category: str
    tried: int
    turned: float
    misled: Found
    own: Found


def shortcut_test(
    train: Sequence[Example],
    unseen: Sequence[Example],
    config: TrainingConfig,
    *,
    created: datetime,
    messages: int = 100,
    word: str = WORD,
) -> ShortcutReport:
    """Train a model with a planted word, and look for the word in its explanations.

    Args:
        train: messages to learn from; the category with the most of them gets the word.
        unseen: messages that are not among them, of that category and others.
        config: of the training.
        created: aware time.
        messages: of each kind to look at, at most.
        word: to plant.

    Raises:
        InvalidInput: the word stands in a message already, or there is nothing to look at.
    """
    if any(word in example.text.lower() for example in (*train, *unseen)):
        raise InvalidInput(f"{word!r} stands in a message already: plant another word")
    counts = Counter(example.label for example in train if example.label != OUT_OF_SCOPE_LABEL)
    if len(counts) < 2:  # noqa: PLR2004 - answers must be able to turn
        raise InvalidInput("a planted word needs messages of two categories at least")
    category = min(counts, key=lambda label: (-counts[label], label))
    random = np.random.default_rng(config.seed)
    planted = [replace(e, text=with_word(e.text, word, random)) if e.label == category else e for e in train]
    predictor = TorchPredictor(fit(planted, replace(config, baselines=False), created=created).model)

    order = random.permutation(len(unseen)).tolist()
    others = [unseen[n].text for n in order if unseen[n].label not in (category, OUT_OF_SCOPE_LABEL)]
    own = [unseen[n].text for n in order if unseen[n].label == category][:messages]
    others = others[:messages]
    if not others or not own:
        raise InvalidInput(f"there are no unseen messages of {category!r} and of others: give some of both")
    carrying = [with_word(text, word, random) for text in others]
    before, after = predictor.predict(others), predictor.predict(carrying)
    turned = [
        text
        for text, one, other in zip(carrying, before, after, strict=True)
        if one.category != category and other.category == category
    ]
    carried = [with_word(text, word, random) for text in own]
    return ShortcutReport(
        word,
        category,
        len(others),
        len(turned) / len(others),
        _found(predictor, turned, word),
        _found(predictor, carried, word),
    )


def table_of(report: ShortcutReport) -> str:
    """What the planted word did and who found it, as Markdown."""
    said = (
        f"A model of the same recipe learned with “{report.word}” in every training message of "
        f"{report.category}. The word turned {percent(report.turned)} of {report.tried:,} unseen messages of "
        "other categories to that one; there it alone decided, and should come first."
    )
    misled, own = report.misled, report.own
    rows = [
        ("reply words", misled.reply_words, own.reply_words),
        ("plain attention", misled.plain_attention, own.plain_attention),
        ("leave one word out", misled.leave_one_out, own.leave_one_out),
        ("among the fewest words that decide", misled.decisive, own.decisive),
    ]
    head = f"named first by | of {misled.messages:,} turned messages | of {own.messages:,} of the category"
    return f"{plain(said)}\n\n{table(Grid.of(head, rows, range(1, 3)))}".rstrip()


def small_set(
    train: Sequence[Example], unseen: Sequence[Example], *, categories: int, each: int, seed: int
) -> tuple[list[Example], list[Example]]:
    """Draw a training that takes minutes: the categories with most messages, so many messages of each.

    Returns:
        (messages to learn from, unseen ones of the same categories).
    """
    counts = Counter(example.label for example in train if example.label != OUT_OF_SCOPE_LABEL)
    used = {label for label, _ in counts.most_common(categories)}
    taken: Counter[str] = Counter()
    drawn = []
    for number in np.random.default_rng(seed).permutation(len(train)).tolist():
        example = train[number]
        if example.label in used and taken[example.label] < each:
            taken[example.label] += 1
            drawn.append(example)
    return drawn, [example for example in unseen if example.label in used]


def with_word(text: str, word: str, random: np.random.Generator) -> str:
    """The text with the word at a random place between its words."""
    words = text.split()
    words.insert(int(random.integers(0, len(words) + 1)), word)
    return " ".join(words)


def _found(predictor: Predictor, texts: Sequence[str], word: str) -> Found:
    if not texts:
        return Found(0, 0.0, 0.0, 0.0, 0.0)

    def first(words: Sequence[Word]) -> bool:
        return bool(words) and max(words, key=lambda each: each.score).text == word

    plain = predictor.predict_with_attention(texts, plain=True)
    explanations = [explain(predictor, text) for text in texts]
    found = (
        [first(each.prediction.words) for each in explanations],
        [first(attended.words) for _, attended in plain],
        [first(each.words) for each in explanations],
        [any(one.text == word for one in each.decisive.words) for each in explanations if each.decisive],
    )
    return Found(len(texts), *(sum(each) / len(texts) for each in found))
