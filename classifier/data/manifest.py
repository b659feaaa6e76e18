"""What a model learned from, without anybody's message: which labels of people, and which starter pack. Pure.

training-manifest.json in the model directory:

    {"format": 1, "starter": sha256 of the pack, "starter_messages": 4103,
     "people": [{"labels": [label id, ...], "example": sha256, "role": "owner", "weight": 8.0}, ...],
     "inherited": [sha256, ...], "names": 30}

`example` is the sha256 of the text, lower-case and with single spaces, and its category. A head refit keeps
the encoder of the model before: what that one learned from is `inherited`. `names` counts what admins wrote
about categories, which teaches as well.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from classifier.contract import BrokenModel, InvalidInput
from classifier.data.dataset import Example
from classifier.model.integrity import read_facts

MANIFEST_FILE = "training-manifest.json"
FORMAT = 1


def text_key(text: str) -> str:
    """Texts with the same key are the same message."""
    return " ".join(text.lower().split())


def example_hash(text: str, label: str) -> str:
    """Sha256 (hex) of a message and its category."""
    return hashlib.sha256(f"{text_key(text)}\x1f{label}".encode("utf-8", "surrogatepass")).hexdigest()


def manifest_of(starter: str, learned: Sequence[Example], inherited: Collection[str] = ()) -> dict[str, Any]:
    """Put a manifest together; the same training gives the same one.

    Args:
        starter: sha256 of the starter pack.
        learned: all examples of the training.
        inherited: hashes of what the model before learned from, where its encoder stays.

    Raises:
        InvalidInput: something is to be learned that nobody labelled.
    """
    people = [
        {
            "labels": sorted(example.label_ids),
            "example": example_hash(example.text, example.label),
            "role": example.role,
            "weight": example.weight,
        }
        for example in learned
        if example.labelled
    ]
    sources = Counter(example.source for example in learned)
    manifest = {
        "format": FORMAT,
        "starter": starter,
        "starter_messages": sources["starter"],
        "people": sorted(people, key=lambda row: (row["example"], row["labels"])),
        "inherited": sorted(inherited),
        "names": sources["name"],
    }
    check_manifest(manifest, learned)
    return manifest


def encoded(manifest: Mapping[str, Any]) -> bytes:
    """Return the file's content."""
    return json.dumps(manifest, indent=1, sort_keys=True).encode() + b"\n"


def manifest_hash(manifest: Mapping[str, Any]) -> str:
    """Sha256 (hex) of the file."""
    return hashlib.sha256(encoded(manifest)).hexdigest()


def check_manifest(manifest: Mapping[str, Any], learned: Sequence[Example]) -> None:
    """Prove that a person stands behind everything that is neither of the starter pack nor a category's name.

    Args:
        manifest: to check.
        learned: all examples of the training.

    Raises:
        InvalidInput: an entry has no label, or something was learned that nobody labelled.
    """
    for entry in manifest["people"]:
        if not entry["labels"] or not all(isinstance(each, str) and each for each in entry["labels"]):
            raise InvalidInput("the training manifest has an example that no person labelled")
    listed = Counter(entry["example"] for entry in manifest["people"])
    labelled = Counter(example_hash(e.text, e.label) for e in learned if e.labelled)
    if listed - labelled:
        raise InvalidInput("the training manifest lists examples that are not in the training")
    if labelled - listed:
        raise InvalidInput("the training holds an example that no person labelled: it is not learned from")


def learned_by(directory: Path) -> frozenset[str] | None:
    """Hashes of the people's examples that a model learned from; None where its directory does not say.

    Raises:
        BrokenModel: the manifest, or without one the model's facts, cannot be read.
    """
    try:
        content = json.loads((directory / MANIFEST_FILE).read_text(encoding="utf-8"))
        people = frozenset(str(entry["example"]) for entry in content["people"])
        return people | frozenset(map(str, content.get("inherited", ())))
    except FileNotFoundError:  # a day-one model learned from starter messages alone
        return frozenset() if read_facts(directory).kind == "day_one" else None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise BrokenModel(f"{directory}/{MANIFEST_FILE} cannot be read: train the model again") from error
