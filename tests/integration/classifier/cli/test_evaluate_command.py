"""`fingerpost evaluate` from a model directory and a CSV file to a table, JSON and a report's folder."""

import json

import pytest
from typer.testing import CliRunner

from classifier.cli.model import commands
from classifier.data.dataset import Example
from classifier.evaluation.baseline_predictions import embed_frozen
from classifier.model.directory import load_model_directory, save_model_directory
from classifier.model.integrity import verify
from classifier.training.fit_baselines import fit_baselines
from tests.factories.tiny_bert import messages, tiny_bert, tiny_model, write_messages

HOSTILE = "<script>alert(1)</script> my wifi is not working"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with test.csv, a model with baselines, and the same without."""
    path = tmp_path_factory.mktemp("evaluate")
    model = tiny_model(tiny_bert(path / "base"))
    train = messages(20, out_of_scope=20)
    model.baselines = None
    save_model_directory(model, path / "older")
    model.baselines = fit_baselines(train, embed_frozen(model.facts, [example.text for example in train]))
    save_model_directory(model, path / "model")
    # the last one is wrong on purpose, so that it is among the confusions
    rows = [*messages(10, out_of_scope=5, seed=5), Example(HOSTILE, "billing")]
    write_messages(path / "test.csv", rows)
    return path


def run(*arguments):
    return CliRunner().invoke(commands, ["evaluate", *map(str, arguments)])


def test_a_report_has_ours_beside_two_baselines_in_every_form(place, tmp_path):
    result = run(
        *(place / "model", place / "test.csv", "--json", tmp_path / "deep" / "r.json"),
        *("--report", tmp_path / "report", "--text"),
    )
    assert result.exit_code == 0, result.output
    for row in ("TF-IDF + logistic", "frozen encoder + logistic", "Reliability", "Worst confusions"):
        assert row in result.stdout

    measured = json.loads((tmp_path / "deep" / "r.json").read_text(encoding="utf-8"))
    assert (measured["n"], measured["out_of_scope_n"]) == (31, 5)
    assert measured["accuracy_low"] < measured["accuracy"] < measured["accuracy_high"]
    assert measured["tfidf_accuracy"] > 0.8
    assert measured["frozen_encoder_accuracy"] > 0.5
    assert measured["milliseconds"] > 0
    assert measured["truncated"] == 0.0
    assert json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8")) == measured

    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; my wifi" in page
    assert "<script>alert" not in page
    assert "test.csv (sha256" in page
    assert (tmp_path / "report" / "confusion.png").is_file()


def test_messages_stand_in_the_page_and_in_markdown_alone(place, tmp_path):
    files = ("--json", tmp_path / "r.json", "--report", tmp_path / "report", "--text")
    result = run(place / "model", place / "test.csv", *files)
    assert "wifi" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "wifi" in (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert "wifi" not in result.output
    assert "wifi" not in (tmp_path / "r.json").read_text(encoding="utf-8")


def test_a_directory_without_baselines_is_measured_all_the_same(place):
    result = run(place / "older", place / "test.csv")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("not kept in this directory") == 2


def test_baselines_are_kept_under_the_manifest_and_loaded_again(place):
    listed = (place / "model" / "manifest.sha256").read_text(encoding="utf-8")
    assert "  baselines.json\n" in listed
    assert "  baselines.safetensors\n" in listed
    verify(place / "model")
    kept = load_model_directory(place / "model").baselines
    assert kept.labels == ("billing", "login", "network")
    assert load_model_directory(place / "older").baselines is None


def test_a_set_without_a_category_ends_in_one_line(place, tmp_path):
    (tmp_path / "oos.csv").write_text("text,label\nlunch,oos\n", encoding="utf-8")
    result = run(place / "model", tmp_path / "oos.csv")
    assert result.exit_code == 2
    assert result.stderr == (
        "error: no message has a category: evaluation needs rows with labels other than oos\n"
    )


def test_a_report_that_cannot_be_written_ends_in_one_line(place, tmp_path):
    (tmp_path / "file").write_text("x")
    for option in ("--json", "--report"):
        result = run(place / "older", place / "test.csv", option, tmp_path / "file" / "x")
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1
        assert "cannot be written" in result.stderr


def test_a_report_says_whether_the_words_decide_and_what_misled(place, tmp_path):
    rows = [Example(f"hello again {e.text} for our team today", e.label) for e in messages(6, seed=9)]
    # three with a label that is wrong on purpose: their words are those of several messages
    wrong = [Example(f"my wifi is {n} not working", "billing") for n in ("again", "please", "today")]
    write_messages(tmp_path / "long.csv", [*rows, *wrong])
    files = ("--json", tmp_path / "r.json", "--report", tmp_path / "report", "--text")
    result = run(place / "model", tmp_path / "long.csv", *files, "--explanations", 8)
    assert result.exit_code == 0, result.output
    assert "Do the words that it shows decide?" in result.stdout
    measured = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    faithful = measured["explanations"]["faithfulness"]
    assert faithful["messages"] == 8
    assert set(faithful["methods"]) >= {"reply words", "random order", "greedy deletion"}
    assert measured["reply_words_of_greedy"] == faithful["methods"]["reply words"]["of_greedy"]["mean"]
    [misled] = measured["explanations"]["misleading"]
    assert misled["category"] == "network"
    assert "wifi" in {word["word"] for word in misled["words"]}
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "The words behind wrong answers" in page
    assert "Do the words that it shows decide?" in (tmp_path / "report" / "report.md").read_text("utf-8")
