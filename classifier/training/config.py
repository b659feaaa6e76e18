"""What goes into a training and what comes out, for the fine-tune and the day-one model alike.

Imports no torch: whoever asks a child process to train describes it by this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from classifier.model.network import TrainedModel


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How to train. The defaults were chosen on validation parts alone, see docs/results/quality.md.

    Attributes:
        base_model: embedded encoder, a directory, or a hub name; see base_models.resolve_base_model.
        pooling: mean, cls, or auto (as the encoder's directory says, else mean).
        epochs: passes over the messages at most; None lets `recipe.adapted` choose by their number.
        learning_rate: peak of AdamW's learning rate; None likewise.
        head_learning_rate: the head's rate as a multiple of the encoder's: it begins from nothing.
        batch_size: messages a step.
        weight_decay: AdamW's decoupled decay of matrices.
        label_smoothing: share of the target that is spread over all categories.
        warmup: share of the steps in which the learning rate rises.
        clip: largest norm of the gradient.
        dropout: before the head.
        soup: trainings from other seeds whose weights are averaged; 1: a single one. None lets
            `recipe.adapted` choose.
        sharpness: distance within which the loss should be flat (sharpness-aware minimisation); 0: off.
            Doubles the time.
        preserve: weight of the pull that keeps the base encoder's vectors readable; 0: off. See scope_space.
        probe_share: of a probe of the base vectors in the answer, behind `preserve`; 0: none. See blending.
        probe_first: whether the head starts as a linear probe of the frozen encoder (two-stage).
        probe_penalty: L2 penalty of either probe.
        out_of_scope_weight: weight of the outlier-exposure term for `oos` messages.
        hold_out_suspects: whether labels that confident learning suspects are left out.
        validation_share: part of the messages held back for early stopping and calibration.
        refit: whether to train once more on all messages after calibrating on the held-back ones; None
            lets `recipe.adapted` choose.
        patience: epochs without a better validation loss after which training stops.
        minimum_per_label: labels with fewer messages are refused.
        word_scorer: messages at most, and no more than a fifth of them, that words are taken out of to
            learn which ones decide; 0: replies show plain attention. See word_scorer.
        baselines: whether to fit the two baselines that an evaluation shows beside the model.
        int8_check: messages on which it is measured whether int8 keeps the answers; 0: it is not.
        max_tokens: longer texts are cut in the middle.
        error_budget: largest share of wrong automatic routings, sets the `route` threshold.
        seed: of the split, the order, the head and dropout.
        threads: CPU threads, 0 leaves torch's choice.
        device: auto, cpu or cuda.
    """

    base_model: str = "all-MiniLM-L6-v2"
    pooling: str = "auto"
    epochs: int | None = None
    learning_rate: float | None = None
    head_learning_rate: float = 10.0
    batch_size: int = 32
    weight_decay: float = 0.01
    label_smoothing: float = 0.05
    warmup: float = 0.1
    clip: float = 1.0
    dropout: float = 0.1
    soup: int | None = None
    sharpness: float = 0.1
    preserve: float = 1.0
    probe_share: float = 0.3
    probe_first: bool = False
    probe_penalty: float = 1e-3
    out_of_scope_weight: float = 0.5
    hold_out_suspects: bool = False
    validation_share: float = 0.1
    refit: bool | None = None
    patience: int = 3
    minimum_per_label: int = 3
    baselines: bool = True
    word_scorer: int = 2000
    int8_check: int = 512
    max_tokens: int = 256
    error_budget: float = 0.05
    seed: int = 0
    threads: int = 0
    device: str = "auto"


@dataclass(frozen=True, slots=True)
class FitResult:
    """A model that was just fitted; `save_model_directory` or `Registry.publish` keep it.

    Attributes:
        model: the network with the best epoch's weights, and its facts.
        metrics: measured on the validation part; the same as `model.facts.metrics`.
        history: one entry an epoch: loss, validation_loss, validation_accuracy, seconds.
        seconds: wall clock.
        advice: what a person should know or try, in plain words.
    """

    model: TrainedModel
    metrics: Mapping[str, float]
    history: tuple[Mapping[str, float], ...]
    seconds: float
    advice: tuple[str, ...] = ()
