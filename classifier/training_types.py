"""What goes into a training and what comes out, for the fine-tune and the day-one model alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from classifier.model import TrainedModel

Stage = Literal["prepare", "train", "embed", "calibrate", "done"]


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How to train. The defaults were chosen on validation parts of BANKING77's training file.

    Attributes:
        base_model: embedded encoder, a directory, or a hub name; see base_models.resolve_base_model.
        epochs: passes over the messages at most; None lets `epochs_for` choose by their number.
        learning_rate: peak of AdamW's learning rate.
        head_learning_rate: the head's rate as a multiple of the encoder's: it begins from nothing.
        batch_size: messages a step.
        weight_decay: AdamW's decoupled decay of matrices.
        label_smoothing: share of the target that is spread over all categories.
        warmup: share of the steps in which the learning rate rises.
        clip: largest norm of the gradient.
        dropout: before the head.
        probe_first: whether the head starts as a linear probe of the frozen encoder.
        probe_penalty: L2 penalty of that probe.
        out_of_scope_weight: weight of the outlier-exposure term for `oos` messages.
        validation_share: part of the messages held back for early stopping and calibration.
        patience: epochs without a better validation loss after which training stops.
        max_tokens: longer texts are cut in the middle.
        error_budget: largest share of wrong automatic routings, sets the `route` threshold.
        seed: of the split, the order, the head and dropout.
        threads: CPU threads, 0 leaves torch's choice.
        device: auto, cpu or cuda.
    """

    base_model: str = "all-MiniLM-L6-v2"
    epochs: int | None = None
    learning_rate: float = 1e-4
    head_learning_rate: float = 10.0
    batch_size: int = 32
    weight_decay: float = 0.01
    label_smoothing: float = 0.05
    warmup: float = 0.1
    clip: float = 1.0
    dropout: float = 0.1
    probe_first: bool = False
    probe_penalty: float = 1e-3
    out_of_scope_weight: float = 0.5
    validation_share: float = 0.1
    patience: int = 3
    max_tokens: int = 256
    error_budget: float = 0.05
    seed: int = 0
    threads: int = 0
    device: str = "auto"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training is.

    Attributes:
        stage: what it does now.
        epoch: counted from 1, 0 outside of training.
        epochs: that are planned.
        step: steps done in the stage.
        steps: planned in the stage.
        fraction: 0..1 of the whole work.
        eta_seconds: until the end, from the measured token throughput; None before there is one.
        loss: of the last steps, smoothed.
        validation_accuracy: of the last epoch, in-scope messages only.
    """

    stage: Stage
    epoch: int
    epochs: int
    step: int
    steps: int
    fraction: float
    eta_seconds: float | None = None
    loss: float | None = None
    validation_accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class FitResult:
    """A model that was just fitted; `save_model_directory` or `Registry.publish` keep it.

    Attributes:
        model: the network with the best epoch's weights, and its facts.
        metrics: measured on the validation part; the same as `model.facts.metrics`.
        history: one entry an epoch: loss, validation_loss, validation_accuracy, seconds.
        seconds: wall clock.
    """

    model: TrainedModel
    metrics: Mapping[str, float]
    history: tuple[Mapping[str, float], ...]
    seconds: float
