"""What a category's name and description teach: a head on the frozen encoder, with and without them.

On the starter pack, whose categories have both: some messages of each and, in turn, nothing else, its
name, its description, or both, are learned; the held-out messages judge.
"""

from __future__ import annotations

import itertools
import random
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from benchmarks.learning.learners import frozen_vectors
from classifier.data.dataset import Example, StarterPack
from classifier.training.fit import TrainingConfig

EACH = (1, 3, 5, 10, 30)
"""Messages of a category."""
DRAWS = 3
WAYS: Mapping[str, tuple[bool, bool]] = {
    "messages alone": (False, False),
    "with names": (True, False),
    "with descriptions": (False, True),
    "with both": (True, True),
}
"""Whether (names, descriptions) teach too."""

_C = 10.0
"""Of the regression, as the learning benchmark has it."""

Embed = Callable[[Sequence[str], TrainingConfig], npt.NDArray[Any]]


def measure(
    pack: StarterPack,
    config: TrainingConfig,
    *,
    seed: int = 0,
    each: Sequence[int] = EACH,
    embed: Embed = frozen_vectors,
) -> dict[str, Any]:
    """Measure all ways and sizes.

    Args:
        pack: messages of categories with names and descriptions.
        config: names the encoder.
        seed: of the messages that are drawn.
        each: numbers of messages of a category.
        embed: makes float [N, H] of N texts.

    Returns:
        {"categories", "judged", "draws", "rows": [{"each", way: mean accuracy 0..1, ...}]}.
    """
    of: dict[str, list[Example]] = defaultdict(list)
    categories = {category.slug: category for category in pack.categories}
    for example in pack.train:
        if example.label in categories:
            of[example.label].append(example)
    pools = [
        {slug: random.Random(seed + number).sample(rows, min(max(each), len(rows)))  # noqa: S311  # nosec B311
         for slug, rows in sorted(of.items())}
        for number in range(DRAWS)
    ]  # fmt: skip
    judged = [example for example in pack.held_out if example.label in categories]
    texts = {e.text for e in judged} | {e.text for pool in pools for rows in pool.values() for e in rows}
    texts |= {text for c in categories.values() for text in (c.name, c.description)}
    ordered = sorted(texts)
    vectors = dict(zip(ordered, embed(ordered, config), strict=True))

    def accuracy(pool: Mapping[str, Sequence[Example]], count: int, way: str) -> float:
        names, descriptions = WAYS[way]
        learned = [(e.text, e.label) for rows in pool.values() for e in rows[:count]]
        learned += [(c.name, c.slug) for c in categories.values() if names]
        learned += [(c.description, c.slug) for c in categories.values() if descriptions]
        model = LogisticRegression(C=_C, max_iter=2000)
        model.fit(np.stack([vectors[text] for text, _ in learned]), [slug for _, slug in learned])
        return float(model.score(np.stack([vectors[e.text] for e in judged]), [e.label for e in judged]))

    found = {
        (count, way): statistics.fmean(accuracy(pool, count, way) for pool in pools)
        for count, way in itertools.product(each, WAYS)
    }
    rows = [{"each": count, **{way: round(found[count, way], 4) for way in WAYS}} for count in each]
    return {"categories": len(categories), "judged": len(judged), "draws": DRAWS, "rows": rows}


def table(measured: Mapping[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    lines = [f"| messages a category | {' | '.join(WAYS)} |", "| --- " * (1 + len(WAYS)) + "|"]
    lines += [
        f"| {row['each']} | {' | '.join(f'{row[way]:.1%}' for way in WAYS)} |" for row in measured["rows"]
    ]
    lines += [
        "",
        f"{measured['categories']} categories, {measured['judged']} messages judge, "
        f"mean of {measured['draws']} draws.",
    ]
    return "\n".join(lines)
