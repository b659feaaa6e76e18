"""What training makes small. Each takes tensors and returns one number or one a message."""

from __future__ import annotations

import torch
from torch.nn.functional import log_softmax, normalize


def classification_loss(
    logits: torch.Tensor, targets: torch.Tensor, *, smoothing: float, out_of_scope_weight: float
) -> torch.Tensor:
    """Smoothed cross-entropy; messages out of scope are pulled to the uniform distribution.

    The latter is outlier exposure (Hendrycks et al. 2019, arXiv:1812.04606).

    Args:
        logits: float32 [B, C].
        targets: [B] category numbers, -1 for out of scope.
        smoothing: share of the target that is spread over all categories.
        out_of_scope_weight: of messages that belong nowhere.

    Returns:
        [B].
    """
    logs = log_softmax(logits, dim=-1)
    uniform = -logs.mean(dim=-1)
    picked = -logs.gather(1, targets.clamp(min=0).unsqueeze(1)).squeeze(1)
    smoothed = (1 - smoothing) * picked + smoothing * uniform
    return torch.where(targets >= 0, smoothed, out_of_scope_weight * uniform)


def preservation_loss(kept: torch.Tensor, base: torch.Tensor) -> torch.Tensor:
    """How far the mapped vectors have turned away from the base encoder's: 1 - cosine.

    A feature-space form of the pull towards the start of Li et al. 2018 (L2-SP, arXiv:1802.01483): what the
    base encoder knew of messages keeps the fine-tune from learning its labels' mistakes by heart.

    Args:
        kept: [B, hidden] pooled vectors behind the keeper.
        base: [B, hidden] pooled vectors of the base encoder.

    Returns:
        [B] in 0..2.
    """
    return 1 - (normalize(kept.float(), dim=-1) * normalize(base.float(), dim=-1)).sum(dim=-1)
