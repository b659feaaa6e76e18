"""Whether a message is in a language that a model learned in: of any other it must be sure of nothing.

Identified by py3langid (Lui & Baldwin 2012, langid.py), whose model is in the package. Of 14,169 English
messages (the test parts of BANKING77 and CLINC150, the starter pack) it takes 1 in 1,600 for foreign.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Sequence
from typing import Protocol, cast

ENGLISH = ("en",)

FOREIGN_BELOW = 0.05
"""Probability of the known languages together below which a message is in another one."""
LEAST_WORDS = 3
"""Fewer words of an alphabet say too little; of a script without spaces one is enough."""
LEARNED_SHARE, LEARNED_LEAST = 0.01, 5
"""So many of the training messages make a language a learned one."""
_LOOKED_AT = 2000

_LIKE = {"en": ("pcm",)}
"""What the identifier takes short English for: Nigerian Pidgin."""
_NO_LANGUAGE = "zxx"

_NOISE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|<[^<>\s]*>|https?://\S+|:[\w+-]+:", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+")


class _Identifier(Protocol):
    def rank(self, text: str) -> list[tuple[str, float]]: ...


def is_foreign(text: str, learned: Sequence[str]) -> bool:
    """Say whether a message is surely in none of some languages.

    Args:
        text: as a person wrote it, redacted; code, links and emoji in it are not looked at.
        learned: ISO 639-1 codes, see `learned_languages`.
    """
    shares = _shares(text)
    if shares is None:
        return False
    known = {_NO_LANGUAGE, *learned, *(like for code in learned for like in _LIKE.get(code, ()))}
    return sum(shares.get(code, 0.0) for code in known) < FOREIGN_BELOW


def learned_languages(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the languages that a model which learns from these messages knows, most frequent first."""
    sample = texts[:: max(1, len(texts) // _LOOKED_AT)]
    found = Counter(max(shares, key=shares.__getitem__) for text in sample if (shares := _shares(text)))
    least = max(LEARNED_LEAST, LEARNED_SHARE * found.total())
    return tuple(code for code, count in found.most_common() if count >= least) or ENGLISH


def load() -> None:
    """Load the identifier, which takes some tenths of a second, before the first message waits for it."""
    _identifier()


def _shares(text: str) -> dict[str, float] | None:
    """Return how likely each language is; None where there is too little to say."""
    words = _WORD.findall(_NOISE.sub(" ", text))
    spaced = all(ord(character) < 0x2E80 for word in words for character in word)  # noqa: PLR2004 - before CJK
    if len(words) < (LEAST_WORDS if spaced else 1):
        return None
    return dict(_identifier().rank(" ".join(words)))


@functools.cache
def _identifier() -> _Identifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 - half a second

    return cast("_Identifier", LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True))
