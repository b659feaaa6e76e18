"""New rows for a head whose other rows stay: the step that lets a category work from a handful of messages.

With the other rows fixed, softmax cross-entropy over a new row is a logistic regression with an offset: the
new row's logit against the log-sum-exp of the others. It is convex, takes a second, and cannot move what the
others say among themselves: an answer changes only where a new row outbids all of them. With a strong penalty
the row points at the category's mean (a prototype, Snell et al. 2017, arXiv:1703.05175), with a weak one it
separates; the penalty comes from messages that were left out.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import log_softmax

from classifier.contract import OUT_OF_SCOPE_LABEL, InvalidInput
from classifier.training.linear_probe import standardised

FEWEST = 3
"""Examples below which a category gets no row yet; 5 to 8 are what people are asked for."""

PENALTIES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
"""L2 penalties on the standardised weights that messages which were left out choose from."""

CAUTION, MANY = 0.5, 8
"""Log-odds that a new row is held back by: always from MANY examples on; with fewer where new rows would
otherwise take a left-out message of another category. A category of few examples cannot spare what it costs,
with many it loses next to nothing, and the others keep more of theirs."""

_FOLDS = 8
_AT_MOST = 40
"""Messages of one category that are looked at: more change nothing, and the fit stays a matter of seconds."""


@dataclass(frozen=True, slots=True)
class RowChanges:
    """Which rows a new head has.

    Attributes:
        labels: all its categories, in the order of the rows.
        kept: numbers of the present head's rows that stay as they are; they come first.
        learned: categories that get a row from examples: new ones, and those that others were merged into.
        removed: categories of the present head that have no row any more.
        waiting: categories that have too few examples for a row.
    """

    labels: tuple[str, ...]
    kept: tuple[int, ...]
    learned: tuple[str, ...]
    removed: tuple[str, ...]
    waiting: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Learned:
    """Rows that were learned, for pooled vectors and logits as they come.

    Attributes:
        weight: float32 [F, H].
        bias: float32 [F].
        left_out: float32 [N, F], logits of each message by rows that had not learned from it.
        penalty: that was chosen.
        caution: float32 [F], log-odds that the rows are held back by, see CAUTION.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    left_out: torch.Tensor
    penalty: float
    caution: torch.Tensor


def plan_rows(
    present: Sequence[str],
    categories: Sequence[str],
    counts: Mapping[str, int],
    *,
    merged: frozenset[str] = frozenset(),
) -> RowChanges:
    """Say which rows stay, which are learned and which go.

    Args:
        present: categories of the present head.
        categories: that the workspace has now.
        counts: examples of each.
        merged: categories that others were merged into since: their row no longer says what they are.

    Raises:
        InvalidInput: nothing changed, or fewer than two categories would be left.
    """
    again = {slug for slug in merged if slug in present and counts.get(slug, 0) >= FEWEST}
    kept = tuple(i for i, slug in enumerate(present) if slug in categories and slug not in again)
    new = [slug for slug in categories if slug not in present]
    learned = tuple(sorted([*again, *(slug for slug in new if counts.get(slug, 0) >= FEWEST)]))
    waiting = tuple(sorted(slug for slug in new if counts.get(slug, 0) < FEWEST))
    labels = (*(present[i] for i in kept), *learned)
    removed = tuple(slug for slug in present if slug not in labels)
    if not learned and not removed:
        named = ", ".join(repr(slug) for slug in waiting)
        raise InvalidInput(
            f"{named} needs examples: label {FEWEST} messages at least, 5 to 8 are better"
            if waiting
            else "the model knows every category already: there is nothing to learn"
        )
    if not kept or len(labels) < 2:  # noqa: PLR2004 - a choice needs two
        raise InvalidInput("too few categories would stay: retrain the whole model")
    return RowChanges(labels, kept, learned, removed, waiting)


def sample(labels: Sequence[str], wanted: Sequence[str], seed: int) -> list[int]:
    """Numbers of the messages to look at: all of the wanted categories, some of each other one."""
    places: dict[str, list[int]] = defaultdict(list)
    for number, label in enumerate(labels):
        places[label].append(number)
    draw = random.Random(seed)  # noqa: S311  # not a secret  # nosec B311
    chosen = []
    for label in sorted(places):
        of_label = places[label]
        enough = label in wanted or len(of_label) <= _AT_MOST
        chosen += of_label if enough else draw.sample(of_label, _AT_MOST)
    return sorted(chosen)


def learn_rows(
    pooled: torch.Tensor,
    kept: torch.Tensor,
    labels: Sequence[str],
    weights: torch.Tensor,
    learned: Sequence[str],
    *,
    penalties: Sequence[float] = PENALTIES,
) -> Learned:
    """Learn rows beside others that stay.

    Args:
        pooled: float32 [N, H].
        kept: float32 [N, K], the kept rows' calibrated logits.
        labels: N slugs, `oos` for none of them.
        weights: float32 [N], how much a message counts within its category.
        learned: F categories.
        penalties: to choose from.
    """
    features, mean, scale = standardised(pooled)
    others, best = kept.logsumexp(dim=1), kept.max(dim=1).values
    place = {slug: number + 1 for number, slug in enumerate(learned)}
    targets = torch.tensor([place.get(label, 0) for label in labels])
    share = _balanced(labels, weights)
    folds = _folds(labels)

    def left_out(penalty: float) -> torch.Tensor:
        """Logits [N, F] of each message by rows that had not learned from it."""
        logits = torch.zeros(len(labels), len(learned))
        for fold in range(_FOLDS):
            out = folds == fold
            if out.any():
                seen = (features[~out], others[~out], targets[~out], share[~out])
                matrix, bias = fit_rows(*seen, len(learned), penalty)
                logits[out] = features[out] @ matrix.T + bias
        return logits

    outcomes = {penalty: left_out(penalty) for penalty in penalties}
    penalty = min(outcomes, key=lambda each: float(_loss(outcomes[each], others, targets, share)))
    matrix, bias = fit_rows(features, others, targets, share, len(learned), penalty)
    left_out_logits = outcomes[penalty]
    takes = bool((left_out_logits.max(dim=1).values[targets == 0] > best[targets == 0]).any())
    many = torch.bincount(targets, minlength=len(learned) + 1)[1:] >= MANY
    caution = CAUTION * (many | takes).float()
    bias = bias - matrix @ (mean / scale) - caution
    return Learned(matrix / scale, bias, left_out_logits - caution, penalty, caution)


def fit_rows(
    features: torch.Tensor,
    others: torch.Tensor,
    targets: torch.Tensor,
    share: torch.Tensor,
    rows: int,
    penalty: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logistic regression with an offset, by L-BFGS.

    Args:
        features: float32 [N, H], standardised.
        others: float32 [N], log-sum-exp of the rows that stay.
        targets: int64 [N], 0 for one of the others, 1.. for a row.
        share: float32 [N], how much a message counts.
        rows: to learn.
        penalty: L2, on the weights.

    Returns:
        (matrix [rows, H], bias [rows]).
    """
    matrix = torch.zeros(rows, features.shape[1], requires_grad=True)
    bias = torch.zeros(rows, requires_grad=True)
    optimizer = torch.optim.LBFGS([matrix, bias], max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        logits = features @ matrix.T + bias
        loss = _loss(logits, others, targets, share) + penalty * matrix.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return matrix.detach(), bias.detach()


def _loss(
    logits: torch.Tensor, others: torch.Tensor, targets: torch.Tensor, share: torch.Tensor
) -> torch.Tensor:
    logs = log_softmax(torch.cat([others.unsqueeze(1), logits], dim=1), dim=1)
    return -(logs.gather(1, targets.unsqueeze(1)).squeeze(1) * share).sum() / share.sum()


def _balanced(labels: Sequence[str], weights: torch.Tensor) -> torch.Tensor:
    """[N]: every category counts alike, whatever it has of messages; so does "none of them"."""
    sums: dict[str, float] = defaultdict(float)
    for label, weight in zip(labels, weights.tolist(), strict=True):
        sums[label] += weight
    return torch.tensor(
        [weight / sums[label] for label, weight in zip(labels, weights.tolist(), strict=True)]
    )


def _folds(labels: Sequence[str]) -> torch.Tensor:
    """[N]: each category's messages in turn."""
    seen: dict[str, int] = defaultdict(int)
    folds = []
    for label in labels:
        folds.append(seen[label] % _FOLDS)
        seen[label] += 1
    return torch.tensor(folds)


def known(labels: Sequence[str], plan: RowChanges) -> list[int]:
    """Numbers of the messages whose label the plan has, or that belong nowhere."""
    allowed = {*plan.labels, OUT_OF_SCOPE_LABEL}
    return [number for number, label in enumerate(labels) if label in allowed]
