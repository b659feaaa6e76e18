"""Labelled messages: read from a CSV file, or from the starter pack that comes with the product."""

from __future__ import annotations

import csv
import hashlib
import importlib.resources
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
import yaml

from classifier.contract import OUT_OF_SCOPE_LABEL, InvalidInput

MINIMUM_PER_LABEL = 3
"""Two messages to learn from and one to check with; fewer say nothing about how often the label is right."""


Source = Literal["file", "starter", "person", "name"]
"""Where an example comes from: somebody's file, the starter pack, a person of the workspace, or what an admin
wrote about a category."""


@dataclass(frozen=True, slots=True)
class Example:
    """A message, the category that it was given, and who stands behind that.

    One record goes the whole way: from the label in the database to the training, the judging, the manifest.

    Attributes:
        text: the message as it was written.
        label: a category's slug, or `oos` for "none of them".
        weight: how much it counts in training, 1.0 for a plain row; a correction may count more.
        voice: who gave the label, as far as it is known; any stable name.
        role: of that person, "" where it is not known.
        said_at: when the label was given (aware), as far as it is known.
        source: where it comes from.
        ticket: id of the ticket whose text it is, "" where it is no ticket's.
        label_ids: the labels behind it; at least one where a person of the workspace is the source.
        judges: the ticket judges models in place of teaching them, because it is frozen (gold) or recent.
        settled: somebody has looked at a doubt and kept the label: it is not doubted again.
    """

    text: str
    label: str
    weight: float = 1.0
    voice: str = ""
    role: str = ""
    said_at: datetime | None = None
    source: Source = "file"
    ticket: str = ""
    label_ids: tuple[str, ...] = ()
    judges: Literal["", "gold", "recent"] = ""
    settled: bool = False

    @property
    def labelled(self) -> bool:
        """Whether somebody labelled this message; starter messages and names came with their category."""
        return self.source in ("file", "person")


@dataclass(frozen=True, slots=True)
class StarterCategory:
    """A category of the starter pack: what it is called and which channel owns it."""

    slug: str
    name: str
    emoji: str
    description: str
    destination: str


@dataclass(frozen=True, slots=True)
class StarterPack:
    """Categories with messages to begin with, before a workspace has labels of its own."""

    categories: tuple[StarterCategory, ...]
    train: tuple[Example, ...]
    held_out: tuple[Example, ...]

    def following(self, heirs: Mapping[str, str]) -> StarterPack:
        """Return the pack with the messages of merged categories under what each was merged into."""

        def today(examples: Sequence[Example]) -> tuple[Example, ...]:
            return tuple(replace(each, label=heirs.get(each.label, each.label)) for each in examples)

        return replace(self, train=today(self.train), held_out=today(self.held_out))


def read_examples(path: Path) -> list[Example]:
    """Read a CSV file with the columns `text` and `label`; `weight` and `voice` are optional.

    Raises:
        InvalidInput: the file is missing, is no UTF-8 CSV, lacks a column, or has an empty text or label.
    """
    return [example for example, _ in _read_rows(_read_file(path), str(path))]


def read_texts(path: Path) -> list[str]:
    """Read unlabelled messages: a CSV file with the column `text`, or one message a line.

    Raises:
        InvalidInput: the file is missing or no UTF-8.
    """
    content = _read_file(path)
    rows = csv.DictReader(io.StringIO(content, newline=""))
    if "text" in (rows.fieldnames or ()):
        found = [(row["text"] or "").strip() for row in rows]
    else:
        found = [line.strip() for line in content.splitlines()]
    return [text for text in found if text]


def starter_pack() -> StarterPack:
    """Read the starter pack out of the installed package.

    Raises:
        InvalidInput: its files are not there or cannot be read.
    """
    folder = importlib.resources.files("classifier") / "starter"
    try:
        described = yaml.safe_load((folder / "categories.yaml").read_text(encoding="utf-8"))
        messages = (folder / "messages.csv").read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InvalidInput("the starter pack is not installed: install the package again") from error
    entries = described["categories"] if isinstance(described, dict) else described
    categories = tuple(
        StarterCategory(
            slug=str(entry["slug"]),
            name=str(entry["name"]),
            emoji=str(entry["emoji"]).strip(":"),
            description=str(entry["description"]),
            destination=str(entry["destination"]),
        )
        for entry in entries
    )
    rows = _read_rows(messages, "the starter pack")
    return StarterPack(
        categories=categories,
        train=tuple(example for example, split in rows if split == "train"),
        held_out=tuple(example for example, split in rows if split not in ("train", "")),
    )


def check_trainable(examples: Sequence[Example], minimum: int = MINIMUM_PER_LABEL) -> tuple[str, ...]:
    """Say which categories can be learned from the examples, sorted.

    Args:
        examples: what there is.
        minimum: messages that every label must have.

    Raises:
        InvalidInput: there are fewer than two categories, or a label has fewer messages than the minimum.
    """
    counts = Counter(example.label for example in examples)
    counts.pop(OUT_OF_SCOPE_LABEL, None)
    if len(counts) < 2:  # noqa: PLR2004 - a choice needs two
        found = f"only the label {next(iter(counts))!r}" if counts else "no label"
        raise InvalidInput(f"found {found}: training needs messages of at least two categories")
    scarce = sorted(label for label, count in counts.items() if count < minimum)
    if scarce:
        named = ", ".join(repr(label) for label in scarce[:5]) + (", ..." if len(scarce) > 5 else "")  # noqa: PLR2004
        raise InvalidInput(
            f"too few messages for {named}: add messages until every label has {minimum}, "
            "or take the label out"
        )
    return tuple(sorted(counts))


def fingerprint(examples: Iterable[Example]) -> str:
    """Sha256 (hex) over the examples, whatever their order: the training manifest's hash."""
    rows = sorted(f"{example.label}\x1f{example.weight:g}\x1f{example.text}" for example in examples)
    return hashlib.sha256("\x1e".join(rows).encode("utf-8", "surrogatepass")).hexdigest()


def hash_of_texts(texts: Sequence[str]) -> str:
    """Sha256 (hex) over messages without labels, in their order."""
    return hashlib.sha256("\x1e".join(texts).encode("utf-8", "surrogatepass")).hexdigest()


def _read_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InvalidInput(f"{path} does not exist: name a CSV file with the columns text,label") from error
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read ({error.strerror}): name a readable CSV file") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8: save it as a UTF-8 CSV file") from error


def _read_rows(content: str, source: str) -> list[tuple[Example, str]]:
    """Every row as (example, split), where split is "" in a file without that column."""
    reader = csv.DictReader(io.StringIO(content, newline=""))
    missing = [name for name in ("text", "label") if name not in (reader.fieldnames or ())]
    if missing:
        raise InvalidInput(f"{source} has no column {' and no column '.join(missing)}: it needs text,label")
    rows = []
    try:
        for row in reader:
            text, label = (row["text"] or "").strip(), (row["label"] or "").strip()
            if not text or not label:
                what = "text" if not text else "label"
                raise InvalidInput(
                    f"{source} line {reader.line_num} has an empty {what}: fill it or delete it"
                )
            rows.append(
                (
                    Example(
                        text,
                        label,
                        _weight(row.get("weight"), source, reader.line_num),
                        (row.get("voice") or "").strip(),
                    ),
                    row.get("split") or "",
                )
            )
    except csv.Error as error:
        raise InvalidInput(
            f"{source} line {reader.line_num} is no CSV ({error}): correct that line"
        ) from error
    if not rows:
        raise InvalidInput(f"{source} has no rows: add messages below the line text,label")
    return rows


def _weight(value: str | None, source: str, line: int) -> float:
    if not value:
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        weight = -1.0
    if not 0 < weight < float("inf"):
        raise InvalidInput(f"{source} line {line} has the weight {value!r}: write a number above 0")
    return weight


def split_examples(
    examples: Sequence[Example], share: float, seed: int, *, most: int = 1000
) -> tuple[list[Example], list[Example]]:
    """Hold back a stratified part.

    Labels with fewer than five messages give none, unless nothing else would be held back.

    Args:
        examples: what to split.
        share: part of each label's messages to hold back, 0..1.
        seed: of the choice.
        most: messages to hold back at most: more would hardly sharpen the measurement.

    Returns:
        (kept, held back), each in the order of `examples`.
    """
    share = min(share, most / max(len(examples), 1))
    members: dict[str, list[int]] = {}
    for position, example in enumerate(examples):
        members.setdefault(example.label, []).append(position)
    for fewest in (5, 2):
        random = np.random.default_rng(seed)
        held_back: set[int] = set()
        for label in sorted(members):
            count = len(members[label])
            if count >= fewest:
                take = max(1, round(count * share))
                held_back.update(random.permutation(members[label])[:take].tolist())
        if any(examples[position].label != OUT_OF_SCOPE_LABEL for position in held_back):
            break
    kept = [example for position, example in enumerate(examples) if position not in held_back]
    return kept, [example for position, example in enumerate(examples) if position in held_back]
