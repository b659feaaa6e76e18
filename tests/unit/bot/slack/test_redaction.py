"""What must go, what must stay, and that no text makes it slow."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack.redaction import MAX_CHARACTERS, redact
from classifier.data.dataset import starter_pack
from tests.factories.redaction_lists import SECRET_KINDS, changed, innocent, kept, promised

PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\n-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
LONG = 40_000
GENEROUS_SECONDS = 10
"""A pattern that is quadratic takes minutes on a text of LONG characters; a loaded machine may be slow."""
LISTS = ("promised", "promised-held-out", "promised-later")


def joined(*parts: str) -> str:
    """Put a made-up secret together here, so that no scanner takes this file for a leak."""
    return "".join(parts)


@pytest.mark.parametrize(
    "secret",
    [
        joined("xox", "b-123456789012-abcdefABCDEF"),
        joined("xoxe.", "xoxp-1-Mi0yLTEyMzQ1Njc4OTA"),
        joined("xapp", "-1-A0123-456-abcdef"),
        joined("sk", "_live_abcdefgh1234"),
        joined("sk", "-proj-abcdefghijklmnop"),
        joined("gh", "p_", "a1" * 18),
        joined("github", "_pat_", "a1" * 18),
        joined("glp", "at-", "abcdefghijklmnop"),
        joined("np", "m_", "a1" * 18),
        joined("AK", "IA", "ABCDEFGHIJKLMNOP"),
        joined("AI", "za", "Sy" * 18),
        JWT,
    ],
)
def test_tokens_go(secret: str):
    assert redact(f"it says {secret} is wrong") == "it says [token] is wrong"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Authorization: Bearer abc.def-123456", "Authorization: Bearer [token]"),
        ("authorization: basic YW5uYTpwYXNz", "authorization: basic [token]"),
        ("https://hooks.slack.com/services/T0/B0/abcdef", "https://hooks.slack.com/[token]"),
        ("postgres://anna:s3cret@db.internal/x", "postgres://[password]@db.internal/x"),
        ("password=hunter", "password=[password]"),
        ("Password: hunter", "Password: [password]"),
        ("passwd = 'hunter22'", "passwd = '[password]'"),
        ("pwd:hunter22, then it fails", "pwd:[password] then it fails"),
        ("my password is hunter2.", "my password is [password]"),
        ("the password is: s3cr3t! ok", "the password is: [password] ok"),
        ("client_secret=abcdef", "client_secret=[secret]"),
        ('{"api_key": "abcd1234"}', '{"api_key": "[secret]"}'),
        ("API key: abcd1234 expired", "API key: [secret] expired"),
        ("curl https://x.example/?token=abcd", "curl https://x.example/?token=[secret]"),
        (f"here:\n{PRIVATE_KEY}\nhelp", "here:\n[private key]\nhelp"),
        (f"cut off:\n{PRIVATE_KEY[:40]}", "cut off:\n[private key]"),
    ],
)
def test_credentials_go_and_the_sentence_stays(text: str, left: str):
    assert redact(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "my password is not working",
        "The password is expired!",
        "password: reset link does not arrive",
        "the token is wrong, and the secret is out",
        "bearer authentication fails",
        "sk-1 is our shop",
        "how do I get an API key?",
        "npm_config is set",
    ],
)
def test_talk_about_passwords_and_tokens_stays(text: str):
    assert redact(text) == text


@pytest.mark.parametrize(
    "address",
    [
        "anna@example.com",
        "anna.b+c@mail.example.co.uk",
        "<mailto:anna@example.com|anna@example.com>",
        "<mailto:anna@example.com|Anna Berg>",
        "<mailto:anna@example.com>",
    ],
)
def test_mail_addresses_go(address: str):
    assert redact(f"write to {address} please") == "write to [email] please"


@pytest.mark.parametrize(
    "number",
    [
        "4111111111111111",
        "4111 1111 1111 1111",
        "5555-5555-5555-4444",
        "378282246310005",
        "3782 822463 10005",
        "6011111111111117",
    ],
)
def test_card_numbers_that_pass_luhn_go(number: str):
    assert redact(f"charged {number} 12/27 twice") == "charged [card] 12/27 twice"


@pytest.mark.parametrize(
    "number",
    [
        "4111 1111 1111 1112",  # fails Luhn
        "1700000000123",  # milliseconds since 1970
        "0000000000000",
        "1234567812345670",  # passes Luhn, but no card begins so
        "order 4500123456",
    ],
)
def test_numbers_that_are_no_cards_stay(number: str):
    assert redact(f"see {number}") == f"see {number}"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("DE89370400440532013000", "[iban]"),
        ("DE89 3704 0044 0532 0130 00 PLEASE HURRY", "[iban] PLEASE HURRY"),
        ("GB82 WEST 1234 5698 7654 32", "[iban]"),
        ("FR1420041010050500013M02606", "[iban]"),
        ("NO93 8601 1117 947", "[iban]"),
        ("DE89370400440532013001", "DE89370400440532013001"),  # wrong check digits
        ("SERIAL AB12CD34EF56GH78", "SERIAL AB12CD34EF56GH78"),
    ],
)
def test_account_numbers_go_where_their_check_digits_are_right(text: str, left: str):
    assert redact(text) == left


@pytest.mark.parametrize(
    "number",
    [
        "+49 30 1234567",
        "+49 (0)30 1234567",
        "+14155552671",
        "+1 (415) 555-2671",
        "(415) 555-2671",
        "415-555-2671",
        "415.555.2671",
        "0151 23456789",
        "01512345678",
        "030/1234567",
        "06 12 34 56 78",
        "020 7946 0958",
        "+45 12 34 56 78",
        "<tel:+14155552671|+1 415 555 2671>",
    ],
)
def test_telephones_go(number: str):
    assert redact(f"call {number}, please") == "call [phone], please"


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-15",
        "2024-01-15 10:30:45",
        "2024-01-15 2024-01-16",
        "15.01.2024 to 16.01.2024",
        "15.01.2024 16.01.2024",
        "01/02/2024",
        "20240115 103045",
        "1700000000.123456",
        "10.0.19045.2965",
        "v1.2.3-4567",
        "build 2024.01.15.1234",
        "react@18.2.0",
        "127.0.0.1",
        "::1",
        "255.255.255.0",
        "version 10.1.2.3",
        "00:1a:2b:33:44:55",
        "12345678-1234-1234-1234-123456789012",
        "https://acme.slack.com/archives/C0HELP/p1790000000000100",
        "ports 8080 8443 9090",
        "1 234 567 890 EUR",
        "0x80070005",
        "INV-2024-0012-3456",
        "ticket 123456789",
        "Mon, 15 Jan 2024 10:30:00 +0100",
    ],
)
def test_dates_versions_addresses_and_other_numbers_stay(text: str):
    assert redact(text) == text


def test_a_run_that_is_too_long_for_a_telephone_loses_the_telephone_alone():
    assert redact("+49 30 1234567 4567 8901") == "[phone] 8901"


def test_a_12_000_character_message_is_kept_whole():
    text = "wifi " * (MAX_CHARACTERS // 5)
    assert redact(text) == text


def test_a_longer_one_keeps_its_beginning_and_its_end():
    text = "first " + "wifi " * MAX_CHARACTERS + "last"
    short = redact(text)
    assert MAX_CHARACTERS - 20 < len(short) <= MAX_CHARACTERS
    assert (short[:6], short[-5:]) == ("first ", " last")
    assert set(short.split()) == {"first", "wifi", "[…]", "last"}


@pytest.mark.parametrize("place", [7_980, MAX_CHARACTERS - 10, 200_000 - 4_020, 50_000 - 15])
def test_no_half_secret_stays_where_it_is_cut(place: int):
    secret = joined("hf", "_", "Ab1" * 300)
    text = f"{'wifi ' * (place // 5)}{secret} ".ljust(200_000, ".")
    assert "Ab1" not in redact(text)


def test_the_end_of_a_key_whose_beginning_is_too_far_away_goes():
    text = f"{'x ' * 100_000}\n{'MIIEabc ' * 10_000}\n{PRIVATE_KEY[-29:]}\nplease help"
    assert redact(text).endswith("[private key]\nplease help")


def test_one_without_spaces_is_cut_all_the_same():
    assert 7_000 < len(redact("ä" * 1_000_000)) <= MAX_CHARACTERS


# Each begins a pattern again and again without ever completing it.
STARTS = [
    "<mailto:", "<tel:", "eyJaaaaaaaa-", "-----BEGIN ", "-----BEGIN RSA PRIVATE KEY-----", "a.", "a-", "a@",
    "://a:", "a@b.", "password is ", "password", "token = ", "bearer ", "AB12 ", "AB12", "1 ", "1-", "+1 ",
    "12 34 ", "0123 ", "+49(", "(030) ", "4111 ", "4", "xoxb-", "sk-", "hooks.slack.com/services/", "\n", " ",
    "é", "\U0001f600", "a [at] ", "a [at] b dot ", "a AT b DOT ", "a%40b.", "ssn A1", "12 345 678 9 ",
    "X1234567", "pass: a ", "password: a b c\n", "password for a ", 'password "a', "mysql -p ", "a as my ",
    "login: a/", "-u a:", "A1b2C3", "SG.", "PuTTY-User-Key-File-2:", '"a', "10.0.0.1 ", "::", "1:",
    "415 555 2671 ", "call 12345678 ",
]  # fmt: skip


@pytest.mark.parametrize("unit", STARTS, ids=repr)
def test_repeated_beginnings_of_patterns_take_no_quadratic_time(unit: str):
    started = time.process_time()
    redact(unit * (LONG // len(unit)))
    assert time.process_time() - started < GENEROUS_SECONDS


def test_a_megabyte_takes_no_longer_than_what_is_read_of_it():
    started = time.process_time()
    assert len(redact("token = x9 " * 100_000)) <= MAX_CHARACTERS
    assert time.process_time() - started < GENEROUS_SECONDS


@pytest.mark.parametrize(
    "text", ["+49\u00a030\u202f1234567", "DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000"]
)
def test_spaces_that_do_not_break_hide_nothing_from_it(text: str):
    assert redact(text) in {"[phone]", "[iban]"}
    assert redact("1\u00a0234,56\u00a0€") == "1\u00a0234,56\u00a0€"


@pytest.mark.parametrize("name", LISTS)
def test_what_is_promised_to_go_goes(name: str):
    texts = promised(name)
    left = kept(texts, redact)
    assert [each.text for each, _ in left if each.kind in SECRET_KINDS] == []
    assert len(left) <= 0.02 * len(texts), left


@pytest.mark.parametrize("name", ["innocent", "innocent-held-out"])
def test_what_tells_nothing_stays(name: str):
    texts = innocent(name)
    assert len(changed(texts, redact)) <= 0.01 * len(texts), changed(texts, redact)


@pytest.mark.parametrize("name", LISTS)
def test_redacting_again_changes_nothing(name: str):
    """What was exported and is imported again is the same text."""
    once = [redact(each.text) for each in promised(name)]
    assert changed(once, redact) == []


def test_the_messages_that_the_first_model_learns_from_stay():
    texts = [example.text for example in starter_pack().train]
    hidden = {word for text, after in changed(texts, redact) for word in re.findall(r"\[[a-z ]+\]", after)}
    assert hidden <= {"[email]", "[ip]", "[secret]", "[password]"}
    assert len(changed(texts, redact)) < 0.01 * len(texts)


@given(text=st.text() | st.text(alphabet="0123456789 +-()./:@<>|abcxyz=\n", max_size=200))
def test_no_text_breaks_it(text: str):
    assert isinstance(redact(text), str)


@given(before=st.text(alphabet="abc ,\n", max_size=30), after=st.text(alphabet="abc ,\n", max_size=30))
def test_a_token_goes_wherever_it_stands(before: str, after: str):
    secret = joined("xox", "b-123456789012-SECRET")
    assert "SECRET" not in redact(f"{before} {secret} {after}")
