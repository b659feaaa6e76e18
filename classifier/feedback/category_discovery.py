"""Groups of tickets that no category fits, as proposals for new ones. Pure: vectors in, groups out."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.calibration.vectors import unit

Array = npt.NDArray[Any]

FEWEST_MEMBERS = 5
"""Fewer tickets are no kind of ticket yet; from so many a category can be learned."""

WORDS = 4
_WORD_MEMBERS = 3
"""A word that fewer members use is no name for them, and may be somebody's."""

_SAME = 0.5
"""Share of the smaller group's members from which two groups are one."""

_SIMILARITIES = (0.4, 0.85)
"""Between these lies the similarity that joins, whatever the labelled tickets say."""

_JOINING = 0.1
"""Tickets are joined while they are as similar in the mean as nine in ten pairs of one category's."""

_FEW_LABELLED = 10
_USUAL = 0.55
"""Similarity that joins where there are too few labelled tickets to measure it."""

_WORD = re.compile(r"(?<![\w@#/.:-])[^\W\d_]{3,}(?:[-'’][^\W\d_]+)*(?![\w@/:-])")
_HIDDEN = re.compile(r"<[^>]*>|\[[^\]]*\]|:[\w+-]+:|\S+@\S+|https?://\S+")
"""Mentions, placeholders of what was redacted, emoji and addresses are no words."""

_SAID = (
    "hi hello hey please thanks thank help team anyone anybody somebody know need needs want wants "
    "can't don't doesn't isn't won't didn't i'm i've i'd it's there's getting get got just like "
    "today tomorrow morning still since does did trying tried try work working works way really new "
    "able use using used question regards dear "
)
_CHATTER = frozenset(_SAID.split())
"""What stands in any message, beside scikit-learn's stop words."""


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A ticket that no category fits: people said so, or the model was unsure and nobody said anything.

    `vector` is float32 [H], L2-normalised, of the model that answers now.
    """

    id: str
    text: str
    vector: Array


@dataclass(frozen=True, slots=True)
class Group:
    """A proposal.

    Attributes:
        key: of these very members.
        words: that set the group apart, best first; for a name.
        members: ticket ids, nearest to the centre first: the first ones are the best examples.
        cohesion: mean cosine similarity of the members to their centre.
    """

    key: str
    words: tuple[str, ...]
    members: tuple[str, ...]
    cohesion: float


@dataclass(frozen=True, slots=True)
class Space:
    """What labelled tickets say about the model's space.

    Attributes:
        centroids: [C, H], unit vectors, one a category.
        near: [C], similarity to a centroid that most of its own category's tickets have.
        joins: mean similarity from which tickets are of a kind.
    """

    centroids: Array
    near: Array
    joins: float


def measure_space(vectors: Array, categories: Sequence[str]) -> Space:
    """Measure the space on labelled tickets.

    Args:
        vectors: float32 [N, H], unit vectors.
        categories: N slugs.
    """
    named = np.array(categories, dtype=str)
    centroids, near, inner = [], [], []
    for slug in sorted(set(categories)):
        own = vectors[named == slug]
        centroid = unit(own.mean(axis=0))
        centroids.append(centroid)
        near.append(float(np.quantile(own @ centroid, 0.25)))
        if len(own) > 1:
            pairs = own @ own.T
            inner.append(pairs[np.triu_indices(len(own), 1)])
    joined = np.concatenate(inner) if inner else np.zeros(0)
    joins = float(np.quantile(joined, _JOINING)) if len(joined) >= _FEW_LABELLED else _USUAL
    hidden = vectors.shape[1] if vectors.ndim == 2 else 0  # noqa: PLR2004 - [N, H]
    return Space(
        np.array(centroids).reshape(len(centroids), hidden),
        np.array(near),
        float(np.clip(joins, *_SIMILARITIES)),
    )


def propose_groups(
    doubtful: Sequence[Doubtful],
    others: Iterable[str],
    space: Space,
    earlier: Iterable[Iterable[str]] = (),
) -> list[Group]:
    """Find groups that are worth a category, the largest first.

    Tickets are joined by average linkage while their mean cosine similarity is that of labelled tickets of
    one category. A group is left out where it lies as near to a category's centroid as that category's own
    tickets do (it needs labels, no new category), where no word sets it apart, and where it is one that was
    proposed before.

    Args:
        doubtful: the tickets, of some weeks.
        others: texts of all other tickets, which the words are set apart from.
        space: of the same model.
        earlier: ticket ids of each group that was ever proposed.
    """
    if len(doubtful) < FEWEST_MEMBERS:
        return []
    vectors = unit(np.stack([ticket.vector for ticket in doubtful]))
    from sklearn.cluster import AgglomerativeClustering  # noqa: PLC0415 - once a day, and a second to import

    found = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - space.joins
    ).fit_predict(vectors)
    known = [frozenset(ids) for ids in earlier]
    everything = Counter(word for text in others for word in words_of(text))
    for ticket in doubtful:
        everything.update(words_of(ticket.text))
    groups = []
    for number in sorted(set(found.tolist())):
        places = np.flatnonzero(found == number)
        if len(places) < FEWEST_MEMBERS:
            continue
        centre = unit(vectors[places].mean(axis=0))
        similar = vectors[places] @ centre
        members = [doubtful[i] for i in places[np.argsort(-similar, kind="stable")]]
        if _near_a_category(centre, space) or _proposed(members, known):
            continue
        words = name_words([ticket.text for ticket in members], everything)
        if words:
            ids = tuple(ticket.id for ticket in members)
            groups.append(Group(_key(ids), words, ids, float(similar.mean())))
    return sorted(groups, key=lambda group: (-len(group.members), group.key))


def name_words(members: Sequence[str], everything: Counter[str]) -> tuple[str, ...]:
    """Words that set a group apart: class-based TF-IDF (Grootendorst 2022, arXiv:2203.05794).

    Only words that at least three members use are looked at.

    Args:
        members: the group's texts.
        everything: in how many tickets each word stands, the group's own included.
    """
    own = Counter(word for text in members for word in words_of(text))
    mean = sum(everything.values()) / max(len(everything), 1)
    scores = {
        word: count * np.log1p(mean / max(everything[word], count))
        for word, count in own.items()
        if count >= _WORD_MEMBERS and 2 * count > everything[word]
    } or {
        word: count * np.log1p(mean / max(everything[word], count))
        for word, count in own.items()
        if count >= max(_WORD_MEMBERS, len(members) // 2)
    }
    return tuple(sorted(scores, key=lambda word: (-scores[word], word))[:WORDS])


def words_of(text: str) -> frozenset[str]:
    """The words of a text that may name something, in small letters."""
    seen = {word.lower().replace("’", "'") for word in _WORD.findall(_HIDDEN.sub(" ", text))}
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS  # noqa: PLC0415 - see above

    return frozenset(word for word in seen if word not in ENGLISH_STOP_WORDS and word not in _CHATTER)


def _near_a_category(centre: Array, space: Space) -> bool:
    return bool(len(space.near)) and bool((space.centroids @ centre >= space.near).any())


def _proposed(members: Sequence[Doubtful], known: Sequence[frozenset[str]]) -> bool:
    """Whether at least half of the smaller of two groups is in both."""
    ids = frozenset(ticket.id for ticket in members)
    return any(len(ids & group) >= _SAME * min(len(ids), len(group)) for group in known if group)


def _key(ids: Sequence[str]) -> str:
    return hashlib.sha256(" ".join(sorted(ids)).encode()).hexdigest()[:16]
