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
from classifier.training.calibrate import Places, outputs_of
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


def settle(
    prepared: Prepared,
    network: TextClassifier,
    places: Places,
    logits: npt.NDArray[Any],
    targets: npt.NDArray[np.int64],
    unlabelled: Sequence[str],
) -> tuple[Surroundings | None, npt.NDArray[Any]]:
    """Choose by the held-back messages how far vectors move, see `surroundings_of`.

    Args:
        prepared: as there.
        network: as there.
        places: of the messages held back and learned, in the network's space.
        logits: [N, categories] of the held-back messages alone.
        targets: [N] their category numbers, -1 for `oos`.
        unlabelled: as there.

    Returns:
        (the messages around, the held-back messages' logits among them); (None, `logits`) where there are
        none, or they do not help.
    """
    inside = targets >= 0
    if len(unlabelled) < FEWEST or not inside.any():
        return None, logits
    weight = network.head_weight
    around = surroundings_of(prepared, network, places.learned, unlabelled, max(SHARES))

    def loss(moves: npt.NDArray[Any]) -> float:
        return negative_log_likelihood((logits + moves @ weight.T)[inside], targets[inside])

    share = best_share(around, loss, places.held_back)
    around = replace(around, share=share)
    return (around, around.settled(logits, places.held_back, weight)) if share else (None, logits)
