"""Settings of the classifier, from the environment: FINGERPOST_CLASSIFIER_MODEL_HOME and so on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from classifier.training.options import read_options, with_options

if TYPE_CHECKING:
    from classifier.serving.engine import EngineSettings
    from classifier.training.config import TrainingConfig


class ClassifierSettings(BaseSettings):
    """What an operator may set. The core takes plain dataclasses; the methods here make them."""

    model_config = SettingsConfigDict(
        env_prefix="FINGERPOST_CLASSIFIER_",
        env_file=".env",
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
    )

    model_home: Path = Field(Path(".fingerpost/models"), description="the registry: one directory a version")
    base_model: str = Field("all-MiniLM-L6-v2", description="embedded encoder, a directory, or a hub name")
    device: Literal["auto", "cpu", "cuda"] = "auto"
    backend: Literal["auto", "onnx-int8", "onnx-fp32", "torch", "torch-bf16"] = Field(
        "auto", description="auto: the fastest on this machine of those that answer as they should"
    )
    threads: int = Field(0, ge=0, le=256, description="CPU cores to use; 0: all")
    max_tokens: int = Field(256, ge=8, le=8192)
    batch_tokens: int = Field(4096, ge=64, description="padded tokens in one forward pass")
    queue_size: int = Field(1024, ge=1, description="texts that may wait; more are refused with a 503")
    watch_seconds: float = Field(1.0, gt=0, description="how often the active version is looked up")
    epochs: int | None = Field(None, ge=1, le=100, description="unset: by the number of messages")
    learning_rate: float | None = Field(None, gt=0, description="unset: by the number of messages")
    batch_size: int = Field(32, ge=1)
    options: Path | None = Field(
        None, description="JSON file of training options, as `fingerpost tune` writes it; wins over the above"
    )
    retrain_minutes: float = Field(60.0, gt=0, description="a retraining that takes longer is ended")
    retrain_stall_minutes: float = Field(
        10.0, gt=0, description="a retraining that makes no progress for so long is ended"
    )
    retrain_memory_mib: int | None = Field(
        None, ge=1024, description="memory of a retraining; unset: three quarters of the machine's"
    )
    shadow_hours: float = Field(
        0.0,
        ge=0,
        le=24 * 14,
        description="a retrained model first answers silently for so long, and what it says is compared; 0: "
        "it goes live at once",
    )
    error_budget: float = Field(0.05, gt=0, lt=0.5, description="largest share of wrong automatic routings")
    seed: int = 0
    url: str | None = Field(None, description="a classifier service to ask in place of an own model")
    token: SecretStr | None = Field(None, description="shared secret of the service and its clients")
    host: str = "127.0.0.1"
    port: int = Field(8600, ge=0, le=65535)
    timeout_seconds: float = Field(10.0, gt=0, description="the service gives up on a request after these")
    explain_seconds: float = Field(
        3.0, gt=0, description="an explanation is the best that fits these, marked where it was cut short"
    )
    connections: int = Field(1024, ge=1, description="that the service keeps; more are answered with a 503")
    drain_seconds: int = Field(20, ge=1, description="for what is under way when the service is stopped")

    def training_config(self) -> TrainingConfig:
        """The part that `fit` takes.

        Raises:
            InvalidInput: the file of options is missing, or holds something else.
        """
        from classifier.training.config import TrainingConfig  # noqa: PLC0415 - only who trains needs it

        config = TrainingConfig(
            base_model=self.base_model,
            device=self.device,
            threads=self.threads,
            max_tokens=self.max_tokens,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            error_budget=self.error_budget,
            seed=self.seed,
        )
        return with_options(config, read_options(self.options)) if self.options else config

    def engine_settings(self) -> EngineSettings:
        """The part that `LocalClassifier` takes."""
        from classifier.serving.engine import EngineSettings  # noqa: PLC0415 - a bot with a remote one needs no engine

        return EngineSettings(
            device=self.device,
            backend=self.backend,
            threads=self.threads,
            cache=self.model_home / ".races",
            race_later=True,
            batch_tokens=self.batch_tokens,
            queue_size=self.queue_size,
            explain_seconds=self.explain_seconds,
        )
