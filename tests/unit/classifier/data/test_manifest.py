"""What a model learned from, and the proof that people stand behind it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.contract import OUT_OF_SCOPE_LABEL, BrokenModel, InvalidInput
from classifier.data.dataset import Example, StarterCategory, StarterPack
from classifier.data.manifest import (
    MANIFEST_FILE,
    check_manifest,
    encoded,
    example_hash,
    learned_by,
    manifest_hash,
    manifest_of,
)
from classifier.data.training_set import assemble
from classifier.model.metadata import ModelFacts
from classifier.retraining.job import RetrainJob
from classifier.training.config import TrainingConfig
from classifier.training.label_noise import clean_labels
from tests.factories.rows import NOW

SLUGS = ("login", "network")
PACK = StarterPack(
    tuple(StarterCategory(slug, slug, slug, "", "") for slug in SLUGS),
    tuple(
        Example(f"{label} {i}", label, source="starter")
        for label in (*SLUGS, OUT_OF_SCOPE_LABEL)
        for i in range(12)
    ),
    tuple(Example(f"{label} kept {i}", label) for label in (*SLUGS, OUT_OF_SCOPE_LABEL) for i in range(4)),
)
NAMES = (Example("Sign-in", "login"), Example("The printer 7", "network"), Example("login kept 1", "login"))
STARTER = frozenset(example_hash(example.text, example.label) for example in PACK.train)


def said(text: str = "no wifi", label: str = "network", *ids: str) -> Example:
    """What a person labelled."""
    return Example(text, label, 7.2, role="staff", source="person", label_ids=ids or ("l1",))


def test_the_same_message_has_one_hash_however_it_is_written():
    assert example_hash("No  WiFi\n", "network") == example_hash("no wifi", "network")
    assert example_hash("no wifi", "login") != example_hash("no wifi", "network")


def test_the_order_of_the_labels_does_not_matter():
    learned = [said("a"), said("b", "login", "l3", "l2")]
    turned = [said("b", "login", "l2", "l3"), said("a")]
    made = [manifest_of("s", rows) for rows in (learned, turned)]
    assert manifest_hash(made[0]) == manifest_hash(made[1])
    assert manifest_hash(made[0]) != manifest_hash(manifest_of("s", learned[:1]))


def test_it_holds_nobodys_message():
    assert b"wifi" not in encoded(manifest_of("s", [said("my wifi at 3 Elm Road")]))


def test_an_example_without_a_label_is_refused():
    for example in (replace(said(), label_ids=()), replace(said(), label_ids=("",)), Example("a", "network")):
        with pytest.raises(InvalidInput, match="no person labelled"):
            manifest_of("s", [PACK.train[0], example])


def test_what_was_learned_must_be_listed_or_be_of_the_starter_pack():
    learned = [PACK.train[0], said()]
    check_manifest(manifest_of("s", learned), learned)
    with pytest.raises(InvalidInput, match="no person labelled"):
        check_manifest(manifest_of("s", learned[:1]), learned)
    with pytest.raises(InvalidInput, match="no person labelled"):  # twice learned, once labelled
        check_manifest(manifest_of("s", learned), [*learned, learned[1]])
    with pytest.raises(InvalidInput, match="not in the training"):
        check_manifest(manifest_of("s", [*learned, said("x")]), learned)


def test_it_is_read_back_from_a_model_directory(tmp_path):
    (tmp_path / MANIFEST_FILE).write_bytes(encoded(manifest_of("s", [said()])))
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
    learned = [PACK.train[0], said()]
    manifest = manifest_of("s", learned, {example_hash("old", "login")})
    (tmp_path / MANIFEST_FILE).write_bytes(encoded(manifest))
    assert learned_by(tmp_path) == {example_hash("no wifi", "network"), example_hash("old", "login")}
    check_manifest(manifest, learned)


def test_an_example_that_nobody_labelled_is_no_training_example():
    with pytest.raises(InvalidInput, match="only what a person labelled"):
        assemble(PACK, [replace(said(), label_ids=())], frozenset(SLUGS))


histories = st.lists(
    st.tuples(
        st.integers(0, 30),  # the words; some come twice, some are the starter pack's
        st.sampled_from([*SLUGS, OUT_OF_SCOPE_LABEL, "retired"]),
        st.sampled_from(["teach", "gold", "known"]),
    ),
    max_size=160,
)


@settings(max_examples=60, deadline=None)
@given(histories)
def test_every_example_is_a_starter_message_or_has_a_label_and_none_teaches_and_judges(history):
    texts = [f"login {number}" if number < 5 else f"the printer {number}" for number, _, _ in history]
    rows = [
        Example(
            text, label, voice="U1", role="owner", said_at=NOW + timedelta(minutes=i), source="person",
            ticket=str(UUID(int=i + 1)), label_ids=(str(UUID(int=1000 + i)),), settled=True,
        )
        for i, (text, (_, label, _)) in enumerate(zip(texts, history, strict=True))
    ]  # fmt: skip
    use = [use for _, _, use in history]
    gold = [row for row, each in zip(rows, use, strict=True) if each == "gold"]
    known = {
        example_hash(row.text, row.label) for row, each in zip(rows, use, strict=True) if each == "known"
    }
    labels = [row for row, each in zip(rows, use, strict=True) if each != "gold"]
    made = assemble(PACK, labels, frozenset(SLUGS), gold=gold, learned=known, names=NAMES)
    made = RetrainJob.decode(RetrainJob(made, {}, "home", "folder", None).encode()).training
    clean = clean_labels(made.train, TrainingConfig(), made.held_out)
    manifest = manifest_of(made.starter_hash, clean.train)
    check_manifest(manifest, clean.train)
    named = {example_hash(name.text, name.label) for name in NAMES}
    listed = Counter(row["example"] for row in manifest["people"])
    rest = Counter(example_hash(example.text, example.label) for example in clean.train) - listed
    assert set(rest) <= STARTER | named
    assert manifest["names"] == len(made.names) <= len(NAMES)
    assert manifest["starter_messages"] == len(clean.train) - len(made.names) - len(made.people)
    # a person's word on a starter message is a label like any other
    behind = {row.label_ids[0] for row in rows}
    assert {each for row in manifest["people"] for each in row["labels"]} <= behind
    judged = {" ".join(example.text.lower().split()) for example in clean.held_out}
    taught = {" ".join(example.text.lower().split()) for example in (*clean.train, *made.validation)}
    assert not judged & taught
    assert not {row.text for row in gold if row.label != "retired"} & taught
