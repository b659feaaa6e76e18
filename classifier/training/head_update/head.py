"""The parts of a network that a head update changes: the head's rows, and the means of the scope space."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from classifier.contract import OUT_OF_SCOPE_LABEL
from classifier.data.dataset import Example
from classifier.model.network import TextClassifier, TrainedModel
from classifier.model.ood_distance import ScopeSpace, fit_scope_space
from classifier.training.head_update.rows import Learned, RowChanges, learn_rows, sample

_OUT_OF_SCOPE_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Head:
    """A head's rows on the CPU.

    Attributes:
        weight: float32 [C, H].
        bias: float32 [C].
        temperature: of its logits.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    temperature: float

    @classmethod
    def of(cls, network: TextClassifier, temperature: float) -> Head:
        """Copy a network's head."""
        head = network.head
        return cls(head.weight.detach().float().cpu(), head.bias.detach().float().cpu(), temperature)

    def logits(self, pooled: torch.Tensor) -> npt.NDArray[Any]:
        """Raw logits, float64 [N, C]."""
        return (pooled @ self.weight.T + self.bias).double().numpy()


@dataclass(frozen=True, slots=True)
class NewRows:
    """What was learned beside the rows that stay.

    Attributes:
        learned: the rows; None where the plan has none.
        looked: numbers of the messages that they were learned from.
    """

    learned: Learned | None
    looked: Sequence[int] = ()


def learn_new_rows(
    examples: Sequence[Example], pooled: torch.Tensor, head: Head, plan: RowChanges, seed: int
) -> NewRows:
    """Learn the plan's rows from messages and their vectors, float32 [N, H]."""
    if not plan.learned:
        return NewRows(None)
    chosen = sample([example.label for example in examples], plan.learned, seed)
    looked = [examples[i] for i in chosen]
    kept = list(plan.kept)
    present = (pooled[chosen] @ head.weight[kept].T + head.bias[kept]) / head.temperature
    weights = torch.tensor(
        [e.weight * (_OUT_OF_SCOPE_WEIGHT if e.label == OUT_OF_SCOPE_LABEL else 1.0) for e in looked]
    )
    labels = [example.label for example in looked]
    return NewRows(learn_rows(pooled[chosen], present, labels, weights, plan.learned), chosen)


def with_rows(
    network: TextClassifier, head: Head, plan: RowChanges, learned: Learned | None
) -> TextClassifier:
    """Copy a network with kept and learned rows; what was learned in calibrated logits is scaled back."""
    weight, bias = head.weight[list(plan.kept)], head.bias[list(plan.kept)]
    if learned is not None:
        weight = torch.cat([weight, learned.weight * head.temperature])
        bias = torch.cat([bias, learned.bias * head.temperature])
    new = copy.deepcopy(network)
    new.head = nn.Linear(weight.shape[1], weight.shape[0]).to(network.head.weight)
    with torch.no_grad():
        new.head.weight.copy_(weight)
        new.head.bias.copy_(bias)
    return new.eval()


def scope_space(
    parent: TrainedModel, examples: Sequence[Example], pooled: torch.Tensor, plan: RowChanges
) -> ScopeSpace | None:
    """The parent's map and spread, with means for the learned categories beside those that stay."""
    before = parent.scope
    if before is None:
        return None
    kept = before.means[list(plan.kept)]
    if not plan.learned:
        return replace(before, means=kept)
    of_learned = [i for i, example in enumerate(examples) if example.label in plan.learned]
    targets = np.array([plan.learned.index(examples[i].label) for i in of_learned])
    fitted = fit_scope_space(
        pooled[of_learned].numpy(), targets, len(plan.learned), before.weight, before.bias
    )
    new = fitted.means if fitted is not None else before.means[:0]
    return replace(before, means=np.concatenate([kept, new]).astype(np.float32))
