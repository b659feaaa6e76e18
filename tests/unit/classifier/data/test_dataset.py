import pytest

from classifier.contract import InvalidInput
from classifier.data.dataset import (
    Example,
    check_trainable,
    fingerprint,
    read_examples,
    split_examples,
    starter_pack,
)


def write(path, content):
    path.write_text(content, encoding="utf-8")
    return path


def test_rows_are_read_with_quotes_lines_and_a_byte_order_mark(tmp_path):
    path = write(tmp_path / "a.csv", '\ufefftext,label\n"a, b\nc",x\nd,y\n')
    assert read_examples(path) == [Example("a, b\nc", "x"), Example("d", "y")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("message,label\na,b\n", "no column text"),
        ("", "no column text and no column label"),
        ("text,label\na,x\n ,x\n", "line 3 has an empty text"),
        ("text,label\na,\n", "line 2 has an empty label"),
        ("text,label\na\n", "empty label"),
        ("text,label\n", "no rows"),
        ("text,label,weight\na,x,-1\n", "weight"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(tmp_path, content, reason):
    with pytest.raises(InvalidInput, match=reason) as refused:
        read_examples(write(tmp_path / "a.csv", content))
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidInput, match="does not exist"):
        read_examples(tmp_path / "none.csv")


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"text,label\n\xff\xfe,x\n")
    with pytest.raises(InvalidInput, match="UTF-8"):
        read_examples(tmp_path / "a.csv")


def test_training_needs_two_categories_besides_out_of_scope():
    with pytest.raises(InvalidInput, match="only the label 'a'"):
        check_trainable([Example("x", "a"), Example("y", "a"), Example("z", "oos")])


def test_a_category_with_one_message_is_named():
    with pytest.raises(InvalidInput, match="'lonely'"):
        check_trainable([Example("x", "a"), Example("y", "a"), Example("z", "lonely")])


def test_the_fingerprint_ignores_the_order_but_not_a_label():
    rows = [Example("x", "a"), Example("y", "b")]
    assert fingerprint(rows) == fingerprint(rows[::-1])
    assert fingerprint(rows) != fingerprint([Example("x", "b"), Example("y", "a")])


def test_a_split_is_stratified_repeatable_and_complete():
    rows = [Example(f"{label} {n}", label) for label, n in (("a", 50), ("b", 20), ("c", 3)) for n in range(n)]
    kept, held_back = split_examples(rows, 0.1, 3)
    assert sorted([*kept, *held_back], key=lambda e: e.text) == sorted(rows, key=lambda e: e.text)
    assert [sum(e.label == label for e in held_back) for label in "abc"] == [5, 2, 0]
    assert split_examples(rows, 0.1, 3) == (kept, held_back)


def test_two_messages_a_label_still_leave_something_to_check_with():
    kept, held_back = split_examples([Example(f"{n}", label) for label in "ab" for n in range(2)], 0.1, 0)
    assert [e.label for e in held_back] == ["a", "b"]
    assert [e.label for e in kept] == ["a", "b"]


def test_the_starter_pack_has_messages_for_each_category():
    pack = starter_pack()
    slugs = {category.slug for category in pack.categories}
    assert {e.label for e in pack.train} == {e.label for e in pack.held_out} == slugs | {"oos"}
    assert not {e.text for e in pack.train} & {e.text for e in pack.held_out}
