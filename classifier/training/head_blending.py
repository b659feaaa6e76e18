"""What the base encoder would say, mixed into a fine-tuned head at no cost.

A logistic regression on the frozen encoder's vectors errs elsewhere than the fine-tuned head. Running both
encoders would double the time of an answer; but training keeps a linear map back to the base vectors
(TrainingConfig.preserve), so the regression behind that map is linear in the fine-tuned vectors, and a
weighted sum of both heads' calibrated logits (a logarithmic opinion pool) is one linear head again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import log_softmax

from classifier.calibration.temperature import fit_temperature
from classifier.model.network import TextClassifier
from classifier.training.linear_probe import fit_head, standardised

Temperatures = tuple[float, float]
"""Of the network's own head, and of the probe."""

_ENOUGH = 30
"""Held-back messages below which nothing is mixed: they would say anything."""


@dataclass(frozen=True, slots=True)
class ProbeHead:
    """The base encoder's probe as a head for fine-tuned vectors.

    Attributes:
        weight: float32 [C, H].
        bias: float32 [C].
    """

    weight: torch.Tensor
    bias: torch.Tensor

    def logits(self, pooled: torch.Tensor) -> npt.NDArray[np.float64]:
        """[N, C] of fine-tuned vectors, float32 [N, H] on the CPU."""
        return (pooled @ self.weight.T + self.bias).double().numpy()


def probe_head(
    network: TextClassifier,
    base: torch.Tensor,
    pooled: torch.Tensor,
    targets: torch.Tensor,
    weights: torch.Tensor,
    penalty: float,
) -> ProbeHead:
    """Fit a probe to base vectors and carry it behind the network's keeper.

    Args:
        network: with its keeper.
        base: float32 [N, H], the base encoder's vectors of the training messages.
        pooled: float32 [N, H], the network's own of the same.
        targets: int64 [N] category numbers, -1 for out of scope.
        weights: float32 [N].
        penalty: L2 penalty of the probe.
    """
    if network.keeper is None:
        raise ValueError("the network has no keeper")
    features, mean, scale = standardised(base)
    matrix, bias = fit_head(features, targets, weights, network.head.out_features, penalty)
    matrix, bias = matrix / scale, bias - matrix @ (mean / scale)
    back, offset = network.keeper.weight.detach().float().cpu(), network.keeper.bias.detach().float().cpu()
    # the keeper was trained for directions alone: its lengths are brought to the base vectors' mean
    longer = base.norm(dim=1).mean() / (pooled @ back.T + offset).norm(dim=1).mean().clamp(min=1e-6)
    return ProbeHead(longer * matrix @ back, longer * matrix @ offset + bias)


def temperatures(
    logits: npt.NDArray[np.float64],
    probe: npt.NDArray[np.float64],
    targets: npt.NDArray[np.int64],
    share: float,
) -> Temperatures | None:
    """Temperatures of both heads, where mixing them helps on held-back messages.

    Args:
        logits: [N, C] of the network's own head.
        probe: [N, C] of the probe.
        targets: [N] their categories, -1 for out of scope.
        share: of the probe.

    Returns:
        None where the likelihood does not rise, or where there are too few messages to tell.
    """
    inside = targets >= 0
    if inside.sum() < _ENOUGH:
        return None
    own, other, right = logits[inside], probe[inside], targets[inside]
    heats = fit_temperature(own, right), fit_temperature(other, right)
    alone = own / heats[0]
    mixed = (1 - share) * alone + share * other / heats[1]
    mixed = mixed / fit_temperature(mixed, right)
    return heats if _likelihood(mixed, right) > _likelihood(alone, right) else None


def _likelihood(logits: npt.NDArray[np.float64], targets: npt.NDArray[np.int64]) -> float:
    return float(log_softmax(logits, axis=1)[np.arange(len(targets)), targets].mean())


def blend(network: TextClassifier, probe: ProbeHead, share: float, heats: Temperatures) -> None:
    """Make the network's head the weighted sum of both.

    Args:
        network: its head is changed in place.
        probe: of the same network.
        share: of the probe, 0..1.
        heats: temperatures of the network's own head and of the probe.
    """
    own, other = (1 - share) / heats[0], share / heats[1]
    head = network.head
    with torch.no_grad():
        head.weight.mul_(own).add_(other * probe.weight.to(head.weight))
        head.bias.mul_(own).add_(other * probe.bias.to(head.bias))
