"""A model with another head on the same encoder: a new category works in seconds, without a fine-tune.

The encoder, the word scorer and int8's ranges stay; rows are learned for new categories and for those that
others were merged into, rows of categories that are gone are taken out, and the rest of the head is as it was
(see rows). Calibration, thresholds, prediction sets and the out-of-scope score are fitted again where
there are messages that the present head has not learned from; else they are carried over, which is close,
since the rows that stay say what they said.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from classifier.contract import OUT_OF_SCOPE_LABEL
from classifier.data.dataset import Example, fingerprint
from classifier.model.embed import embed
from classifier.model.embedding_cache import EmbeddingCache
from classifier.model.metadata import ModelFacts
from classifier.model.network import TextClassifier, TrainedModel
from classifier.progress import Progress, Report
from classifier.text.tokenize import TextEncoder
from classifier.training.calibrate import HeldBack, calibrate, version_of
from classifier.training.config import TrainingConfig
from classifier.training.head_update.head import Head, NewRows, learn_new_rows, scope_space, with_rows
from classifier.training.head_update.rows import RowChanges, known, plan_rows
from classifier.training.int8_training import measure_agreement

_ENOUGH_HELD_BACK = 30
"""Messages that the present head has not seen from which calibration is fitted again."""


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
    plan: RowChanges
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
    material = _material(train, held_back, names, plan)
    messages = material.messages
    pooled = _vectors(parent, [example.text for example in material.teaching], cache, report)

    # learn the new rows, where answers are given
    report(Progress("train", 0, 0, 0, 1, 0.85))
    before = Head.of(parent.network, parent.facts.temperature)
    moved = pooled
    if parent.surroundings is not None:
        moved = pooled + torch.from_numpy(parent.surroundings.moves(pooled.numpy()))
    rows = learn_new_rows(material.teaching, moved, before, plan, config.seed)
    network = with_rows(parent.network, before, plan, rows.learned)

    # calibrate, on messages that the new head has not learned from
    report(Progress("calibrate", 0, 0, 0, 1, 0.9))
    scope = scope_space(parent, messages, pooled[: len(messages)], plan)
    judged = _judge(material, network, moved, rows, before, plan)
    recalibrated = _encoder_kind(parent.facts) == "fine_tune" and judged.watched >= _ENOUGH_HELD_BACK
    facts = _facts(parent.facts, plan, material.train)
    if recalibrated:
        targets = _targets([messages[i] for i in judged.unseen], plan.labels)
        distances = scope.distances(pooled[judged.unseen].numpy()) if scope else None
        said = HeldBack(judged.logits[judged.unseen], targets, distances)
        facts = calibrate(facts, network, said, config, created)
    else:
        facts = _carried(facts, network, plan, created)
    facts = replace(facts, metrics={**facts.metrics, "train_n": float(len(material.train))})

    # the result
    model = TrainedModel(network, parent.tokenizer, facts, None, scope, parent.ranges, parent.surroundings)
    if parent.ranges is not None and config.int8_check:
        texts = [messages[i].text for i in judged.unseen or range(len(messages))]
        measure_agreement(model, _texts(parent).encode(texts[: config.int8_check]))
    report(Progress("done", 0, 0, 1, 1, 1.0))
    return RefitResult(
        model,
        plan,
        judged.recognised,
        rows.learned.penalty if rows.learned else None,
        recalibrated,
        time.monotonic() - began,
        len(material.names),
    )


@dataclass(frozen=True, slots=True)
class _Material:
    """The messages whose labels the new head has, or that belong nowhere."""

    train: Sequence[Example]
    held_back: Sequence[Example]
    names: Sequence[Example]

    @property
    def messages(self) -> list[Example]:
        return [*self.train, *self.held_back]

    @property
    def teaching(self) -> list[Example]:
        return [*self.messages, *self.names]


def _material(
    train: Sequence[Example], held_back: Sequence[Example], names: Sequence[Example], plan: RowChanges
) -> _Material:
    return _Material(
        [train[i] for i in known([example.label for example in train], plan)],
        [held_back[i] for i in known([example.label for example in held_back], plan)],
        [name for name in names if name.label in plan.learned],
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    """What heads that have not learned from a message say of it.

    Attributes:
        logits: [N, C] of all material; the learned rows' are left-out ones where there are such.
        unseen: numbers of the messages that no row has learned from, or whose logits are left-out ones.
        watched: how many of the held-back messages belong to a category.
        recognised: see RefitResult.
    """

    logits: npt.NDArray[Any]
    unseen: list[int]
    watched: int
    recognised: dict[str, tuple[int, int]]


def _judge(
    material: _Material,
    network: TextClassifier,
    moved: torch.Tensor,
    rows: NewRows,
    before: Head,
    plan: RowChanges,
) -> _Judged:
    messages = material.messages
    logits = Head.of(network, before.temperature).logits(moved)
    if rows.learned is not None:
        left_out = (rows.learned.left_out * before.temperature).double().numpy()
        logits[rows.looked, len(plan.kept) :] = left_out
    new = [i for i in rows.looked if i < len(messages) and messages[i].label in plan.learned]
    held_back = range(len(material.train), len(messages))
    recognised = {}
    for slug in plan.learned:
        of_slug = [i for i in new if messages[i].label == slug]
        said = logits[of_slug].argmax(axis=1)
        recognised[slug] = (int((said == plan.labels.index(slug)).sum()), len(of_slug))
    watched = sum(messages[i].label != OUT_OF_SCOPE_LABEL for i in held_back)
    return _Judged(logits, list(dict.fromkeys([*held_back, *new])), watched, recognised)


def _facts(parent: ModelFacts, plan: RowChanges, train: Sequence[Example]) -> ModelFacts:
    """Return what is known of the model before it is calibrated."""
    return replace(
        parent,
        kind="head",
        version="",
        parent=parent.version,
        encoder_kind=_encoder_kind(parent),
        labels=plan.labels,
        training_manifest=fingerprint(train),
    )


def _carried(facts: ModelFacts, network: TextClassifier, plan: RowChanges, created: datetime) -> ModelFacts:
    """Keep the parent's calibration: there is nothing to fit it to that its head has not learned from."""
    stays = {slug: value for slug, value in facts.category_thresholds.items() if slug in plan.labels}
    return replace(
        facts,
        version=version_of(network, created),
        created=created.astimezone(UTC).isoformat(timespec="seconds"),
        category_thresholds={s: v for s, v in stays.items() if s not in plan.learned},
    )


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
