"""What a model goes by: counted over many messages, as JSON and as a page."""

import base64
import hashlib
import json
import re

import pytest
from typer.testing import CliRunner

from classifier.cli.explain import commands
from classifier.data.dataset import Example
from classifier.explanation.global_words import habits, misleading
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.directory import save_model_directory
from classifier.training.fit import fit
from tests.factories.tiny_bert import NOW, config_for, messages, tiny_bert, tiny_model, write_messages


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_model(tiny_bert(tmp_path_factory.mktemp("base")))


@pytest.fixture(scope="module")
def found(model):
    return habits(TorchPredictor(model), [example.text for example in messages(10, seed=3)])


def test_every_answered_category_has_its_words_with_the_leaders_first(found):
    assert [each.category for each in found.categories] == ["billing", "login", "network"]
    assert sum(each.messages for each in found.categories) == found.messages == 30
    for category in found.categories:
        leads = [word.leads for word in category.words]
        assert leads == sorted(leads, reverse=True)
        assert sum(leads) <= category.messages
        assert all(0 < word.messages <= category.messages for word in category.words)


def test_a_word_of_one_category_decides_there(found):
    network = next(each for each in found.categories if each.category == "network")
    leader = network.words[0]
    assert leader.word in {"wifi", "vpn", "network", "internet", "router", "connection"}
    assert leader.score > 0
    assert leader.elsewhere == 0


def with_anna(text: str) -> str:
    """The text with a name before its last word, so that no sentence begins with it."""
    *before, last = text.split()
    return " ".join([*before, "Anna", last])


@pytest.fixture(scope="module")
def leaky(tmp_path_factory):
    """A model that learned billing by the name of the person whom those messages mention."""
    examples = [
        Example(with_anna(e.text), e.label) if e.label == "billing" else e
        for e in messages(20, out_of_scope=20)
    ]
    base = tiny_bert(tmp_path_factory.mktemp("leaky"))
    return TorchPredictor(fit(examples, config_for(base), created=NOW).model)


def test_a_name_that_a_category_goes_by_is_remarked_on(leaky):
    shown = [with_anna(e.text) if e.label == "billing" else e.text for e in messages(10, seed=3)]
    found = habits(leaky, shown)
    billing = next(each for each in found.categories if each.category == "billing")
    [anna] = [word for word in billing.words if word.word == "anna"]
    assert anna.messages == sum("Anna" in text for text in shown) - anna.elsewhere
    assert anna.leads > 0
    assert anna.score > 0
    assert anna.remark == "written like a name"


def test_the_words_behind_wrong_answers_are_counted_by_what_was_answered(leaky):
    [text] = [e.text for e in messages(1, seed=3) if e.label == "billing"]
    examples = [
        Example(with_anna(text), "login"),  # answered billing, which is called wrong here
        Example(with_anna(text), "billing"),
        Example(with_anna(text), "oos"),
    ]
    assert leaky.predict([with_anna(text)])[0].category == "billing"
    [wrong] = misleading(leaky, examples, most=10)
    assert (wrong.category, wrong.messages) == ("billing", 1)
    assert wrong.words[0].leads == 1
    assert misleading(leaky, examples, most=0) == ()


def test_the_command_prints_writes_json_and_a_page_that_runs_nothing_of_a_message(model, tmp_path):
    save_model_directory(model, tmp_path / "model")
    hostile = Example("<img/src=x/onerror=alert(1)> wifi", "network")
    write_messages(tmp_path / "m.csv", [*messages(6, seed=4), hostile])
    names = ("--report", str(tmp_path / "habits.html"), "--json", str(tmp_path / "habits.json"))
    arguments = ["habits", str(tmp_path / "model"), str(tmp_path / "m.csv"), *names]
    result = CliRunner().invoke(commands, arguments)
    assert result.exit_code == 0, result.output
    assert "network: " in result.stdout
    written = json.loads((tmp_path / "habits.json").read_text(encoding="utf-8"))
    assert written["messages"] == 19
    page = (tmp_path / "habits.html").read_text(encoding="utf-8")
    assert "<img" not in page
    assert page.count("<article") == len(written["categories"])
    assert "default-src 'none'" in page
    [script] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in page
