"""Which words decide, foretold in the forward pass: a small network that learned from taking words out.

Plain attention says what a token received in the last layer, each head alike. Here words are taken out of
some messages, greedily (each time the one whose loss hurts most), and a network of two layers learns to
foretell that order from what a token received from each head of the last few layers and from its final
vector. The order is modelled as drawn without replacement (Plackett 1975, Luce 1959), each place weighed by
the root of how far the probability fell there. An answer costs the attention weights of those layers and two
small matrix products.

The network is kept only where the words it puts first decide more than those of plain attention, on messages
that it has not learned from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from classifier.explanation.greedy_erasure import GreedyOrder, Span, greedy_orders, probability_without
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.collate import collate
from classifier.model.hardware import autocast
from classifier.model.metadata import WordScorerFacts
from classifier.model.network import TrainedModel, WordScorer
from classifier.text.tokenize import Encoded, batches_by_budget
from classifier.text.words import word_owners

LAYERS = 3
"""Last layers whose attention is looked at, at most."""

UNITS = 128
"""Size of the network's inner layer."""

DEPTH = 5
_BREADTH = 8
_BATCH_TOKENS = 4096
_FEWEST_WORDS, _MOST_WORDS = 4, 40
_FEWEST_MESSAGES = 50
_HELD_BACK, _MOST_HELD_BACK = 0.2, 200
_EPOCHS, _BATCH = 20, 32
_RATE, _DECAY, _DROPOUT = 2e-3, 1e-2, 0.2
_LEAST_GAIN = 0.02
"""Fall that is counted where the probability hardly fell: the order matters a little there too."""


@dataclass(frozen=True, slots=True)
class _Example:
    """One message: features [T, F] of its tokens, which word each belongs to or -1, the greedy order."""

    features: torch.Tensor
    owner: torch.Tensor
    count: int
    order: torch.Tensor
    gains: torch.Tensor


@dataclass(frozen=True, slots=True)
class _Texts:
    texts: list[str]
    encoded: list[Encoded]
    spans: list[list[Span]]
    owners: list[npt.NDArray[np.integer]]
    orders: list[GreedyOrder]


def score_words(model: TrainedModel, texts: Sequence[str], *, messages: int, seed: int = 0) -> None:
    """Learn to score words and use that from now on, where it is better than plain attention.

    Args:
        model: a trained one; its network and its facts are changed.
        texts: messages to take words out of.
        messages: how many of them to use at most; a message of eleven words costs some forty short
            forward passes.
        seed: of the draws and the training.
    """
    model.network.scorer = None
    model.facts = replace(model.facts, word_scorer=None)
    predictor = TorchPredictor(model)
    found = fit_word_scorer(predictor, texts, messages=messages, seed=seed)
    if found is not None:
        model.network.scorer, facts = found
        model.facts = replace(model.facts, word_scorer=facts)


def fit_word_scorer(
    predictor: TorchPredictor, texts: Sequence[str], *, messages: int, seed: int = 0
) -> tuple[WordScorer, WordScorerFacts] | None:
    """Learn a network that scores words, see `score_words`.

    Returns:
        None where there are too few messages of several words, or plain attention does no worse.
    """
    chance = np.random.default_rng(seed)
    chosen = _drawn(predictor, [texts[n] for n in chance.permutation(len(texts))], messages)
    if len(chosen.texts) < _FEWEST_MESSAGES:
        return None
    network = predictor.model.network
    layers = min(LAYERS, int(network.encoder.config.num_hidden_layers))
    examples = _examples(predictor, chosen, layers)
    held = min(_MOST_HELD_BACK, round(_HELD_BACK * len(examples)))
    scorer = _trained(examples[held:], network.heads, layers, seed)
    shown = [_word_scores(scorer(e.features), e).numpy() for e in examples[:held]]
    plain = [_plain_scores(e, network.heads, layers) for e in examples[:held]]
    ours, theirs = (_reached(predictor, chosen, held, scores) for scores in (shown, plain))
    if ours <= theirs:
        return None
    facts = WordScorerFacts(layers, UNITS, round(ours, 4), round(theirs, 4), len(examples) - held)
    return scorer.to(network.head.weight.device), facts


def _drawn(predictor: TorchPredictor, texts: Sequence[str], most: int) -> _Texts:
    """The first so many of the texts that have enough words, with their greedy orders."""
    picked: list[tuple[str, Encoded, list[Span], npt.NDArray[np.integer]]] = []
    for text in texts:
        if len(picked) == most:
            break
        [encoded] = predictor.encode([text])
        spans, owner = word_owners(encoded)
        read = sorted(set(owner[owner >= 0].tolist()))
        if _FEWEST_WORDS <= len(read) <= _MOST_WORDS:
            place = {word: at for at, word in enumerate(read)}
            owners = np.array([place.get(int(word), -1) for word in owner], dtype=np.int64)
            given = [encoded.source.span(*spans[word]) for word in read]
            picked.append((text, encoded, given, owners))
    if not picked:
        return _Texts([], [], [], [], [])
    several, encodeds, given_spans, owners_ = (list(column) for column in zip(*picked, strict=True))
    with autocast(predictor.model.network.head.weight.device):  # orders hardly change, and it is much faster
        orders = greedy_orders(predictor, several, given_spans, depth=DEPTH, breadth=_BREADTH)
    return _Texts(several, encodeds, given_spans, owners_, orders)


def _examples(predictor: TorchPredictor, chosen: _Texts, layers: int) -> list[_Example]:
    network = predictor.model.network
    pad_id = predictor.model.tokenizer.pad_token_id or 0
    found: dict[int, _Example] = {}
    for batch in batches_by_budget([len(encoded.ids) for encoded in chosen.encoded], _BATCH_TOKENS):
        with torch.inference_mode():
            ids, mask = collate([chosen.encoded[n] for n in batch], pad_id, network.head.weight.device)
            rows = network.word_features(ids, mask, layers).float().cpu()
        for row, number in zip(rows, batch, strict=True):
            order = chosen.orders[number]
            falls = np.array([order.whole, *order.left])
            gains = np.sqrt(np.maximum(falls[:-1] - falls[1:], _LEAST_GAIN))
            owner = chosen.owners[number]
            found[number] = _Example(
                row[: len(owner)].clone(),
                torch.from_numpy(owner),
                len(chosen.spans[number]),
                torch.tensor(order.words),
                torch.from_numpy(gains).float(),
            )
    return [found[number] for number in range(len(found))]


def _trained(examples: Sequence[_Example], heads: int, layers: int, seed: int) -> WordScorer:
    """Fit the network to standardised features; it takes them as they come."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.cat([e.features[e.owner >= 0] for e in examples])
    mean, scale = tokens.mean(dim=0), tokens.std(dim=0) + 1e-6
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        scorer = WordScorer(heads * layers, tokens.shape[1] - heads * layers, layers, UNITS, dropout=_DROPOUT)
        optimiser = torch.optim.AdamW(scorer.parameters(), lr=_RATE, weight_decay=_DECAY)
        steps = _EPOCHS * -(-len(examples) // _BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps + 1, pct_start=0.1)
        scorer.train()
        for _ in range(_EPOCHS):
            order = torch.randperm(len(examples), generator=generator).tolist()
            for start in range(0, len(order), _BATCH):
                batch = [examples[n] for n in order[start : start + _BATCH]]
                loss = _loss(scorer, batch, mean, scale)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
    scorer.standardise(mean, scale)
    return scorer.eval().requires_grad_(False)


def _loss(
    scorer: WordScorer, batch: Sequence[_Example], mean: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """Mean negative log-likelihood of the greedy orders, places weighed by their gains."""
    longest, most = max(len(e.owner) for e in batch), max(e.count for e in batch)
    features = torch.zeros(len(batch), longest, batch[0].features.shape[1])
    owner = torch.full((len(batch), longest), -1)
    for row, example in enumerate(batch):
        features[row, : len(example.owner)] = (example.features - mean) / scale
        owner[row, : len(example.owner)] = example.owner
    member = owner[:, None, :] == torch.arange(most)[None, :, None]  # [B, W, T]
    scores = scorer(features)[:, None, :].masked_fill(~member, -1e9).logsumexp(dim=-1)  # [B, W]
    total = scores.new_zeros(())
    rows = torch.arange(len(batch))
    closed = ~member.any(dim=-1)
    depth = max(len(e.order) for e in batch)
    for place in range(depth):
        there = torch.tensor([len(e.order) > place for e in batch])
        word = torch.tensor([int(e.order[place]) if len(e.order) > place else 0 for e in batch])
        gain = torch.tensor([float(e.gains[place]) if len(e.order) > place else 0.0 for e in batch])
        likely = scores[rows, word] - scores.masked_fill(closed, -1e9).logsumexp(dim=-1)
        total = total - (gain * likely)[there].sum()
        closed = closed.clone()
        closed[rows[there], word[there]] = True
    average: torch.Tensor = total / len(batch)
    return average


def _word_scores(tokens: torch.Tensor, example: _Example) -> torch.Tensor:
    """[W]: the log of the sum over a word's tokens, from [T]."""
    member = example.owner[None, :] == torch.arange(example.count)[:, None]
    scores: torch.Tensor = tokens[None, :].masked_fill(~member, -torch.inf).logsumexp(dim=-1)
    return scores


def _plain_scores(example: _Example, heads: int, layers: int) -> npt.NDArray[np.float64]:
    """[W]: attention received in the last layer, from the features."""
    last = example.features[:, heads * (layers - 1) : heads * layers].sum(dim=1).double().numpy()
    owner = example.owner.numpy()
    totals = np.zeros(example.count)
    np.add.at(totals, owner[owner >= 0], last[owner >= 0])
    return totals


def _reached(
    predictor: TorchPredictor, chosen: _Texts, held: int, scores: Sequence[npt.NDArray[np.floating]]
) -> float:
    """Comprehensiveness of these orders of words as a share of greedy deletion's, over the first messages."""
    orders = chosen.orders[:held]
    sets = [
        [np.argsort(-each, kind="stable")[:k].tolist() for k in range(1, len(order.words) + 1)]
        for each, order in zip(scores, orders, strict=True)
    ]
    left = probability_without(
        predictor, chosen.texts[:held], chosen.spans[:held], [order.label for order in orders], sets
    )
    mine = np.mean([order.whole - row.mean() for order, row in zip(orders, left, strict=True)])
    bound = np.mean([order.whole - np.mean(order.left) for order in orders])
    return float(mine / max(bound, 1e-9))
