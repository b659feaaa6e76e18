"""What a directory from elsewhere may not say in its configuration. Imports no torch.

transformers runs code that a configuration names: a class in a file beside it or on the hub (`auto_map`), an
attention kernel from the hub (`attn_implementation`), a quantizer's, an adapter's base model. A model that
answers here needs none of these, so a directory that names one is refused before anything is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_RUNS_CODE = frozenset(
    {
        "auto_map",
        "custom_pipelines",
        "trust_remote_code",
        "quantization_config",
        "compression_config",
        "kernel_config",
        "use_kernels",
        "peft_type",
        "adapter_name",
        "base_model_name_or_path",
    }
)
_IMPLEMENTATION = "_implementation"
_IN_TRANSFORMERS = frozenset({None, "", "eager", "sdpa"})
"""Ways to compute attention (`attn_implementation`) and the like that need no kernel from elsewhere."""
_ADAPTERS = ("adapter_config.json", "adapter_model.safetensors")
_FILES = "*.json"
_LARGEST = 4 * 1024 * 1024
"""Bytes: tokenizer.json may be larger, and names no code."""


def refusal(folder: Path) -> str:
    """Say what in a directory would make transformers load code; "" where nothing would.

    Args:
        folder: of a model or an encoder; what lies in folders below is not read here.
    """
    for name in _ADAPTERS:
        if (folder / name).exists():
            return f"{name} names another model"
    for file in sorted(folder.glob(_FILES)):
        try:
            if file.name == "tokenizer.json" or file.stat().st_size > _LARGEST:
                continue
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue  # who needs the file says that it cannot be read
        for key, value in _entries(content):
            if key in _RUNS_CODE and value not in (None, False):
                return f"{file.name} names {key}"
            if _IMPLEMENTATION in key and not _is_plain(value):
                return f"{file.name} names the {key} {str(value)[:60]!r}"
    return ""


def _is_plain(value: Any) -> bool:
    """Attention may be named for each part of a model apart."""
    if isinstance(value, dict):
        return all(_is_plain(each) for each in value.values())
    return value is None or (isinstance(value, str) and value in _IN_TRANSFORMERS)


def _entries(content: Any) -> Iterator[tuple[str, Any]]:
    """Every name with its value, however deep: parts of a model have configurations of their own."""
    waiting = [content]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            yield from each.items()
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
