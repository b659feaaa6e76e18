"""LocalClassifier: answers in this process, in one worker thread, and swaps models while it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from classifier.contract import Explanation, ExplanationMethod, ModelInfo, Prediction
from classifier.model import TrainedModel
from classifier.registry import Registry


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How a LocalClassifier works.

    Attributes:
        device: auto, cpu or cuda.
        threads: CPU threads of torch, 0 leaves its choice.
        batch_tokens: padded tokens in one forward pass at most.
        queue_size: texts that may wait at most.
    """

    device: str = "auto"
    threads: int = 0
    batch_tokens: int = 4096
    queue_size: int = 1024


class LocalClassifier:
    """The classifier contract over a model in this process."""

    def __init__(self, model: TrainedModel | Path, settings: EngineSettings | None = None) -> None:
        raise NotImplementedError

    @classmethod
    async def open(cls, path: Path, settings: EngineSettings | None = None) -> LocalClassifier:
        """Load a model directory in a thread, so that the event loop goes on."""
        raise NotImplementedError

    async def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """Answer each text, in order."""
        raise NotImplementedError

    async def explain(self, text: str, method: ExplanationMethod = "leave_one_out") -> Explanation:
        """Say which words decided."""
        raise NotImplementedError

    async def model(self) -> ModelInfo:
        """Say which model answers now."""
        raise NotImplementedError

    async def swap(self, path: Path) -> str:
        """Load and warm up another model in the background, then answer with it. Returns its version."""
        raise NotImplementedError

    async def close(self) -> None:
        """Finish what is running, refuse what waits, end the thread."""
        raise NotImplementedError


class RegistryWatcher:
    """Swaps a LocalClassifier whenever another version becomes active in the registry."""

    def __init__(
        self,
        registry: Registry,
        classifier: LocalClassifier,
        interval: float = 1.0,
        *,
        on_swap: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        raise NotImplementedError

    async def run(self) -> None:
        """Watch until cancelled. A version that cannot be loaded is logged, and the old one stays."""
        raise NotImplementedError
