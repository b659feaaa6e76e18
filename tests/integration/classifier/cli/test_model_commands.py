import json
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from classifier.cli.explain import commands as explain_commands
from classifier.cli.model import commands
from tests.factories.tiny_bert import messages, tiny_bert, write_messages

KEYS = {
    "category",
    "confidence",
    "alternatives",
    "candidates",
    "out_of_scope",
    "words",
    "model_version",
    "truncated",
}


app = typer.Typer()
app.add_typer(commands)
app.add_typer(explain_commands)


def run(*arguments, stdin=None):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A directory with train.csv, test.csv, a tiny encoder and a model trained by the command."""
    path = tmp_path_factory.mktemp("commands")
    tiny_bert(path / "base")
    write_messages(path / "train.csv", messages(20, out_of_scope=10))
    write_messages(path / "test.csv", messages(10, out_of_scope=5, seed=5))
    result = run(
        "train", path / "train.csv", "--output", path / "model", "--base-model", path / "base", "--seed", 1
    )
    assert result.exit_code == 0, result.output
    return path


def test_training_leaves_a_model_and_nothing_else(workplace):
    assert sorted(entry.name for entry in workplace.iterdir()) == ["base", "model", "test.csv", "train.csv"]


def test_evaluation_prints_a_table_and_writes_json(workplace, tmp_path):
    result = run(
        "evaluate",
        workplace / "model",
        workplace / "test.csv",
        "--json",
        tmp_path / "r.json",
        "--report",
        tmp_path / "r",
    )
    assert result.exit_code == 0
    assert "accuracy" in result.stdout
    measured = json.loads((tmp_path / "r.json").read_text())
    assert measured["n"] == 30
    assert measured["out_of_scope"]["n"] == 5
    assert "accuracy" in (tmp_path / "r" / "report.md").read_text()


def test_each_line_of_standard_input_gets_one_object_in_order(workplace):
    lines = ["my vpn is not working", "", "please refund the invoice", '"quoted" é 😀', "vpn " * 3000] * 30
    result = run("classify", workplace / "model", "-", "--json", stdin="\n".join(lines) + "\n")
    assert result.exit_code == 0
    objects = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(objects) == len(lines)
    for line, found in zip(lines, objects, strict=True):
        assert set(found) == KEYS
        assert all(line[word["start"] : word["end"]] == word["text"] for word in found["words"])
        assert found["truncated"] == (len(line) > 1000)
    assert objects[1]["out_of_scope"] == 1.0
    assert objects[1]["words"] == []


def test_bytes_that_are_no_text_cost_no_other_line(workplace):
    result = run("classify", workplace / "model", "-", "--json", stdin=b"vpn\n\xff\xfe\nrefund")
    assert len(result.stdout.splitlines()) == 3


def test_texts_are_answered_for_people(workplace):
    result = run("classify", workplace / "model", "my vpn again", "my refund please")
    assert len(result.stdout.splitlines()) == 2


def test_an_explanation_is_printed_drawn_and_given_as_json(workplace, tmp_path):
    result = run("explain", workplace / "model", "my vpn is not working", "--png", tmp_path / "w.png")
    assert result.exit_code == 0
    assert "without" in result.stdout
    assert (tmp_path / "w.png").read_bytes().startswith(b"\x89PNG")
    result = run("explain", workplace / "model", "my vpn costs $5 or $6", "--method", "attention", "--json")
    assert json.loads(result.stdout)["method"] == "attention"


@pytest.mark.parametrize("text", ["", "  ", "!!!", "สวัสดีครับ ช่วยด้วย"])
@pytest.mark.parametrize("method", ["leave_one_out", "attention"])
def test_a_text_without_a_word_that_can_be_read_is_not_explained(workplace, text, method):
    result = run("explain", workplace / "model", text, "--method", method, "--json")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "nothing to explain" in result.stderr


def broken(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path / name


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "does not exist"),
        ("message,category\na,b\n", "no column text"),
        ("text,label\na,x\n,x\nb,y\nc,y\n", "empty text"),
        ("text,label\na,x\nb,x\n", "only the label"),
        ("text,label\na,x\nb,x\nc,lonely\n", "lonely"),
    ],
)
def test_labels_that_cannot_be_trained_on_end_in_one_line_and_leave_nothing(tmp_path, content, reason):
    labels = broken(tmp_path, "a.csv", content) if content else tmp_path / "none.csv"
    before = sorted(tmp_path.iterdir())
    result = run("train", labels, "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert reason in result.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_an_existing_output_is_never_written_over(workplace):
    result = run("train", workplace / "train.csv", "--output", workplace / "model")
    assert result.exit_code == 2
    assert "exists already" in result.stderr


@pytest.mark.parametrize("budget", ["0", "0.5", "5"])
def test_an_error_budget_that_is_none_ends_in_one_line(workplace, tmp_path, budget):
    output = tmp_path / "out"
    result = run("train", workplace / "train.csv", "--output", output, "--error-budget", budget)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "above 0 and below 0.5" in result.stderr
    assert not output.exists()


@pytest.mark.parametrize("command", [("classify", "x"), ("explain", "x"), ("evaluate", "LABELS")])
def test_a_directory_that_is_no_model_ends_in_one_line(workplace, tmp_path, command):
    name, argument = command
    argument = workplace / "test.csv" if argument == "LABELS" else argument
    for place in (tmp_path, tmp_path / "none"):
        result = run(name, place, argument)
        assert result.exit_code == 2
        assert result.stderr.startswith("error: ")
        assert result.stderr.count("\n") == 1


def test_what_a_remote_bot_imports_brings_no_torch():
    code = (
        "import sys, classifier.client.client, classifier.testing, classifier.settings, "
        "classifier.cli.model, classifier.data.dataset, classifier.model.registry; "
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
