"""Which messages a model cannot be sure of, whatever its scores."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifier.data.dataset import starter_pack
from classifier.feedback.languages import is_foreign, learned_languages

CASES = Path(__file__).parents[3] / "data" / "cases" / "other-languages.txt"
GERMAN = [
    "Der Drucker im dritten Stock hat Papierstau",
    "Ich kann mich nicht anmelden",
    "Die Rechnung ist falsch",
]


@pytest.mark.parametrize(
    "text",
    [
        *CASES.read_text("utf-8").splitlines(),
        "La impresora no funciona",
        "mijn laptop start niet op",
        "助けてください",
    ],
)
def test_another_language_is_foreign(text: str):
    assert is_foreign(text, ("en",))


@pytest.mark.parametrize(
    "text",
    [
        "my vpn drops every hour",
        "printer jam on floor three, paper everywhere",
        "thx guys",  # too few words to say
        "how do i change my oil",  # English that the identifier takes for Nigerian Pidgin
        "",
        "?!... --- (((",
        ":sob: :sob: :sob:",
        "```NullPointerException bei com.example.Rechnung```",
        "https://example.de/anmelden/passwort/vergessen/bitte",
    ],
)
def test_english_and_what_is_no_language_is_not(text: str):
    assert not is_foreign(text, ("en",))


def test_what_was_learned_is_not_foreign():
    assert not is_foreign(GERMAN[0], ("en", "de"))
    assert is_foreign("Je n'arrive pas à me connecter", ("en", "de"))


def test_hardly_any_message_of_the_starter_pack_is_foreign():
    texts = [example.text for example in starter_pack().train]
    assert sum(is_foreign(text, ("en",)) for text in texts) <= 0.002 * len(texts)


def test_a_model_learns_the_languages_of_enough_of_its_messages():
    english = ["my vpn drops every hour"] * 20
    assert learned_languages(english + GERMAN) == ("en",)
    assert learned_languages(english + GERMAN * 5) == ("en", "de")
    assert learned_languages([]) == learned_languages(["?"]) == ("en",)
