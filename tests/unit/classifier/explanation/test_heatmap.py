"""The picture of a message, read back pixel by pixel."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image

from classifier.contract import Explanation, Prediction, Word
from classifier.explanation.heatmap import DARK, LIGHT, WIDTH, _visual, alternative_text, heatmap, pieces_of


def explained(text: str, scores: dict[str, float] | None = None) -> Explanation:
    scores = scores or {}
    words = tuple(
        Word(m.group(), m.start(), m.end(), scores.get(m.group(), 0.0)) for m in re.finditer(r"\w+", text)
    )
    prediction = Prediction("card", 0.93, (("card", 0.93), ("x", 0.07)), words, 0.1, np.zeros(2), "v")
    return Explanation(prediction, "leave_one_out", words, (), 0.2, "x", 0.3)


def drawn(text: str, scores: dict[str, float] | None = None, **options) -> np.ndarray:
    png = heatmap(text, explained(text, scores), **options)
    return np.asarray(Image.open(io.BytesIO(png)))


def where(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """x of each column above the legend that holds the colour."""
    above = picture[: picture.shape[0] * 6 // 10]
    return np.flatnonzero((above == np.array(colour)).all(axis=2).any(axis=0))


def test_the_strongest_words_get_the_full_shades_where_they_stand():
    picture = drawn("lost my card today", {"lost": 2.0, "today": -2.0})
    speaks_for, against = where(picture, LIGHT.speaks_for), where(picture, LIGHT.speaks_against)
    assert len(speaks_for) > 20
    assert len(against) > 20
    assert speaks_for.max() < against.min()


@pytest.mark.parametrize("dark", [False, True])
def test_letters_stand_out_from_every_shade(dark):
    theme = DARK if dark else LIGHT

    def light(colour):
        parts = [c / 255 for c in colour]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for behind in (theme.paper, theme.speaks_for, theme.speaks_against):
        pair = sorted((light(theme.ink), light(behind)))
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5  # WCAG 2.2, level AA
    picture = drawn("lost my card", {"lost": 1.0}, dark=dark)
    assert tuple(picture[0, 0]) == theme.paper


def test_a_line_of_a_right_to_left_script_begins_at_the_right():
    picture = drawn("שלום עולם טוב", {"שלום": 1.0})
    assert where(picture, LIGHT.speaks_for).min() > picture.shape[1] / 2
    turned = drawn("hello שלום", {"hello": 1.0})
    assert where(turned, LIGHT.speaks_for).max() < turned.shape[1] / 2


def test_runs_against_the_direction_are_turned_round():
    line = pieces_of("אבג VPN client דהו", ())
    assert [p.text for p in _visual(line, from_right=True)] == ["דהו", "VPN", "client", "אבג"]
    line = pieces_of("open אבג דהו now", ())
    assert [p.text for p in _visual(line, from_right=False)] == ["open", "דהו", "אבג", "now"]


def test_punctuation_stays_at_its_word_and_nothing_is_lost():
    line = pieces_of("Hello, (card) x", explained("Hello, (card) x").words)
    assert [(p.text, p.glued) for p in line] == [
        ("Hello", False),
        (",", True),
        ("(", False),
        ("card", True),
        (")", True),
        ("x", False),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "...",
        "😀 🎉",
        "卡还没有到",
        "word " * 2000,
        "x" * 20_000,
        "a\u202eb\u2066 \x00c",
        "لا أستطيع VPN منذ",
    ],
)
def test_any_message_is_drawn(text):
    picture = drawn(text, {"word": 1.0})
    assert picture.shape[1] == 2 * WIDTH
    assert picture.shape[0] < 2 * 40 * 130


def test_words_stand_in_for_the_picture():
    said = alternative_text(explained("lost my card", {"lost": 2.0, "my": -0.5}))
    assert said == "card, 93%. Words by their weight: lost +2.00, my -0.50, card +0.00."
    assert alternative_text(explained("...")).endswith("none.")
