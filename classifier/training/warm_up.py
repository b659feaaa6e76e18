"""What an encoder may learn before it gets a head: masked words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from classifier.model.collate import collate, shuffled_by_length
from classifier.model.hardware import autocast
from classifier.text.tokenize import Encoded
from classifier.training.recipe import Recipe, rate_factor

_MASKED = 0.15
_AS_MASK, _AS_RANDOM = 0.8, 0.9
_MLM_BATCH = 32

Tick = Callable[[float], None]
"""Is told the share that is done, 0..1."""


def learn_masked_words(
    encoder: PreTrainedModel,
    encoded: Sequence[Encoded],
    mask_id: int,
    pad_id: int,
    config: Recipe,
    device: torch.device,
    tick: Tick,
) -> float:
    """Go on with masked-LM pretraining on in-domain messages (Gururangan et al. 2020, arXiv:2004.10964).

    The output layer shares the token embeddings, so a compact vocabulary keeps it small. The transform before
    it is new: sentence encoders come without the one they were pretrained with.

    Args:
        encoder: is changed in place.
        encoded: messages, labelled or not.
        mask_id: the token that stands for a hidden one.
        pad_id: of the tokens.
        config: `masked_lm_epochs`, `learning_rate` and the rest.
        device: to train on.
        tick: progress.

    Returns:
        The last epoch's mean loss, nats a masked token.
    """
    hidden = int(encoder.config.hidden_size)
    table = cast("nn.Embedding", encoder.get_input_embeddings())
    transform = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.LayerNorm(hidden)).to(device)
    bias = nn.Parameter(torch.zeros(table.num_embeddings, device=device))
    parameters = [*encoder.parameters(), *transform.parameters(), bias]
    optimizer = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=0.01, fused=True)
    order = torch.Generator().manual_seed(config.seed)
    lengths = [len(text.ids) for text in encoded]
    total, step, last = config.masked_lm_epochs * -(-len(encoded) // _MLM_BATCH), 0, 0.0
    encoder.train()
    for _ in range(config.masked_lm_epochs):
        losses = []
        for batch in shuffled_by_length(lengths, _MLM_BATCH, order):
            ids, mask = collate([encoded[i] for i in batch], pad_id, device)
            hidden_ids, targets = _hide(ids, mask, mask_id, int(bias.numel()), order)
            if not bool((targets >= 0).any()):
                continue
            with autocast(device):
                states = encoder(input_ids=hidden_ids, attention_mask=mask).last_hidden_state
                picked = transform(states[targets >= 0])
                logits = picked @ table.weight.T + bias
            loss = cross_entropy(logits.float(), targets[targets >= 0])
            _advance(optimizer, parameters, loss, config, step, total)
            losses.append(float(loss.detach()))
            step += 1
            tick(step / total)
        last = sum(losses) / max(1, len(losses))
    return last


def _hide(
    ids: torch.Tensor, mask: torch.Tensor, mask_id: int, tokens: int, order: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Hide tokens as BERT does: (ids [B, T], targets [B, T] with -1 where nothing is hidden)."""
    chance = torch.rand(ids.shape, generator=order).to(ids.device)
    chosen = (chance < _MASKED) & (mask == 1)
    chosen[:, 0] = False
    targets = torch.where(chosen, ids, -1)
    how = torch.rand(ids.shape, generator=order).to(ids.device)
    random = torch.randint(tokens, ids.shape, generator=order).to(ids.device)
    hidden = torch.where(chosen & (how < _AS_MASK), mask_id, ids)
    return torch.where(chosen & (how >= _AS_MASK) & (how < _AS_RANDOM), random, hidden), targets


def _advance(
    optimizer: torch.optim.Optimizer,
    parameters: list[nn.Parameter],
    loss: torch.Tensor,
    config: Recipe,
    step: int,
    total: int,
) -> None:
    for group in optimizer.param_groups:
        group["lr"] = config.learning_rate * rate_factor(step, total, config.warmup)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, config.clip)
    optimizer.step()
