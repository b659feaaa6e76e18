"""Structured logs that can hold neither tokens nor message text."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from storage.credentials import without_credentials

TOKEN = re.compile(
    r"(?:xoxe\.)?xox[a-z]-[\w-]+|xapp-[\w-]+|(?i:bearer\s+)[\w.~+/-]+=*|(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"
    r"|(?<=/commands/)[\w/-]+|(?<=/actions/)[\w/-]+|(?<=hooks\.slack\.com/)[\w/-]+"
)


_OURS = frozenset({"bot", "classifier", "storage", "migrations", "playground", "benchmarks"})


def _is_ours_or_a_warning(record: logging.LogRecord) -> bool:
    """Keep what libraries log below a warning out of the logs, whichever they are, whatever level they set.

    Slack's SDK logs whole requests, aiosqlite what statements are given: message text, at DEBUG.
    """
    by_structlog = isinstance(record.msg, dict)
    return by_structlog or record.levelno >= logging.WARNING or record.name.partition(".")[0] in _OURS


def redact_tokens(_logger: Any, _name: str, event: EventDict) -> EventDict:
    """Replace everything that looks like a credential, wherever it stands in the entry."""
    return {key: value if key.startswith("_") else _hide(value) for key, value in event.items()}


def _hide(value: Any) -> Any:
    """Look into lists and mappings too; what is neither text nor a number is shown as its text."""
    if isinstance(value, str):
        return _hidden(value)
    if isinstance(value, Mapping):
        return {_hide(key): _hide(nested) for key, nested in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_hide(nested) for nested in value]
    return value if value is None or isinstance(value, bool | int | float) else _hidden(str(value))


def _hidden(text: str) -> str:
    return without_credentials(TOKEN.sub("[hidden]", text))


def configure(level: str, *, as_json: bool = False) -> None:
    """Send our logs and those of the libraries through the same redacting chain to stderr."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact_tokens,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact_tokens, renderer],
        )
    )
    handler.addFilter(_is_ours_or_a_warning)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
