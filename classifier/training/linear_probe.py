"""A linear head on the frozen encoder: the whole day-one model, and where the fine-tune starts from."""

from __future__ import annotations

import torch
from torch.nn.functional import log_softmax

from classifier.model.network import TextClassifier

_OUT_OF_SCOPE_WEIGHT = 0.5


def fit_head(
    features: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor, categories: int, penalty: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Multinomial logistic regression by L-BFGS; targets of -1 are pulled to the uniform distribution.

    Returns:
        (matrix [categories, hidden], bias [categories]).
    """
    matrix = torch.zeros(categories, features.shape[1], requires_grad=True)
    bias = torch.zeros(categories, requires_grad=True)
    share = torch.where(targets >= 0, 1.0, _OUT_OF_SCOPE_WEIGHT) * weights
    share = share / share.sum()
    optimizer = torch.optim.LBFGS([matrix, bias], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        logs = log_softmax(features @ matrix.T + bias, dim=-1)
        picked = logs.gather(1, targets.clamp(min=0).unsqueeze(1)).squeeze(1)
        likelihood = torch.where(targets >= 0, picked, logs.mean(dim=-1))
        loss = -(likelihood * share).sum() + penalty * matrix.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return matrix.detach(), bias.detach()


def standardised(pooled: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return (features [N, hidden] of mean 0 and deviation 1, their means, their deviations)."""
    mean, scale = pooled.mean(dim=0), pooled.std(dim=0).clamp(min=1e-6)
    return (pooled - mean) / scale, mean, scale


def set_head(
    network: TextClassifier,
    matrix: torch.Tensor,
    bias: torch.Tensor,
    mean: torch.Tensor,
    scale: torch.Tensor,
) -> None:
    """Put a head for standardised features into the network; the scaling becomes a part of it."""
    with torch.no_grad():
        network.head.weight.copy_(matrix / scale)
        network.head.bias.copy_(bias - matrix @ (mean / scale))
