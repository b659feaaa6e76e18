"""Sharpness-aware minimisation (Foret et al. 2021, arXiv:2010.01412): flat minima, for twice the time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import torch
from torch import nn


@contextlib.contextmanager
def climbed(parameters: Iterable[nn.Parameter], distance: float) -> Iterator[None]:
    """Stand where the loss is nearly the worst within a distance; step back at the end.

    Args:
        parameters: with gradients of the loss at their present place; those without stay.
        distance: from there, along the gradient.
    """
    moved = [(parameter, parameter.grad) for parameter in parameters if parameter.grad is not None]
    scale = distance / (torch.nn.utils.get_total_norm([gradient for _, gradient in moved]) + 1e-12)
    steps = [(parameter, gradient * scale) for parameter, gradient in moved]
    with torch.no_grad():
        for parameter, step in steps:
            parameter.add_(step)
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, step in steps:
                parameter.sub_(step)
