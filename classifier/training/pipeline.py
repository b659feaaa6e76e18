"""The stages of one training, from the base encoder to its best weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from classifier.data.dataset import Example
from classifier.model.embed import embed, embed_encoded
from classifier.model.network import TextClassifier
from classifier.model.ood_distance import ScopeSpace
from classifier.progress import Meter, Progress, Stage
from classifier.training.calibrate import outputs_of
from classifier.training.fine_tune.checkpoint import Checkpoints
from classifier.training.fine_tune.compact_vocabulary import CompactVocabulary
from classifier.training.fine_tune.loop import Loop, TokenData
from classifier.training.head_blending import blend, probe_head, temperatures
from classifier.training.inputs import Prepared, scope_space_of, weights_of
from classifier.training.linear_probe import fit_head, set_head, standardised
from classifier.training.recipe import Recipe

Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Trained:
    """A network with its best weights.

    Attributes:
        network: without its compact vocabulary; a keeper, where there is one, is still inside.
        history: one entry an epoch.
        best_epoch: whose weights these are, counted from 1.
    """

    network: TextClassifier
    history: tuple[dict[str, float], ...]
    best_epoch: int


@dataclass(frozen=True, slots=True)
class Checkpointing:
    """Where the stages of one training keep their state; `folder` None: nowhere.

    Attributes:
        folder: holds one folder a stage.
        key: of the training: examples and configuration.
    """

    folder: Path | None
    key: str

    def of(self, stage: str) -> Checkpoints | None:
        """Return the state of one stage, which a later training with the same key takes up."""
        return Checkpoints(self.folder / stage, self.key) if self.folder else None


@dataclass(frozen=True, slots=True)
class Stages:
    """What one training works with.

    Attributes:
        prepared: labels, encoder, tokens.
        config: how.
        kept: the stages' state.
        base: the base encoder's vector of each text, see `embed`.
    """

    prepared: Prepared
    config: Recipe
    kept: Checkpointing
    base: dict[str, npt.NDArray[Any]]

    def embed(self, texts: Sequence[str], report: Report) -> None:
        """Run the base encoder once over every text that will be needed."""
        prepared = self.prepared
        new = list(dict.fromkeys(texts))
        network = prepared.network(self.config)
        vectors = embed(network, prepared.texts, new, prepared.device, report, first=0.0, last=0.02)
        self.base.update(zip(new, vectors.numpy(), strict=True))

    def vectors(self, texts: Sequence[str]) -> npt.NDArray[Any]:
        """Return the base encoder's vectors, float32 [N, hidden]."""
        return np.stack([self.base[text] for text in texts])

    def blend(
        self,
        trained: Trained,
        train: Sequence[Example],
        held_back: Sequence[Example],
        heats: tuple[float, float] | None = None,
    ) -> tuple[float, float] | None:
        """Mix the base encoder's probe into the head, see blending.

        Args:
            trained: its head is changed in place.
            train: what it learned from.
            held_back: to take both heads' temperatures from, where they are not given.
            heats: the temperatures.

        Returns:
            The temperatures; None where nothing was mixed in.
        """
        network, prepared, config = trained.network, self.prepared, self.config
        if network.keeper is None or not config.probe_share or not (heats or held_back):
            return None

        def pooled(examples: Sequence[Example]) -> tuple[npt.NDArray[Any], torch.Tensor]:
            encoded = prepared.encode(examples)
            logits, vectors = outputs_of(network, encoded, prepared.texts.pad_id, self.prepared.device)
            return logits, torch.from_numpy(vectors)

        base = torch.from_numpy(self.vectors([example.text for example in train]))
        targets, weights = prepared.targets(train), weights_of(train)
        probe = probe_head(network, base, pooled(train)[1], targets, weights, config.probe_penalty)
        if heats is None:
            logits, vectors = pooled(held_back)
            heats = temperatures(
                logits, probe.logits(vectors), prepared.targets(held_back).numpy(), config.probe_share
            )
        if heats is not None:
            blend(network, probe, config.probe_share, heats)
        return heats

    def scope_space(
        self, trained: Trained, train: Sequence[Example]
    ) -> tuple[ScopeSpace | None, npt.NDArray[Any]]:
        """Fit the out-of-scope distance of a trained network and take the keeper out of it.

        Returns:
            The space, and the pooled vectors of `train`, float32 [N, hidden].
        """
        prepared = self.prepared
        encoded = prepared.encode(train)
        _, pooled = outputs_of(trained.network, encoded, prepared.texts.pad_id, self.prepared.device)
        return scope_space_of(trained.network, pooled, prepared.targets(train)), pooled

    def learn(
        self, name: str, train: Sequence[Example], held_back: Sequence[Example], report: Report
    ) -> Trained:
        """Train; where the recipe has a soup, from several seeds, whose weights are averaged.

        A model soup is Wortsman et al. 2022 (arXiv:2203.05482).

        Args:
            name: of the stage, for its state.
            train: to learn from.
            held_back: for early stopping; may be empty.
            report: progress of this stage alone, 0..1.
        """
        many = self.config.soup
        if many == 1:
            return self._train(name, train, held_back, report)
        members = []
        for number in range(many):
            part = within(report, number / many, (number + 1) / many)
            # the first one has the training's own seed
            other = replace(self, config=replace(self.config, seed=self.config.seed + 1000 * number))
            members.append(other._train(f"{name}-{number}", train, held_back, part))
        average_weights([member.network for member in members])
        return members[0]

    def _train(
        self,
        name: str,
        train: Sequence[Example],
        held_back: Sequence[Example],
        report: Report,
    ) -> Trained:
        prepared, config, device = self.prepared, self.config, self.prepared.device
        pad_id = prepared.texts.pad_id
        network = prepared.network(config)
        encoded, checked = prepared.encode(train), prepared.encode(held_back)
        targets, weights = prepared.targets(train), weights_of(train)
        # the mask token is never read; but the seed's random numbers hang on how many rows there are
        mask_id = prepared.tokenizer.mask_token_id
        keep = [pad_id] + ([mask_id] if mask_id is not None else [])
        small = CompactVocabulary(network.encoder, [encoded, checked], keep)
        encoded, checked = small.encode(encoded), small.encode(checked)
        pad = small.place(pad_id)

        if config.probe_first:
            # The head of the frozen encoder first: a random one would bend the features that it is fitted to
            # (Kumar et al. 2022, arXiv:2202.10054).
            features, mean, scale = standardised(
                embed_encoded(network, encoded, pad, device, report, first=0.0, last=0.04)
            )
            head = fit_head(features, targets, weights, len(prepared.labels), config.probe_penalty)
            set_head(network, *head, mean, scale)

        base = None
        if config.preserve:
            network.keep_base_vectors()
            base = torch.from_numpy(self.vectors([example.text for example in train]))
        data = TokenData(encoded, targets, weights, base)
        steps = -(-len(data.encoded) // config.batch_size)
        meter = Meter(report, config.epochs, steps, sum(len(text.ids) for text in data.encoded))
        figures = (checked, prepared.targets(held_back).numpy())
        loop = Loop(network, data, figures, pad, config, device, meter)
        loop.run(self.kept.of(name))
        small.restore()
        return Trained(network, tuple(loop.history), loop.best_epoch)


def average_weights(networks: Sequence[TextClassifier]) -> None:
    """Give the first network the mean of all networks' weights."""
    states = [network.state_dict() for network in networks]
    mean = {
        name: torch.stack([state[name] for state in states]).mean(dim=0)
        for name, value in states[0].items()
        if value.is_floating_point()
    }
    networks[0].load_state_dict(states[0] | mean)


def within(report: Report, first: float, last: float, *, stage: Stage | None = None) -> Report:
    """Report the progress of a part of the work as progress of the whole.

    Args:
        report: gets the whole's progress.
        first: fraction of the whole at which the part begins.
        last: fraction at which it ends; what follows is taken to go on at the part's speed.
        stage: what the part's training is called; None: as it calls itself.
    """

    def inner(progress: Progress) -> None:
        eta, done = progress.eta_seconds, progress.fraction
        if eta is not None and done < 1:
            eta += eta / (1 - done) * (1 - last) / (last - first)
        named = stage if stage is not None and progress.stage == "train" else progress.stage
        report(replace(progress, stage=named, fraction=first + (last - first) * done, eta_seconds=eta))

    return inner


def never_back(report: Report) -> Report:
    """Let no part begin before the fraction that another has reached: their shares are estimates."""
    reached = 0.0

    def inner(progress: Progress) -> None:
        nonlocal reached
        reached = max(reached, progress.fraction)
        report(replace(progress, fraction=reached))

    return inner
