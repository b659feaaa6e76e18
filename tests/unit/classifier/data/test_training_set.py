"""What a retraining learns from and is judged on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import get_args
from uuid import UUID

import pytest

from bot.blocks.retraining import STAGES
from classifier.contract import OUT_OF_SCOPE_LABEL
from classifier.data.dataset import Example, StarterCategory, StarterPack, starter_pack
from classifier.data.manifest import example_hash
from classifier.data.training_set import (
    FEWEST_RECENT,
    LABEL_WEIGHT,
    MOST_RECENT,
    VALIDATION_SHARE,
    assemble,
)
from classifier.progress import Stage
from classifier.retraining.job import HeadUpdate, RetrainJob
from classifier.retraining.labels import example_of
from storage.feedback.labels import LabelledText
from tests.factories.rows import NOW

SLUGS = frozenset({"login", "network"})


def pack(each: int = 50, held_out: int = 10) -> StarterPack:
    """Make a pack of two categories and out-of-scope messages, all texts different."""
    labels = [*sorted(SLUGS), OUT_OF_SCOPE_LABEL]
    return StarterPack(
        tuple(StarterCategory(slug, slug, slug, "", "") for slug in sorted(SLUGS)),
        tuple(starter(f"{label} message {index}", label) for label in labels for index in range(each)),
        tuple(starter(f"{label} kept back {index}", label) for label in labels for index in range(held_out)),
    )


def starter(text: str, label: str) -> Example:
    return Example(text, label, source="starter")


def said(
    text: str, label: str, ticket: int = 1, *, role: str = "", voice: str = "", minute: int = 0
) -> Example:
    """A person's label, as it is read from the database."""
    return Example(
        text, label, voice=voice, role=role, said_at=NOW + timedelta(minutes=minute), source="person",
        ticket=str(UUID(int=ticket)), label_ids=(str(UUID(int=10_000 + ticket)),),
    )  # fmt: skip


def test_without_labels_it_is_the_starter_pack():
    made = assemble(pack(), [], SLUGS)
    assert (made.people, made.starter) == ((), 150)
    assert Counter(made.train) + Counter(made.validation) == Counter(pack().train)
    assert Counter(made.held_out) == Counter(pack().held_out)


def test_a_share_of_each_label_is_watched_for_early_stopping():
    made = assemble(pack(), [], SLUGS)
    assert Counter(example.label for example in made.validation) == {
        label: round(50 * VALIDATION_SHARE) for label in (*SLUGS, OUT_OF_SCOPE_LABEL)
    }


def test_a_persons_label_is_learned_with_its_weight_and_never_only_watched():
    label = said("the wlan is gone", "network")
    made = assemble(pack(), [label], SLUGS)
    assert made.people == (replace(label, weight=LABEL_WEIGHT),)
    assert "the wlan is gone" not in {example.text for example in (*made.validation, *made.held_out)}


def test_none_of_these_is_out_of_scope():
    none = LabelledText(UUID(int=1), (UUID(int=2),), "lunch?", None, NOW)
    made = assemble(pack(), [example_of(none)], SLUGS)
    assert [(e.text, e.label) for e in made.people] == [("lunch?", OUT_OF_SCOPE_LABEL)]


def test_a_persons_label_wins_over_a_starter_message_with_the_same_words():
    made = assemble(pack(), [said("Login  MESSAGE 3", "network")], SLUGS)
    same = [
        example for example in (*made.train, *made.validation) if example.text.lower().endswith("message 3")
    ]
    assert [e.label for e in same if "login" in e.text.lower()] == ["network"]
    assert made.starter == 149


def test_a_message_that_a_person_labelled_is_no_longer_judged_on():
    made = assemble(pack(), [said("login kept back 2", "login")], SLUGS)
    assert "login kept back 2" not in {example.text for example in made.held_out}
    assert len(made.held_out) == 29


def test_a_retired_category_is_neither_learned_nor_judged_on():
    labels = [said("old one", "network"), said("still here", "login", 2)]
    made = assemble(pack(), labels, frozenset({"login"}))
    everything = (*made.train, *made.validation, *made.held_out)
    assert {example.label for example in everything} == {"login", OUT_OF_SCOPE_LABEL}
    assert len(made.people) == 1


def test_a_label_for_a_retired_category_does_not_take_a_starter_message_away():
    made = assemble(pack(), [said("login message 3", "gone")], SLUGS)
    assert "login message 3" in {example.text for example in (*made.train, *made.validation)}


def test_a_labelled_message_without_words_is_left_out():
    made = assemble(pack(), [said("  ", "login")], SLUGS)
    assert made.people == ()


def test_a_category_of_the_workspaces_own_is_learned_from_its_labels():
    labels = [said(f"the coffee machine {index}", "kitchen", index) for index in range(3)]
    made = assemble(pack(), labels, SLUGS | {"kitchen"})
    assert Counter(example.label for example in made.train)["kitchen"] == 3


def test_the_same_seed_makes_the_same_split():
    assert assemble(pack(), [], SLUGS, seed=3) == assemble(pack(), [], SLUGS, seed=3)
    assert assemble(pack(), [], SLUGS, seed=3).validation != assemble(pack(), [], SLUGS, seed=4).validation


def test_the_real_pack_leaves_something_of_each_category_for_each_use():
    real = starter_pack()
    made = assemble(real, [], frozenset(category.slug for category in real.categories))
    labels = {category.slug for category in real.categories} | {OUT_OF_SCOPE_LABEL}
    for part in (made.train, made.validation, made.held_out):
        assert {example.label for example in part} == labels
    texts = Counter(example.text for example in (*made.train, *made.validation, *made.held_out))
    assert max(texts.values()) == 1


def test_each_stage_of_a_training_has_words_in_slack():
    assert set(get_args(Stage)) <= set(STAGES)


def test_starter_messages_of_a_merged_category_teach_what_it_was_merged_into():
    merged = assemble(pack().following({"login": "network"}), [], frozenset({"network"}))
    counts = Counter(example.label for example in (*merged.train, *merged.validation))
    assert counts == {"network": 100, OUT_OF_SCOPE_LABEL: 50}
    assert Counter(example.label for example in merged.held_out)["network"] == 20


def stream(count: int, label: str = "login") -> list[Example]:
    """Labels of one category, a minute apart, all texts different."""
    return [said(f"{label} case {i}", label, i + 1, minute=i) for i in range(count)]


def learned(labels: list[Example]) -> frozenset[str]:
    return frozenset(example_hash(label.text, label.label) for label in labels)


@pytest.mark.parametrize(
    ("count", "judging"),
    [(1, 0), (39, 0), (99, 0), (100, 20), (101, 20), (500, 100), (1000, 200), (1100, MOST_RECENT)],
)
def test_the_newest_fifth_judges_where_there_are_enough(count: int, judging: int):
    labels = stream(count)
    made = assemble(pack(), labels, SLUGS, learned=frozenset())
    assert [example.judges for example in made.own] == ["recent"] * judging
    assert len(made.people) == count - judging
    assert {example.text for example in made.own} == {label.text for label in labels[count - judging :]}


def test_a_single_correction_after_a_training_is_always_learned():
    before, after = stream(400)[:399], stream(400)[399:]
    made = assemble(pack(), [*before, *after], SLUGS, learned=learned(before))
    assert made.own == ()
    assert after[0].text in {example.text for example in made.train}


def test_only_labels_that_the_present_model_does_not_know_judge():
    labels = stream(400)
    made = assemble(pack(), labels, SLUGS, learned=learned(labels[:350]))
    judging = {example.ticket for example in made.own}
    # half of the fifty new ones: the older half is learned now, and the younger with the next training
    assert judging == {label.ticket for label in labels[375:]}


def test_nothing_recent_judges_where_nobody_knows_what_the_present_model_learned():
    assert assemble(pack(), stream(400), SLUGS, learned=None).own == ()


def test_judging_takes_no_label_from_a_small_category():
    labels = [*stream(400), *(stream(420, "kitchen")[412:])]
    made = assemble(pack(), labels, SLUGS | {"kitchen"}, learned=frozenset())
    assert Counter(example.label for example in made.train)["kitchen"] == 8
    assert len(made.own) >= FEWEST_RECENT


def test_a_message_that_came_twice_does_not_judge():
    labels = stream(200)
    again = [
        replace(label, text=label.text.upper(), ticket=str(UUID(int=900 + i)))
        for i, label in enumerate(labels[190:])
    ]
    made = assemble(pack(), [*labels, *again], SLUGS, learned=frozenset())
    judging = {example.text.lower() for example in made.held_out}
    assert not judging & {example.text.lower() for example in made.train}


def test_a_frozen_ticket_judges_and_nothing_with_its_words_is_learned():
    frozen, same = said("the wlan is gone", "network"), said("The WLAN is gone", "login", 2)
    made = assemble(pack(), [same], SLUGS, gold=[frozen])
    assert "the wlan is gone" not in {example.text.lower() for example in made.train}
    assert (made.held_out[-1].label, made.own[0].judges) == ("network", "gold")


def test_a_category_with_too_few_messages_waits_and_the_others_are_learned():
    labels = [said("the coffee machine", "kitchen", 1), said("no milk", "kitchen", 2)]
    made = assemble(pack(), labels, SLUGS | {"kitchen"})
    assert made.scarce == ("kitchen",)
    assert "kitchen" not in {example.label for example in (*made.train, *made.held_out)}


def test_what_a_category_is_called_and_about_teaches_like_a_label_but_is_no_message():
    names = [
        Example("Wires", "network"),
        Example("Cables and routers", "network"),
        Example("Cooking", "kitchen"),
    ]
    labels = [said("the coffee machine", "kitchen", 1), said("no milk", "kitchen", 2)]
    made = assemble(pack(), labels, SLUGS | {"kitchen"}, names=names)
    called = tuple(replace(e, weight=LABEL_WEIGHT, source="name") for e in names[:2])
    assert made.names == called
    assert made.scarce == ("kitchen",)
    without = assemble(pack(), labels, SLUGS | {"kitchen"})
    assert (made.train, made.starter) == ((*called, *without.train), 150)


@pytest.mark.parametrize("text", ["", " ", "the WLAN is gone", "the printer", "network kept back 2"])
def test_a_name_with_the_words_of_a_message_that_judges_or_that_people_labelled_teaches_nothing(text: str):
    label, gold = said("the wlan is gone", "login"), said("the printer", "network", 2)
    made = assemble(pack(), [label], SLUGS, gold=[gold], names=[Example(text, "network")])
    assert made.names == ()


@pytest.mark.parametrize(("role", "share"), [("admin", 1.0), ("owner", 1.0), ("staff", 0.9), ("import", 0.5)])
def test_a_label_weighs_by_the_role_of_who_gave_it(role: str, share: float):
    made = assemble(pack(), [said("the wlan is gone", "network", role=role, voice="U1")], SLUGS)
    assert (made.train[-1].weight, made.train[-1].voice) == (share * LABEL_WEIGHT, "U1")


def test_without_a_category_of_the_starter_pack_the_training_chooses_what_it_watches():
    labels = [*stream(5, "kitchen"), *(said(f"desk {n}", "desks", 50 + n) for n in range(5))]
    made = assemble(pack(), labels, frozenset({"kitchen", "desks"}))
    assert made.validation == ()
    assert Counter(example.label for example in made.train)[OUT_OF_SCOPE_LABEL] == 50


def test_what_nobody_labelled_stands_apart_from_what_teaches_and_judges():
    made = assemble(pack(), [said("the wlan is gone", "network")], SLUGS)
    known = [made.train[0].text, made.validation[0].text.upper(), made.held_out[0].text]
    among = made.among(["newest", *known, "  ", "Older  one", "The WLAN is gone", "older one", "oldest"])
    assert among.unlabelled == ("newest", "Older  one", "oldest")
    assert (among.train, made.unlabelled) == (made.train, ())


def test_it_comes_back_whole_from_the_childs_job():
    label = said("the wlan is gone", "network", role="owner", voice="U1", minute=3)
    names = [Example("Wires", "network")]
    made = assemble(pack(), [label], SLUGS, gold=[said("no net", "network", 2)], names=names)
    made = made.among(["what nobody labelled"])
    job = RetrainJob(made, {"epochs": 3}, "home", "folder", "v1", HeadUpdate(("network",), ()))
    assert RetrainJob.decode(job.encode()) == job
