"""A model with another head on the same encoder: a new category works in seconds, without a fine-tune.

The encoder, the word scorer and int8's ranges stay; rows are learned for new categories and for those that
others were merged into, rows of categories that are gone are taken out, and the rest of the head is as it was
(see rows). Calibration, thresholds, prediction sets and the out-of-scope score are fitted again where
there are messages that the present head has not learned from; else they are carried over, which is close,
since the rows that stay say what they said.
"""

from __future__ import annotations

import copy
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from classifier.contract import OUT_OF_SCOPE_LABEL
from classifier.data.dataset import Example, fingerprint
from classifier.model.embed import embed
from classifier.model.embedding_cache import EmbeddingCache
from classifier.model.metadata import ModelFacts
from classifier.model.network import TextClassifier, TrainedModel
from classifier.model.ood_distance import ScopeSpace, fit_scope_space
from classifier.progress import Progress
from classifier.text.tokenize import TextEncoder
from classifier.training.calibrate import HeldBack, calibrate, version_of
from classifier.training.config import TrainingConfig
from classifier.training.head_update.rows import (
    PENALTIES,
    Learned,
    Plan,
    known,
    learn_rows,
    plan_rows,
    sample,
)
from classifier.training.int8_training import measure_agreement

Report = Callable[[Progress], None]

_ENOUGH_HELD_BACK = 30
"""Messages that the present head has not seen from which calibration is fitted again."""
_OUT_OF_SCOPE_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class RefitResult:
    """A model with a new head.

    Attributes:
        model: ready to be published.
        plan: which rows stayed, were learned and went.
        recognised: by learned category, (examples recognised by a head that had not seen them, examples).
        penalty: that was chosen; None where no row was learned.
        recalibrated: whether calibration was fitted again, or carried over.
        seconds: wall clock.
        names: of `names`, how many were learned from.
    """

    model: TrainedModel
    plan: Plan
    recognised: dict[str, tuple[int, int]]
    penalty: float | None
    recalibrated: bool
    seconds: float
    names: int = 0


def refit_head(
    parent: TrainedModel,
    train: Sequence[Example],
    held_back: Sequence[Example],
    categories: Sequence[str],
    config: TrainingConfig,
    *,
    created: datetime,
    merged: frozenset[str] = frozenset(),
    names: Sequence[Example] = (),
    cache: EmbeddingCache | None = None,
    progress: Report | None = None,
) -> RefitResult:
    """Give a model a head for the categories that there are now.

    Args:
        parent: the present model; it is left as it is.
        train: messages to learn from, of old and new categories and `oos`.
        held_back: messages of old categories that the parent's training only watched.
        categories: slugs that the workspace has now.
        config: for the error budget, the seed and int8's check.
        created: aware time that becomes part of the version's name.
        merged: categories that others were merged into since the parent was made.
        names: what categories are called and said to be about. Those of learned categories teach like their
            messages, but nothing is judged or calibrated by them.
        cache: where vectors are kept; None: nowhere.
        progress: called now and then.

    Raises:
        InvalidInput: nothing changed, or there are too few examples.
    """
    began = time.monotonic()
    report = progress or (lambda _: None)
    plan = plan_rows(
        parent.facts.labels, categories, Counter(example.label for example in train), merged=merged
    )
    train = [train[i] for i in known([example.label for example in train], plan)]
    held_back = [held_back[i] for i in known([example.label for example in held_back], plan)]
    names = [name for name in names if name.label in plan.learned]
    pooled = _vectors(parent, [example.text for example in (*train, *held_back, *names)], cache, report)
    honest = _encoder_kind(parent.facts) == "fine_tune"

    report(Progress("train", 0, 0, 0, 1, 0.85))
    messages, everything = [*train, *held_back], [*train, *held_back, *names]
    before = _Head.of(parent)
    moved = pooled
    if parent.surroundings is not None:  # answers are given from there
        moved = pooled + torch.from_numpy(parent.surroundings.moves(pooled.numpy()))
    learned, chosen = _learn(everything, moved, before, plan, config.seed)
    network = copy.deepcopy(parent.network)
    _set_rows(network, before, plan, learned)

    report(Progress("calibrate", 0, 0, 0, 1, 0.9))
    after = _Head(network.head.weight.detach(), network.head.bias.detach(), before.temperature)
    scope = _scope_space(parent, messages, pooled[: len(messages)], plan)
    facts = replace(
        parent.facts,
        kind="head",
        version="",
        parent=parent.facts.version,
        encoder_kind=_encoder_kind(parent.facts),
        labels=plan.labels,
        training_manifest=fingerprint(train),
    )
    new = [i for i in chosen if i < len(messages) and messages[i].label in plan.learned]
    logits = after.logits(moved)
    if learned is not None:
        logits[chosen, len(plan.kept) :] = (learned.left_out * before.temperature).double().numpy()
    watched = [*range(len(train), len(messages))]
    unseen = list(dict.fromkeys([*watched, *new]))
    inside = [i for i in watched if messages[i].label != OUT_OF_SCOPE_LABEL]
    recalibrated = honest and len(inside) >= _ENOUGH_HELD_BACK
    if recalibrated:
        targets = _targets([messages[i] for i in unseen], plan.labels)
        distances = scope.distances(pooled[unseen].numpy()) if scope else None
        facts = calibrate(facts, network, HeldBack(logits[unseen], targets, distances), config, created)
    else:
        facts = _carried(facts, network, plan, created)
    facts = replace(facts, metrics={**facts.metrics, "train_n": float(len(train))})
    model = TrainedModel(network, parent.tokenizer, facts, None, scope, parent.ranges, parent.surroundings)
    if parent.ranges is not None and config.int8_check:
        texts = [messages[i].text for i in (unseen or range(len(messages)))][: config.int8_check]
        measure_agreement(model, _texts(parent).encode(texts))
    report(Progress("done", 0, 0, 1, 1, 1.0))
    return RefitResult(
        model,
        plan,
        _recognised(messages, new, logits, plan),
        learned.penalty if learned else None,
        recalibrated,
        time.monotonic() - began,
        len(names),
    )


@dataclass(frozen=True, slots=True)
class _Head:
    """A head's rows [C, H], [C], and the temperature of its logits."""

    weight: torch.Tensor
    bias: torch.Tensor
    temperature: float

    @classmethod
    def of(cls, model: TrainedModel) -> _Head:
        head = model.network.head
        return cls(
            head.weight.detach().float().cpu(), head.bias.detach().float().cpu(), model.facts.temperature
        )

    def logits(self, pooled: torch.Tensor) -> npt.NDArray[Any]:
        """Raw logits, float64 [N, C]."""
        return (pooled @ self.weight.T.cpu() + self.bias.cpu()).double().numpy()


def _learn(
    examples: Sequence[Example], pooled: torch.Tensor, head: _Head, plan: Plan, seed: int
) -> tuple[Learned | None, list[int]]:
    """Learn the plan's rows; also the numbers of the messages that were looked at."""
    if not plan.learned:
        return None, []
    chosen = sample([example.label for example in examples], plan.learned, seed)
    looked = [examples[i] for i in chosen]
    kept = list(plan.kept)
    present = (pooled[chosen] @ head.weight[kept].T + head.bias[kept]) / head.temperature
    weights = torch.tensor(
        [e.weight * (_OUT_OF_SCOPE_WEIGHT if e.label == OUT_OF_SCOPE_LABEL else 1.0) for e in looked]
    )
    rows = learn_rows(
        pooled[chosen],
        present,
        [example.label for example in looked],
        weights,
        plan.learned,
        penalties=PENALTIES,
    )
    return rows, chosen


def _set_rows(network: TextClassifier, head: _Head, plan: Plan, learned: Learned | None) -> None:
    """Put kept and learned rows into a network; what was learned in calibrated logits is scaled back."""
    weight, bias = head.weight[list(plan.kept)], head.bias[list(plan.kept)]
    if learned is not None:
        weight = torch.cat([weight, learned.weight * head.temperature])
        bias = torch.cat([bias, learned.bias * head.temperature])
    present = network.head.weight
    network.head = nn.Linear(weight.shape[1], weight.shape[0]).to(present)
    with torch.no_grad():
        network.head.weight.copy_(weight)
        network.head.bias.copy_(bias)
    network.eval()


def _scope_space(
    parent: TrainedModel, examples: Sequence[Example], pooled: torch.Tensor, plan: Plan
) -> ScopeSpace | None:
    """The parent's map and spread, with means for the learned categories beside those that stay."""
    before = parent.scope
    if before is None:
        return None
    if not plan.learned:
        return replace(before, means=before.means[list(plan.kept)])
    of_learned = [i for i, example in enumerate(examples) if example.label in plan.learned]
    targets = np.array([plan.learned.index(examples[i].label) for i in of_learned])
    fitted = fit_scope_space(
        pooled[of_learned].numpy(), targets, len(plan.learned), before.weight, before.bias
    )
    new = fitted.means if fitted is not None else before.means[:0]
    return replace(before, means=np.concatenate([before.means[list(plan.kept)], new]).astype(np.float32))


def _carried(facts: ModelFacts, network: TextClassifier, plan: Plan, created: datetime) -> ModelFacts:
    """Keep the parent's calibration: there is nothing to fit it to that its head has not learned from."""
    stays = {slug: value for slug, value in facts.category_thresholds.items() if slug in plan.labels}
    return replace(
        facts,
        version=version_of(network, created),
        created=created.astimezone(UTC).isoformat(timespec="seconds"),
        category_thresholds={s: v for s, v in stays.items() if s not in plan.learned},
    )


def _recognised(
    examples: Sequence[Example], new: Sequence[int], logits: npt.NDArray[Any], plan: Plan
) -> dict[str, tuple[int, int]]:
    found = {}
    for slug in plan.learned:
        of_slug = [i for i in new if examples[i].label == slug]
        said = logits[of_slug].argmax(axis=1)
        found[slug] = (int((said == plan.labels.index(slug)).sum()), len(of_slug))
    return found


def _targets(examples: Sequence[Example], labels: Sequence[str]) -> npt.NDArray[np.int64]:
    index = {label: number for number, label in enumerate(labels)} | {OUT_OF_SCOPE_LABEL: -1}
    return np.array([index[example.label] for example in examples], dtype=np.int64)


def _encoder_kind(facts: ModelFacts) -> Any:
    return facts.encoder_kind or facts.kind


def _vectors(
    parent: TrainedModel, texts: Sequence[str], cache: EmbeddingCache | None, report: Report
) -> torch.Tensor:
    """Pooled vectors, float32 [N, H], by the parent's encoder."""
    device = parent.network.head.weight.device

    def anew(new: Sequence[str]) -> npt.NDArray[Any]:
        return embed(parent.network, _texts(parent), new, device, report, first=0.0, last=0.8).numpy()

    if cache is None:
        return torch.from_numpy(anew(texts))
    vectors = cache.vectors(texts, anew)
    cache.save(texts)
    return torch.from_numpy(vectors)


def _texts(model: TrainedModel) -> TextEncoder:
    return TextEncoder(model.raw_tokenizer(), model.facts.max_tokens, model.tokenizer.pad_token_id or 0)
