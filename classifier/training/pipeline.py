"""The stages of one fine-tune: learn the weights, mix both heads, fit the out-of-scope distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from classifier.data.dataset import Example
from classifier.model.embed import embed, embed_encoded
from classifier.model.network import TextClassifier
from classifier.model.ood_distance import ScopeSpace
from classifier.progress import Report, within
from classifier.training.fine_tune.checkpoint import Checkpoints
from classifier.training.fine_tune.compact_vocabulary import CompactVocabulary
from classifier.training.fine_tune.loop import Loop, TokenData, Trained
from classifier.training.head_blending import Temperatures, blend, probe_head, temperatures
from classifier.training.inputs import Prepared, scope_space_of, weights_of
from classifier.training.linear_probe import fit_head, set_head, standardised
from classifier.training.recipe import Recipe

Vectors = Mapping[str, npt.NDArray[Any]]
"""The base encoder's vector of each text, float32 [hidden]."""


@dataclass(frozen=True, slots=True)
class Split:
    """What a training does with its messages.

    Attributes:
        learned: all that it may learn from, in the order in which they came.
        train: those that the first network learns from.
        held_back: for early stopping and calibration; may be empty.
    """

    learned: Sequence[Example]
    train: Sequence[Example]
    held_back: Sequence[Example]


@dataclass(frozen=True, slots=True)
class Fitted(Trained):
    """A network that is done but for its calibration; the keeper is taken out.

    Attributes:
        scope: the out-of-scope distance; None where it cannot be fitted.
        pooled: float32 [N, hidden], its vectors of the messages that it learned from.
        heats: temperatures by which both heads were mixed; None where they were not.
    """

    scope: ScopeSpace | None
    pooled: npt.NDArray[Any]
    heats: Temperatures | None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What the stages of one training work with.

    Attributes:
        prepared: labels, encoder, tokens.
        recipe: how.
        base: the base encoder's vectors; empty where nothing asks for them.
        checkpoints: the stages' state; None: nowhere.
    """

    prepared: Prepared
    recipe: Recipe
    base: Vectors
    checkpoints: Checkpoints | None

    def fit(self, split: Split, report: Report) -> Fitted:
        """Learn from a part of the messages; the rest says when to stop."""
        trained = self._learn("first", split.train, split.held_back, report)
        return self._completed(trained, split.train, split.held_back)

    def refit(self, split: Split, first: Fitted, report: Report) -> Fitted:
        """The whole course on all messages: where the first one stopped hangs on which were held back."""
        trained = self._learn("refit", [*split.train, *split.held_back], [], report)
        return self._completed(trained, split.learned, heats=first.heats)

    def vectors(self, examples: Sequence[Example]) -> npt.NDArray[Any]:
        """Return the base encoder's vectors, float32 [N, hidden]."""
        return np.stack([self.base[example.text] for example in examples])

    def _learn(
        self, name: str, train: Sequence[Example], held_back: Sequence[Example], report: Report
    ) -> Trained:
        """Average the weights of trainings from several seeds (Wortsman et al. 2022, arXiv:2203.05482)."""
        many = self.recipe.soup
        if many == 1:
            return self._learn_once(name, train, held_back, report)
        members = []
        for number in range(many):
            part = within(report, number / many, (number + 1) / many)
            # the first one has the training's own seed
            other = replace(self, recipe=replace(self.recipe, seed=self.recipe.seed + 1000 * number))
            members.append(other._learn_once(f"{name}-{number}", train, held_back, part))
        average_weights([member.network for member in members])
        return members[0]

    def _learn_once(
        self, stage: str, train: Sequence[Example], held_back: Sequence[Example], report: Report
    ) -> Trained:
        """Fine-tune the base encoder from its published weights to the best ones of one seed."""
        prepared, recipe = self.prepared, self.recipe
        network = prepared.network(recipe)
        encoded, checked = prepared.encode(train), prepared.encode(held_back)
        small = CompactVocabulary(network.encoder, [encoded, checked], prepared.kept_ids)
        pad_id = small.place(prepared.texts.pad_id)
        data = TokenData(small.encode(encoded), prepared.targets(train), weights_of(train))
        if recipe.probe_first:
            self._probe_first(network, data, pad_id, report)
        if recipe.preserve:
            network.keep_base_vectors()
            data = replace(data, base=torch.from_numpy(self.vectors(train)))
        watched = small.encode(checked), prepared.targets(held_back).numpy()
        loop = Loop(network, data, watched, pad_id, recipe, prepared.device, report)
        trained = loop.run(self.checkpoints.stage(stage) if self.checkpoints else None)
        small.restore()
        return trained

    def _probe_first(self, network: TextClassifier, data: TokenData, pad_id: int, report: Report) -> None:
        """Begin with the head of the frozen encoder (Kumar et al. 2022, arXiv:2202.10054).

        A random one would bend the features that it is fitted to.
        """
        pooled = embed_encoded(
            network, data.encoded, pad_id, self.prepared.device, report, first=0.0, last=0.04
        )
        features, mean, scale = standardised(pooled)
        categories = len(self.prepared.labels)
        head = fit_head(features, data.targets, data.weights, categories, self.recipe.probe_penalty)
        set_head(network, *head, mean, scale)

    def _completed(
        self,
        trained: Trained,
        learned: Sequence[Example],
        held_back: Sequence[Example] = (),
        *,
        heats: Temperatures | None = None,
    ) -> Fitted:
        """Mix the probe into the head, fit the out-of-scope distance, and take the keeper out."""
        network, targets = trained.network, self.prepared.targets(learned)
        _, pooled = self.prepared.outputs(network, learned)
        heats = self._blend(network, learned, pooled, held_back, heats)
        scope = scope_space_of(network, pooled, targets)
        return Fitted(network, trained.history, trained.best_epoch, scope, pooled, heats)

    def _blend(
        self,
        network: TextClassifier,
        learned: Sequence[Example],
        pooled: npt.NDArray[Any],
        held_back: Sequence[Example],
        heats: Temperatures | None,
    ) -> Temperatures | None:
        """Mix the base encoder's probe into the head, see head_blending.

        Args:
            network: its head is changed in place.
            learned: what it learned from.
            pooled: float32 [N, hidden], its vectors of them.
            held_back: to take both heads' temperatures from, where they are not given.
            heats: the temperatures.

        Returns:
            The temperatures; None where nothing was mixed in.
        """
        prepared, share = self.prepared, self.recipe.probe_share
        if network.keeper is None or not share or not (heats or held_back):
            return None
        probe = probe_head(
            network,
            torch.from_numpy(self.vectors(learned)),
            torch.from_numpy(pooled),
            prepared.targets(learned),
            weights_of(learned),
            self.recipe.probe_penalty,
        )
        if heats is None:
            logits, vectors = prepared.outputs(network, held_back)
            said = probe.logits(torch.from_numpy(vectors))
            heats = temperatures(logits, said, prepared.targets(held_back).numpy(), share)
        if heats is not None:
            blend(network, probe, share, heats)
        return heats


def base_vectors(
    prepared: Prepared, recipe: Recipe, examples: Sequence[Example], report: Report
) -> dict[str, npt.NDArray[Any]]:
    """Run the base encoder once over every text, for all stages."""
    texts = list(dict.fromkeys(example.text for example in examples))
    network = prepared.network(recipe)
    vectors = embed(network, prepared.texts, texts, prepared.device, report, first=0.0, last=0.02)
    return dict(zip(texts, vectors.numpy(), strict=True))


def average_weights(networks: Sequence[TextClassifier]) -> None:
    """Give the first network the mean of all networks' weights."""
    states = [network.state_dict() for network in networks]
    mean = {
        name: torch.stack([state[name] for state in states]).mean(dim=0)
        for name, value in states[0].items()
        if value.is_floating_point()
    }
    networks[0].load_state_dict(states[0] | mean)
