"""At the end of a training: the messages around its network's answers, and how far they move them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.calibration.temperature import negative_log_likelihood
from classifier.model.neighbor_smoothing import FEWEST, MOST, SHARES, Surroundings, best_share
from classifier.model.network import TextClassifier
from classifier.training.calibrate import HeldBack, outputs_of
from classifier.training.inputs import Prepared


def surroundings_of(
    prepared: Prepared,
    network: TextClassifier,
    learned: npt.NDArray[Any],
    unlabelled: Sequence[str],
    share: float,
) -> Surroundings:
    """The messages around a trained network's answers: those it learned from, and the newest unlabelled.

    Args:
        prepared: reads the messages.
        network: without its keeper, see scope_space.
        learned: [M, hidden], pooled vectors of the messages that it learned from.
        unlabelled: messages without labels, the newest first.
        share: how far vectors move.
    """
    encoded = prepared.texts.encode(unlabelled[:MOST])
    _, pooled = outputs_of(network, encoded, prepared.texts.pad_id, prepared.device)
    return Surroundings(np.concatenate([learned[-MOST:], pooled]), share)


def fit_smoothing(
    prepared: Prepared, network: TextClassifier, held_back: HeldBack, unlabelled: Sequence[str]
) -> tuple[Surroundings | None, HeldBack]:
    """Choose by the held-back messages how far vectors move, see `surroundings_of`.

    Args:
        prepared: as there.
        network: as there.
        held_back: what the network alone says of messages; with their places.
        unlabelled: as there.

    Returns:
        (the messages around, what is said of the held-back ones among them); (None, `held_back`) where there
        are none, or they do not help.
    """
    places, inside = held_back.places, held_back.inside
    if places is None or len(unlabelled) < FEWEST or not inside.any():
        return None, held_back
    weight = network.head_weight
    around = surroundings_of(prepared, network, places.learned, unlabelled, max(SHARES))

    def loss(moves: npt.NDArray[Any]) -> float:
        moved = held_back.logits + moves @ weight.T
        return negative_log_likelihood(moved[inside], held_back.targets[inside])

    share = best_share(around, loss, places.held_back)
    if not share:
        return None, held_back
    around = replace(around, share=share)
    return around, replace(held_back, logits=around.settled(held_back.logits, places.held_back, weight))
