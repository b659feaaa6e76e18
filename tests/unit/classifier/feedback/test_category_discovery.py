"""Groups of tickets that no category fits, planted among others."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.feedback.category_discovery import (
    Doubtful,
    measure_space,
    name_words,
    propose_groups,
    words_of,
)

HIDDEN = 48


def direction(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=HIDDEN)
    return vector / np.linalg.norm(vector)


def around(centre: np.ndarray, count: int, seed: int, spread: float = 0.09) -> np.ndarray:
    moved = centre + spread * np.random.default_rng(seed).normal(size=(count, HIDDEN))
    return (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)


LOGIN, BILLING, BADGE, PARKING = (direction(seed) for seed in range(4))
SPACE = measure_space(
    np.concatenate([around(LOGIN, 20, 10), around(BILLING, 20, 11)]), ["login"] * 20 + ["billing"] * 20
)
OTHERS = [f"my password for the account is locked {i}" for i in range(30)] + ["the invoice is wrong"] * 20


def tickets(centre: np.ndarray, texts: list[str], name: str, seed: int) -> list[Doubtful]:
    vectors = around(centre, len(texts), seed)
    return [
        Doubtful(f"{name}-{i}", text, vector)
        for i, (text, vector) in enumerate(zip(texts, vectors, strict=True))
    ]


def badges(count: int = 8) -> list[Doubtful]:
    doors = ("front", "garage", "lab", "back", "side", "north", "south", "east", "west", "roof")
    return tickets(BADGE, [f"my badge does not open the {d} door" for d in doors[:count]], "badge", 20)


def noise(count: int = 25) -> list[Doubtful]:
    return [
        Doubtful(f"noise-{i}", f"something odd {i}", direction(100 + i).astype(np.float32))
        for i in range(count)
    ]


def test_a_planted_group_is_found_with_words_that_name_it_and_its_best_examples_first():
    members = badges()
    (group,) = propose_groups([*noise(), *members], OTHERS, SPACE)
    assert set(group.members) == {ticket.id for ticket in members}
    assert set(group.words[:2]) == {"badge", "door"}
    centre = np.mean([ticket.vector for ticket in members], axis=0)
    similar = {ticket.id: float(ticket.vector @ centre) for ticket in members}
    assert list(group.members) == sorted(similar, key=lambda one: -similar[one])


def test_two_groups_are_two_proposals_the_larger_one_first():
    spots = tickets(PARKING, [f"no parking spot on level {i} of the garage" for i in range(6)], "spot", 21)
    groups = propose_groups([*spots, *badges(), *noise()], OTHERS, SPACE)
    assert [group.members[0].split("-")[0] for group in groups] == ["badge", "spot"]


def test_four_tickets_are_no_group():
    assert propose_groups([*badges(4), *noise()], OTHERS, SPACE) == []


def test_scattered_tickets_are_no_group():
    assert propose_groups(noise(60), OTHERS, SPACE) == []


def test_what_lies_with_a_category_needs_labels_and_no_category():
    unsure = tickets(LOGIN, [f"the token for my phone {i} is gone" for i in range(9)], "token", 22)
    assert propose_groups([*unsure, *noise()], OTHERS, SPACE) == []


def test_nearly_the_same_group_is_not_proposed_again():
    members = badges(10)
    (yesterday,) = propose_groups(members[:8], OTHERS, SPACE)
    assert propose_groups(members[1:], OTHERS, SPACE, [yesterday.members]) == []
    assert len(propose_groups(members[1:], OTHERS, SPACE, [["noise-1", "noise-2"], []])) == 1


def test_the_key_hangs_on_the_members_and_not_on_their_order():
    one, other = (propose_groups(made, OTHERS, SPACE) for made in (badges(), badges()[::-1]))
    assert one[0].key == other[0].key


def test_without_labelled_tickets_groups_are_found_all_the_same():
    space = measure_space(np.zeros((0, HIDDEN), np.float32), [])
    assert len(propose_groups([*badges(), *noise()], OTHERS, space)) == 1


def test_a_word_of_fewer_than_three_members_never_names_a_group():
    texts = ["Miriam lost the badge", "Miriam needs a badge", "badge of mine", "badge gone", "badge broken"]
    from collections import Counter

    words = name_words(texts, Counter(word for text in texts for word in words_of(text)))
    assert words == ("badge",)


@pytest.mark.parametrize(
    "text",
    [
        "<@U0SAM> <#C0HELP>",
        "sam@acme.com",
        "https://acme.com/badge",
        "[email] [phone]",
        ":wave:",
        "12345",
        "the",
    ],
)
def test_mentions_addresses_placeholders_and_numbers_are_no_words(text):
    assert words_of(text) == frozenset()
