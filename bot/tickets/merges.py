"""Merged categories: what a model that does not know of a merge yet says, in today's categories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from bot.blocks.common import CategoryView
from classifier.contract import Prediction


def follow_merges(prediction: Prediction, retired: Sequence[CategoryView]) -> Prediction:
    """Give a merged category's probability to the one that it was merged into.

    Args:
        prediction: what the model said.
        retired: the categories that are offered no more; those that were not merged stay as they are.
    """
    heirs = {view.slug: view.merged_into for view in retired if view.merged_into}
    named = {prediction.category, *prediction.candidates, *(slug for slug, _ in prediction.alternatives)}
    if not named & heirs.keys():
        return prediction

    def today(slug: str) -> str:
        return heirs.get(slug) or slug

    shares: dict[str, float] = defaultdict(float)
    for slug, probability in prediction.alternatives:
        shares[today(slug)] += probability
    best_first = tuple(sorted(shares.items(), key=lambda pair: -pair[1]))
    category, confidence = (
        best_first[0] if best_first else (today(prediction.category), prediction.confidence)
    )
    return replace(
        prediction,
        category=category,
        confidence=min(1.0, confidence),
        alternatives=best_first,
        candidates=tuple(dict.fromkeys(map(today, prediction.candidates))),
    )
