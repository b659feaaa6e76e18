"""What a model learned from, and the proof that people stand behind it."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.contract import OUT_OF_SCOPE_LABEL, BrokenModel, InvalidInput
from classifier.data.dataset import Category, Example, StarterPack
from classifier.data.manifest import (
    MANIFEST_FILE,
    Entry,
    check_manifest,
    encoded,
    example_hash,
    learned_by,
    manifest_hash,
    manifest_of,
)
from classifier.data.training_set import SaidBy, assemble
from classifier.model.metadata import ModelFacts
from classifier.retraining.material import material_of
from classifier.training.config import TrainingConfig
from storage.feedback.labels import LabelledText
from tests.factories.rows import NOW

SLUGS = ("login", "network")
PACK = StarterPack(
    tuple(Category(slug, slug, slug, "", "") for slug in SLUGS),
    tuple(Example(f"{label} {i}", label) for label in (*SLUGS, OUT_OF_SCOPE_LABEL) for i in range(12)),
    tuple(Example(f"{label} kept {i}", label) for label in (*SLUGS, OUT_OF_SCOPE_LABEL) for i in range(4)),
)
NAMES = (Example("Sign-in", "login"), Example("The printer 7", "network"), Example("login kept 1", "login"))
STARTER = frozenset(example_hash(example.text, example.label) for example in PACK.train)


def entry(text: str = "no wifi", label: str = "network", *ids: str) -> Entry:
    return Entry(ids or ("l1",), example_hash(text, label), "staff", 7.2)


def job(made) -> dict:
    return {
        "train": [(e.text, e.label, e.weight) for e in made.train],
        "validation": [(e.text, e.label) for e in made.validation],
        "held_out": [(e.text, e.label) for e in made.held_out],
        **json.loads(json.dumps(made.for_child())),
    }


def test_the_same_message_has_one_hash_however_it_is_written():
    assert example_hash("No  WiFi\n", "network") == example_hash("no wifi", "network")
    assert example_hash("no wifi", "login") != example_hash("no wifi", "network")


def test_the_order_of_the_labels_does_not_matter():
    entries = [entry("a"), entry("b", "login", "l3", "l2")]
    made = [manifest_of("s", 3, rows) for rows in (entries, entries[::-1])]
    assert manifest_hash(made[0]) == manifest_hash(made[1])
    assert manifest_hash(made[0]) != manifest_hash(manifest_of("s", 3, entries[:1]))


def test_it_holds_nobodys_message():
    assert b"wifi" not in encoded(manifest_of("s", 3, [entry("my wifi at 3 Elm Road")]))


def test_an_example_without_a_label_is_refused():
    with pytest.raises(InvalidInput, match="no person labelled"):
        check_manifest(manifest_of("s", 0, [Entry((), "e", "", 8.0)]))


def test_what_was_learned_must_be_listed_or_be_of_the_starter_pack():
    learned = [PACK.train[0], Example("no wifi", "network", 8.0)]
    check_manifest(manifest_of("s", 1, [entry()]), learned, STARTER)
    with pytest.raises(InvalidInput, match="no person labelled"):
        check_manifest(manifest_of("s", 1, []), learned, STARTER)
    with pytest.raises(InvalidInput, match="no person labelled"):  # twice learned, once labelled
        check_manifest(manifest_of("s", 1, [entry()]), [*learned, learned[1]], STARTER)
    with pytest.raises(InvalidInput, match="not in the training"):
        check_manifest(manifest_of("s", 1, [entry(), entry("x")]), learned, STARTER)


def test_it_is_read_back_from_a_model_directory(tmp_path):
    (tmp_path / MANIFEST_FILE).write_bytes(encoded(manifest_of("s", 1, [entry()])))
    assert learned_by(tmp_path) == {example_hash("no wifi", "network")}
    (tmp_path / MANIFEST_FILE).write_text("{}")
    with pytest.raises(BrokenModel, match="train the model again"):
        learned_by(tmp_path)


@pytest.mark.parametrize(("kind", "learned"), [("fine_tune", None), ("head", None), ("day_one", frozenset())])
def test_without_one_only_a_day_one_model_is_known_to_have_learned_nothing_of_people(tmp_path, kind, learned):
    facts = ModelFacts("v1", kind, SLUGS, "base", "0" * 64, max_tokens=32, created="2026-01-05")
    (tmp_path / "fingerpost.json").write_text(json.dumps(asdict(facts)))
    assert learned_by(tmp_path) == learned


def test_what_the_model_before_learned_is_known_too_but_names_no_label(tmp_path):
    manifest = manifest_of("s", 1, [entry()], {example_hash("old", "login")})
    (tmp_path / MANIFEST_FILE).write_bytes(encoded(manifest))
    assert learned_by(tmp_path) == {example_hash("no wifi", "network"), example_hash("old", "login")}
    check_manifest(manifest, [PACK.train[0], Example("no wifi", "network")], STARTER)


def test_an_example_that_nobody_labelled_is_no_training_example():
    with pytest.raises(InvalidInput, match="only what a person labelled"):
        assemble(PACK, [LabelledText(UUID(int=1), (), "no wifi", "network", NOW)], frozenset(SLUGS))


histories = st.lists(
    st.tuples(
        st.integers(0, 30),  # the words; some come twice, some are the starter pack's
        st.sampled_from([*SLUGS, None, "retired"]),
        st.sampled_from(["teach", "gold", "known"]),
    ),
    max_size=160,
)


@settings(max_examples=60, deadline=None)
@given(histories)
def test_every_example_is_a_starter_message_or_has_a_label_and_none_teaches_and_judges(history):
    texts = [f"login {number}" if number < 5 else f"the printer {number}" for number, _, _ in history]
    rows = [
        LabelledText(UUID(int=i + 1), (UUID(int=1000 + i),), text, category, NOW + timedelta(minutes=i))
        for i, (text, (_, category, _)) in enumerate(zip(texts, history, strict=True))
    ]
    use = [use for _, _, use in history]
    gold = [row for row, each in zip(rows, use, strict=True) if each == "gold"]
    known = {
        example_hash(row.text, row.category or OUT_OF_SCOPE_LABEL)
        for row, each in zip(rows, use, strict=True)
        if each == "known"
    }
    labels = [row for row, each in zip(rows, use, strict=True) if each != "gold"]
    said_by = {row.ticket_id: SaidBy("owner", "U1", settled=True) for row in rows}
    made = assemble(PACK, labels, frozenset(SLUGS), gold=gold, said_by=said_by, learned=known, names=NAMES)
    material = material_of(job(made), TrainingConfig())
    named = {example_hash(name.text, name.label) for name in NAMES}
    check_manifest(material.manifest, material.train, STARTER | named)
    assert material.manifest["names"] == len(made.names) <= len(NAMES)
    assert material.manifest["starter_messages"] == len(material.train) - len(made.names) - made.labels
    # a person's word on a starter message is a label like any other
    behind = {str(row.label_ids[0]) for row in rows}
    assert {each for row in material.manifest["people"] for each in row["labels"]} <= behind
    judged = {" ".join(example.text.lower().split()) for example in material.judged.examples}
    taught = {" ".join(example.text.lower().split()) for example in (*material.train, *material.validation)}
    assert not judged & taught
    assert not {row.text for row in gold if row.category != "retired"} & taught
