"""The starter pack keeps what it promises: enough of everything, no templates, an honest held-out part."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import combinations

import pytest

from bot.blocks.common import CategoryView
from bot.blocks.ticket_card import routed_card
from bot.slack.emoji import CONFIRM, NONE_OF_THESE, normalise
from classifier.contract import OUT_OF_SCOPE_LABEL
from classifier.data.dataset import Example, StarterPack, starter_pack
from playground.blocks.validation import check_message_blocks
from tests.factories.rows import TICKET

WORD = re.compile(r"\w+")
SAME = 0.7
HELD_OUT = 0.2


@pytest.fixture(scope="module")
def pack() -> StarterPack:
    return starter_pack()


@pytest.fixture(scope="module")
def by_label(pack: StarterPack) -> dict[str, list[Example]]:
    found = defaultdict(list)
    for example in (*pack.train, *pack.held_out):
        found[example.label].append(example)
    return dict(found)


def words(text: str) -> frozenset[str]:
    return frozenset(WORD.findall(text.lower()))


def test_there_are_at_least_twelve_categories(pack: StarterPack):
    assert len(pack.categories) >= 12


def test_each_category_has_at_least_sixty_messages(by_label: dict[str, list[Example]]):
    scarce = {label: len(rows) for label, rows in by_label.items() if len(rows) < 60}
    assert scarce == {}


def test_there_are_at_least_a_hundred_out_of_scope_messages(by_label: dict[str, list[Example]]):
    assert len(by_label[OUT_OF_SCOPE_LABEL]) >= 100


def test_labels_are_the_categories_slugs_and_out_of_scope(
    pack: StarterPack, by_label: dict[str, list[Example]]
):
    slugs = [category.slug for category in pack.categories]
    assert len(set(slugs)) == len(slugs)
    assert set(by_label) == {*slugs, OUT_OF_SCOPE_LABEL}
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", slug) for slug in slugs)


def test_a_fifth_of_each_label_is_held_out(pack: StarterPack, by_label: dict[str, list[Example]]):
    held_out = Counter(example.label for example in pack.held_out)
    wrong = {
        label: held_out[label]
        for label, rows in by_label.items()
        if abs(held_out[label] - HELD_OUT * len(rows)) > 1
    }
    assert wrong == {}


def test_no_two_messages_of_a_category_are_nearly_the_same(by_label: dict[str, list[Example]]):
    alike = [
        (one, other)
        for rows in by_label.values()
        for (one, ones), (other, others) in combinations([(row.text, words(row.text)) for row in rows], 2)
        if len(ones & others) > SAME * len(ones | others)
    ]
    assert alike == []


def test_no_message_stands_in_it_twice(pack: StarterPack):
    texts = Counter(" ".join(example.text.lower().split()) for example in (*pack.train, *pack.held_out))
    assert [text for text, count in texts.items() if count > 1] == []


def test_emoji_are_unique_and_none_means_right_or_wrong(pack: StarterPack):
    names = [normalise(category.emoji) for category in pack.categories]
    assert len(set(names)) == len(names)
    assert not set(names) & (CONFIRM | NONE_OF_THESE)
    assert all(re.fullmatch(r"[a-z0-9_+-]+", name) for name in names)


def test_each_category_has_a_name_a_line_of_description_and_a_channel(pack: StarterPack):
    for category in pack.categories:
        assert 0 < len(category.name) <= 40
        assert 0 < len(category.description) <= 75, "a menu would cut it"
        assert re.fullmatch(r"[a-z0-9_-]{1,80}", category.destination), "a channel's name in Slack"
    names = [category.name for category in pack.categories]
    assert len(set(names)) == len(names)


def test_messages_are_as_people_write(by_label: dict[str, list[Example]]):
    everything = [example.text for rows in by_label.values() for example in rows]
    lengths = sorted(len(words(text)) for text in everything)
    assert lengths[len(lengths) // 10] <= 8, "short ones"
    assert lengths[-len(lengths) // 10] >= 20, "long ones"
    for mark in ("```", "http", "?", "!"):
        assert sum(mark in text for text in everything) >= 10, mark


def test_all_its_categories_fit_on_a_card_with_their_descriptions(pack: StarterPack):
    views = [CategoryView(c.slug, c.name, c.emoji, c.description, c.destination) for c in pack.categories]
    card = routed_card(TICKET, views[0], 0.9, ["password"], views)
    check_message_blocks(card.blocks, {})
    menu = card.blocks[1]["elements"][-1]
    assert [option["description"]["text"] for option in menu["options"][:-1]] == [
        v.description for v in views
    ]
    assert "more in my Home tab" not in card.blocks[-1]["elements"][0]["text"]
