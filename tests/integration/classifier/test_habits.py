"""What a model goes by: counted over many messages, as JSON and as a page."""

import csv
import json

import pytest
from typer.testing import CliRunner

from classifier.contract import Prediction, Word
from classifier.dataset import Example
from classifier.explain_commands import commands
from classifier.habits import habits, misleading
from classifier.inference import Predictor
from classifier.model_directory import save_model_directory
from tests.factories.tiny_bert import messages, tiny_bert, tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_model(tiny_bert(tmp_path_factory.mktemp("base")))


@pytest.fixture(scope="module")
def found(model):
    return habits(Predictor(model), [example.text for example in messages(10, seed=3)])


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


class _Scripted:
    """Answers by rule: whatever holds Anna, in whatever case, is billing; the rest is login."""

    def __init__(self, model):
        self.model, self.facts = model, model.facts

    def predict(self, texts):
        return [self._answer(text) for text in texts]

    def predict_with_attention(self, texts):
        from classifier.words import Attended

        return [(answer := self._answer(text), Attended(answer.words, 0.0)) for text in texts]

    def _answer(self, text):
        billing = 0.9 if "anna" in text.lower() else 0.2
        words, at = [], 0
        for part in text.split():
            start = text.index(part, at)
            at = start + len(part)
            words.append(Word(part, start, at, 1.0))
        shares = {"billing": billing, "login": 1 - billing}
        ranked = tuple(sorted(shares.items(), key=lambda item: -item[1]))
        return Prediction(
            category=ranked[0][0],
            confidence=ranked[0][1],
            alternatives=ranked,
            words=tuple(words),
            out_of_scope=0.0,
            embedding=self.model.network.head.weight[0].detach().numpy(),
            model_version="v",
        )


def test_a_name_that_decides_is_remarked_on(model):
    texts = ["please ask Anna today", "hi Anna the page is slow", "my page is slow", "code 4711 for Anna"]
    found = habits(_Scripted(model), texts)
    billing = next(each for each in found.categories if each.category == "billing")
    [anna] = [word for word in billing.words if word.word == "anna"]
    assert (anna.messages, anna.leads, anna.decides, anna.elsewhere) == (3, 3, 3, 0)
    assert anna.remark == "written like a name"
    assert "4711" not in {word.word for word in billing.words}  # it never leads


def test_the_words_behind_wrong_answers_are_counted_by_what_was_answered(model):
    examples = [
        Example("please ask Anna today", "login"),
        Example("Anna again", "billing"),
        Example("anna lunch", "oos"),
    ]
    [wrong] = misleading(_Scripted(model), examples, most=10)
    assert (wrong.category, wrong.messages) == ("billing", 1)
    assert wrong.words[0].word == "anna"
    assert misleading(_Scripted(model), examples, most=0) == ()


def test_the_command_prints_writes_json_and_a_page_that_runs_nothing_of_a_message(model, tmp_path):
    save_model_directory(model, tmp_path / "model")
    with (tmp_path / "m.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [(example.text, example.label) for example in messages(6, seed=4)]
        csv.writer(file).writerows(
            [("text", "label"), *rows, ("<img/src=x/onerror=alert(1)> wifi", "network")]
        )
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
    assert "default-src &#x27;none&#x27;" in page
