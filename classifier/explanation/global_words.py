"""What a model goes by: for each category the words that most often decide, over many messages.

One message's explanation can look sound while the whole hangs on something that it should not: a person's
name, a channel, a number, a greeting that one team's customers use. Such words show when every message is
taken apart, word by word, and the words are counted by the category that they spoke for.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from classifier.contract import OUT_OF_SCOPE_LABEL, Prediction, Word
from classifier.data.dataset import Example
from classifier.explanation.counterfactual import decision_of
from classifier.explanation.leave_one_out import one_by_one
from classifier.explanation.types import CategoryHabits, Habits, WordHabit
from classifier.inference.predictor import Predictor

WORDS = 12
"""Words of a category that are kept."""

_NAME_SHARE = 0.5
"""A word that is written with a capital inside sentences at least so often may be a name."""

_SENTENCE_END = re.compile(r"(?:^|[.!?:\n])\W*$")


@dataclass(slots=True)
class _Count:
    messages: int = 0
    leads: int = 0
    decides: int = 0
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """A word in one message: how far the lead falls without it, and whether the decision changes."""

    word: str
    score: float
    decides: bool


def habits(
    predictor: Predictor, texts: Sequence[str], *, say: Callable[[int], None] = lambda _: None
) -> Habits:
    """Take messages apart and count the words that spoke for each category.

    Args:
        predictor: the model.
        texts: messages of everyday use; each costs one short forward pass a word.
        say: gets the number of messages done.

    Returns:
        Every category that was answered. A remark stands beside words that contain a digit, are mostly
        written as names are, or are not in the encoder's vocabulary (names and codes mostly are not).
    """
    return Habits(predictor.facts.version, len(texts), _count(predictor, texts, say))


def misleading(predictor: Predictor, examples: Sequence[Example], *, most: int) -> tuple[CategoryHabits, ...]:
    """Count the words behind wrong answers, by the category that was answered instead.

    Args:
        predictor: the model.
        examples: messages that it has not seen, with their right labels; those out of scope, and those
            taken for out of scope, are left out.
        most: wrong answers to look at, the surest ones.
    """
    inside = [example for example in examples if example.label != OUT_OF_SCOPE_LABEL]
    answers = predictor.predict([example.text for example in inside])
    wrong = [
        (answer.confidence, number)
        for number, (answer, example) in enumerate(zip(answers, inside, strict=True))
        if answer.category != example.label and decision_of(answer) is not None
    ]
    surest = [inside[number].text for _, number in sorted(wrong, key=lambda each: (-each[0], each[1]))[:most]]
    counted = _count(predictor, surest, lambda _: None)
    return tuple(sorted(counted, key=lambda each: (-each.messages, each.category)))


def _count(
    predictor: Predictor, texts: Sequence[str], say: Callable[[int], None]
) -> tuple[CategoryHabits, ...]:
    counts: defaultdict[str, defaultdict[str, _Count]] = defaultdict(lambda: defaultdict(_Count))
    answered: Counter[str] = Counter()
    written: Counter[str] = Counter()
    capital: Counter[str] = Counter()
    for number, text in enumerate(texts):
        prediction, words, single = one_by_one(predictor, text)
        for word in words:
            lower = word.text.casefold()
            if not _SENTENCE_END.search(text[: word.start]):
                written[lower] += 1
                capital[lower] += word.text[:1].isupper()
        if decision_of(prediction) is not None:
            answered[prediction.category] += 1
            _add(counts[prediction.category], _seen(prediction, words, single))
        say(number + 1)
    everywhere: Counter[str] = Counter()
    for words_of in counts.values():
        everywhere.update({word: count.messages for word, count in words_of.items()})
    tokenizer = predictor.texts.tokenizer

    def remark(word: str) -> str:
        if any(letter.isdigit() for letter in word):
            return "a number or code"
        if written[word] and capital[word] / written[word] >= _NAME_SHARE and len(word) > 1:
            return "written like a name"
        return "" if _known(tokenizer, word) else "no common word"

    return tuple(
        CategoryHabits(category, answered[category], _ranked(counts[category], everywhere, remark))
        for category in sorted(counts)
    )


def _seen(prediction: Prediction, words: Sequence[Word], single: Sequence[Prediction]) -> list[_Seen]:
    """Each different word once, with its largest score."""
    best: dict[str, _Seen] = {}
    for word, answer in zip(words, single, strict=True):
        lower = word.text.casefold()
        decides = decision_of(answer) != decision_of(prediction)
        known = best.get(lower)
        if known is None or word.score > known.score:
            best[lower] = _Seen(lower, word.score, decides or (known is not None and known.decides))
    return list(best.values())


def _add(counts: defaultdict[str, _Count], seen: Sequence[_Seen]) -> None:
    leader = max(seen, key=lambda each: each.score, default=None)
    for each in seen:
        count = counts[each.word]
        count.messages += 1
        count.score += each.score
        count.decides += each.decides
        count.leads += each is leader and each.score > 0


def _ranked(
    counts: dict[str, _Count], everywhere: Counter[str], remark: Callable[[str], str]
) -> tuple[WordHabit, ...]:
    ranked = sorted(
        (item for item in counts.items() if item[1].leads or item[1].decides),
        key=lambda item: (-item[1].leads, -item[1].decides, -item[1].score, item[0]),
    )
    return tuple(
        WordHabit(
            word,
            count.messages,
            count.leads,
            count.decides,
            count.score / count.messages,
            everywhere[word] - count.messages,
            remark(word),
        )
        for word, count in ranked[:WORDS]
    )


def _known(tokenizer: Tokenizer, word: str) -> bool:
    """Whether the encoder's vocabulary has the word in one piece (with a space, byte-level ones need it)."""
    return len(tokenizer.encode(f" {word}", add_special_tokens=False).ids) == 1
