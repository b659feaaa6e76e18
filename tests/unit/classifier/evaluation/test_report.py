"""The report's files: whole, readable without a network, and inert."""

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from classifier.contract import InvalidInput
from classifier.data.dataset import Example
from classifier.evaluation.baseline_predictions import BaselineAnswers
from classifier.evaluation.measure import measure
from classifier.evaluation.report.figures import Figure, draw_figures
from classifier.evaluation.report.folder import write_report
from classifier.evaluation.report.markdown import markdown, text_figures
from classifier.evaluation.report.page import page
from classifier.inference.predictions import Answers

HOSTILE = '<script>alert("1")</script> & <img src=x onerror=alert(2)> `code` [a](javascript:alert(3)) | $x$'
BLANK = tuple(
    Figure(key, f"what {key} shows", b"\x89PNG")
    for key in ("reliability", "risk_coverage", "out_of_scope", "confusion")
)
LABELS = ("<b>billing</b>", "log_in $5", "net|work")


def made(*, out_of_scope=True, baselines=True, labels=LABELS, version="v<1>"):
    """Make a report of thirty messages, a confusion with a hostile message among them."""
    draw = np.random.default_rng(0)
    truth = [labels[i % 3] for i in range(30)]
    scores = np.array([[0.9 if label == other else 0.05 for other in labels] for label in truth])
    scores = 0.7 * scores + 0.3 * draw.dirichlet([1, 1, 1], 30)
    scores[0] = [0.1, 0.8, 0.1]
    examples = [Example(HOSTILE if i == 0 else f"message {i}", label) for i, label in enumerate(truth)]
    if out_of_scope:
        examples[20:] = [Example("lunch?", "oos")] * 10
    scope = np.array([0.1] * 20 + [0.8 if out_of_scope else 0.1] * 10)
    answers = Answers(version, labels, scores, scope, np.full(30, 0.5), 4.2)
    rows = (
        BaselineAnswers("tfidf", "TF-IDF", labels, draw.dirichlet([1, 1, 1], 30)),
        BaselineAnswers("frozen_encoder", "frozen", note="not <kept>"),
    )
    return measure(answers, examples, baselines=rows if baselines else ())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "deep" / "report"
    write_report(made(), path, about={"messages": "<file>.csv"})
    return path


class Elements(HTMLParser):
    """Collects every element and attribute of a page."""

    def __init__(self, content):
        super().__init__()
        self.found = []
        self.text = []
        self.feed(content)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def test_a_folder_holds_page_markdown_json_and_pictures(folder):
    names = {file.name for file in folder.iterdir()}
    pictures = {"comparison", "reliability", "risk_coverage", "out_of_scope", "confusion", "confusion_worst"}
    assert names == {"report.html", "report.md", "report.json", *(f"{name}.png" for name in pictures)}
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in folder.glob("*.png"))
    assert json.loads((folder / "report.json").read_text(encoding="utf-8"))["n"] == 20


def test_a_message_cannot_become_markup_in_the_page(folder):
    content = (folder / "report.html").read_text(encoding="utf-8")
    elements = Elements(content)
    assert [tag for tag, _ in elements.found].count("script") == 1
    assert all(attributes["src"].startswith("data:image/png;base64,")
               for tag, attributes in elements.found if tag == "img")  # fmt: skip
    assert not any(name.startswith("on") for _, attributes in elements.found for name in attributes)
    # what a reader sees is the message as it was written
    assert HOSTILE in "".join(elements.text)
    assert (
        "<li>&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt; &amp; &lt;img src=x onerror=alert(2)&gt; "
        "`code` [a](javascript:alert(3)) | $x$</li>"
    ) in content


def test_labels_and_names_cannot_become_markup_in_the_page():
    hostile = """"'><script>alert(1)</script><b x='"""
    report = made(labels=(f"a{hostile}", f"b{hostile}", f"c{hostile}"), version=f"v{hostile}")
    plain = made(labels=("a", "b", "c"), version="v")
    found = Elements(page(report, {hostile: hostile}, draw_figures(report)))
    expected = Elements(page(plain, {"messages": "file"}, draw_figures(plain)))
    # the same elements with the same attributes: only what is read differs
    assert [(tag, list(attributes)) for tag, attributes in found.found] == [
        (tag, list(attributes)) for tag, attributes in expected.found
    ]
    assert f"v{hostile}" in "".join(found.text)
    assert f"a{hostile}" in "".join(found.text)


def test_a_message_cannot_become_markup_in_markdown(folder):
    content = (folder / "report.md").read_text(encoding="utf-8")
    assert (
        '- &lt;script&gt;alert("1")&lt;/script&gt; &amp; &lt;img src=x onerror=alert(2)&gt; '
        "\\`code\\` \\[a\\](javascript:alert(3)) \\| $x$\n"
    ) in content
    assert "<script" not in content
    assert "net\\|work" in content


def test_the_page_needs_nothing_from_anywhere(folder):
    content = (folder / "report.html").read_text(encoding="utf-8")
    assert "http:" not in content
    assert "https:" not in content
    elements = Elements(content)
    assert not [tag for tag, _ in elements.found if tag in {"link", "iframe", "object", "base", "form"}]
    links = [attributes["href"] for tag, attributes in elements.found if tag == "a"]
    places = {attributes.get("id") for _, attributes in elements.found}
    assert links
    assert all(link.startswith("#") and link[1:] in places for link in links)


def test_the_page_lets_its_own_script_run_and_no_other(folder):
    import hashlib

    content = (folder / "report.html").read_text(encoding="utf-8")
    script = re.search(r"<script>(.*?)</script>", content, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in content
    assert "default-src 'none'" in content


def test_every_picture_says_what_it_shows(folder):
    elements = Elements((folder / "report.html").read_text(encoding="utf-8"))
    alts = [attributes["alt"] for tag, attributes in elements.found if tag == "img"]
    assert len(alts) == 6
    assert all(len(alt) > 20 for alt in alts)


def test_a_baseline_that_is_missing_says_why_in_every_form():
    report = made()
    assert "not &lt;kept&gt;" in page(report, {}, BLANK)
    assert "not &lt;kept&gt;" in markdown(report, {}, ())
    assert "not <kept>" in text_figures(report)


def test_text_for_a_terminal_holds_no_message():
    report = made()
    text = text_figures(report)
    assert "alert" not in text
    for title in ("Reliability", "Risk and coverage", "Worst confusions", "By length", "Out of scope"):
        assert title in text


def test_what_was_not_measured_is_left_out_and_said():
    report = made(out_of_scope=False, baselines=False)
    figures = draw_figures(report)
    assert {figure.key for figure in figures} == {
        "reliability", "risk_coverage", "confusion", "confusion_worst",
    }  # fmt: skip
    content = page(report, {}, figures)
    assert "was not measured" in content
    assert "nothing is known" in content


def test_budgets_of_validation_thresholds_are_shown_where_a_model_has_them():
    report = replace(made(), budgets={"0.05": {"threshold": 0.61, "coverage": 0.9, "error": 0.04}})
    assert "90.0% answered, 4.0% wrong, from 0.610" in markdown(report, {}, ())


def test_the_same_figures_give_the_same_pictures(folder):
    for figure in draw_figures(made()):
        assert figure.png == (folder / figure.file_name).read_bytes()


def test_labels_in_any_script_and_length_are_drawn():
    labels = ("請求書😀", "x" * 200, r"$\\frac{")
    answers = Answers("v", labels, np.eye(3)[[0, 1, 2, 0]], np.zeros(4), np.full(4, 0.5))
    report = measure(answers, [Example("x", label) for label in (*labels, labels[1])])
    assert all(figure.png for figure in draw_figures(report))


def test_a_set_of_one_message_has_a_report():
    answers = Answers("v", ("y" * 80, "z"), np.array([[0.6, 0.4]]), np.zeros(1), np.full(1, 0.5))
    assert all(figure.png for figure in draw_figures(measure(answers, [Example("x", "y" * 80)])))


def test_a_faultless_model_has_a_report_too():
    rows = np.eye(3)
    answers = Answers("v", LABELS, rows, np.zeros(3), np.full(3, 0.5))
    report = measure(answers, [Example("x", label) for label in LABELS])
    assert "confused nothing" in page(report, {}, BLANK)


def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InvalidInput, match="name another folder"):
        write_report(made(), tmp_path / "file" / "report")
