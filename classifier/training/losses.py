"""What training makes small. Each takes tensors and returns one number or one a message."""

from __future__ import annotations

import torch
from torch.nn.functional import log_softmax, normalize

_NEVER = -1e9


def classification_loss(
    logits: torch.Tensor, targets: torch.Tensor, *, smoothing: float, out_of_scope_weight: float
) -> torch.Tensor:
    """Smoothed cross-entropy; messages out of scope are pulled to the uniform distribution.

    The latter is outlier exposure (Hendrycks et al. 2019, arXiv:1812.04606).

    Args:
        logits: float32 [B, C].
        targets: [B] category numbers, -1 for out of scope; or [B, C] probabilities.
        smoothing: share of the target that is spread over all categories.
        out_of_scope_weight: of messages that belong nowhere.

    Returns:
        [B].
    """
    logs = log_softmax(logits, dim=-1)
    uniform = -logs.mean(dim=-1)
    if targets.ndim > 1:
        return (1 - smoothing) * -(targets * logs).sum(dim=-1) + smoothing * uniform
    picked = -logs.gather(1, targets.clamp(min=0).unsqueeze(1)).squeeze(1)
    smoothed = (1 - smoothing) * picked + smoothing * uniform
    return torch.where(targets >= 0, smoothed, out_of_scope_weight * uniform)


def contrastive_loss(pooled: torch.Tensor, targets: torch.Tensor, temperature: float) -> torch.Tensor:
    """Supervised contrastive loss: messages of a category together (Khosla et al. 2020, arXiv:2004.11362).

    Args:
        pooled: [B, hidden], any length; cosine similarities are taken.
        targets: [B]; messages out of scope (-1) are nobody's partner, only something to keep away from.
        temperature: of the similarities.

    Returns:
        One number; 0 where no two messages share a category.
    """
    vectors = normalize(pooled.float(), dim=-1)
    itself = torch.eye(len(targets), dtype=torch.bool, device=targets.device)
    scores = (vectors @ vectors.T / temperature).masked_fill(itself, _NEVER)
    partners = (targets[:, None] == targets[None, :]) & ~itself & (targets >= 0)[:, None]
    count = partners.sum(dim=1)
    if not bool((count > 0).any()):
        return vectors.sum() * 0.0
    logs = scores - torch.logsumexp(scores, dim=1, keepdim=True)
    each = -(logs * partners).sum(dim=1) / count.clamp(min=1)
    return each[count > 0].mean()


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
