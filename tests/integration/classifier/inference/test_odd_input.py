import math

import pytest

from classifier.inference.torch_predictor import TorchPredictor
from tests.factories.tiny_bert import tiny_bert, tiny_model

UNREADABLE = {
    "nothing": "",
    "white space": " \n\t ",
    "punctuation": "?!... --- (((",
    "null characters": "\x00\x00",
    "direction marks": "\u202e\u200f\u2066",
    "lone surrogates": "\ud800\udfff",
    "Arabic": "لا أستطيع تسجيل الدخول إلى حسابي",
    "Chinese": "我无法登录我的账户，请帮忙重置密码",
    "Japanese": "ログインできません。パスワードを忘れました",
    "Hindi": "मैं लॉगिन नहीं कर पा रहा हूँ",
    "Thai": "ไม่สามารถเข้าสู่ระบบได้ กรุณาช่วยด้วย",
}
READABLE = {
    "German": "Ich kann mich nicht anmelden, mein Passwort geht nicht",
    "emoji": "\U0001f600\U0001f525\U0001f469\u200d\U0001f4bb",
    "code": "```if (x == null) { return y; }```",
    "code without a fence": "for (i = 0; i < n; i++) { a[i] += 1; }",
    "zalgo": "".join(letter + "\u0335\u0321\u035d\u0322" * 20 for letter in "password"),
    "right to left around a word": "\u202epassword\u202c locked",
    "a surrogate in a word": "pass\ud800word locked",
    "a null in a word": "pass\x00word locked",
    "a link": "<https://example.com/a/b?c=1>",
    "one endless word": "a" * 5000,
}


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    return TorchPredictor(tiny_model(tiny_bert(tmp_path_factory.mktemp("base"))))


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_text_that_cannot_be_read_gets_an_honest_not_sure(predictor, name):
    (prediction,) = predictor.predict([UNREADABLE[name]])
    assert prediction.out_of_scope == 1.0
    assert prediction.words == ()


@pytest.mark.parametrize("name", READABLE)
def test_every_odd_text_gets_an_answer(predictor, name):
    (prediction,) = predictor.predict([READABLE[name]])
    assert prediction.category in predictor.facts.labels
    assert math.isfinite(prediction.confidence)
    assert 0 <= prediction.out_of_scope <= 1
    for word in prediction.words:
        assert READABLE[name][word.start : word.end] == word.text
        word.text.encode("utf-8")


def test_a_few_foreign_words_do_not_hide_what_is_readable(predictor):
    (prediction,) = predictor.predict(["my password is locked 请帮"])
    assert prediction.category == "login"
    assert prediction.out_of_scope < 1.0


@pytest.mark.parametrize(("text", "truncated"), [("vpn " * 5, False), ("vpn " * 25_000, True)])
def test_only_a_text_that_is_too_long_is_truncated(predictor, text, truncated):
    (prediction,) = predictor.predict([text])
    assert prediction.truncated is truncated
    assert prediction.category == "network"


def test_a_condensed_log_is_not_truncated(predictor):
    log = "".join(f"2026-01-02 10:30:{n:02} ERROR vpn[1]: proxy failed\n" for n in range(60))
    (prediction,) = predictor.predict([log + "help please"])
    assert not prediction.truncated


def test_all_odd_texts_in_one_batch_are_answered_in_order(predictor):
    texts = [*UNREADABLE.values(), "refund please", *READABLE.values()]
    predictions = predictor.predict(texts)
    assert len(predictions) == len(texts)
    assert predictions[len(UNREADABLE)].category == "billing"
