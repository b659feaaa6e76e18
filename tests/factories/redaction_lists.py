"""The lists of strings that redaction is measured by, and what counts as gone."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "data" / "redaction"
SECRET_KINDS = frozenset({"token", "password"})
_MARKED = re.compile("⟦(.*?)⟧", re.DOTALL)
_PLACEHOLDER = re.compile(r"\[(?:private key|[a-z]+)\]")
_PIECE = 6
"""So many characters in a row of what was promised give it away, or all of it where it is shorter."""


@dataclass(frozen=True, slots=True)
class Promised:
    """A text, and the parts of it that must be gone."""

    kind: str
    text: str
    secrets: tuple[str, ...]

    def left(self, redacted: str) -> str:
        """Return what is still there of a secret, "" where nothing is.

        What the rest of the text says too, gives nothing away.
        """
        rest, redacted = self.text, _PLACEHOLDER.sub(" ", redacted)
        for secret in self.secrets:
            rest = rest.replace(secret, " ")
        for secret in self.secrets:
            size = min(_PIECE, len(secret))
            for start in range(len(secret) - size + 1):
                piece = secret[start : start + size]
                if piece in redacted and piece not in rest:
                    return piece
        return ""


def promised(name: str = "promised") -> list[Promised]:
    """Read a list of what must go."""
    found = []
    for line in _lines(name):
        kind, _, marked = line.replace("¦", "").partition("\t")
        text = _MARKED.sub(r"\1", marked)
        found.append(Promised(kind, text, tuple(_MARKED.findall(marked))))
    return found


def innocent(name: str = "innocent") -> list[str]:
    """Read a list of what must stay."""
    return _lines(name)


def kept(texts: list[Promised], redact: Callable[[str], str]) -> list[tuple[Promised, str]]:
    """Return the texts of which something is left, with what became of them."""
    after = [(each, redact(each.text)) for each in texts]
    return [(each, text) for each, text in after if each.left(text)]


def changed(texts: list[str], redact: Callable[[str], str]) -> list[tuple[str, str]]:
    """Return the innocent texts that were changed, with what became of them."""
    return [(text, after) for text in texts if (after := redact(text)) != text]


def _lines(name: str) -> list[str]:
    lines = (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line.replace("⏎", "\n") for line in lines if line and not line.startswith("# ")]
