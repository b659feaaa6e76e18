"""The contract, held by every classifier that ships: in process, behind HTTP, scripted."""

import httpx
import numpy as np
import pytest

from classifier.client.client import RemoteClassifier
from classifier.contract import Classifier, ClassifierError, ClassifierUnavailable, InvalidInput, ModelInfo
from classifier.serving.engine import LocalClassifier
from classifier.serving.http.asgi import create_service
from classifier.testing import ScriptedClassifier
from tests.factories.tiny_bert import TOPICS, tiny_bert, tiny_model

TEXTS = ["my vpn is not working", "please refund my invoice", "", "locked again <@U12> password"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_model(tiny_bert(tmp_path_factory.mktemp("base")))


@pytest.fixture(params=["local", "remote", "scripted", "remote over scripted"])
async def classifier(request, model):
    keywords = {word: topic for topic, words in TOPICS.items() for word in words}
    inner = ScriptedClassifier(keywords) if "scripted" in request.param else LocalClassifier(model)
    outer = inner
    if "remote" in request.param:
        transport = httpx.ASGITransport(create_service(inner, "secret"))
        outer = RemoteClassifier("http://classifier", "secret", transport=transport)
    yield outer
    await outer.close()
    await inner.close()


def test_each_is_a_classifier(classifier):
    assert isinstance(classifier, Classifier)


async def test_answers_come_in_order_and_are_whole(classifier):
    predictions = await classifier.classify(TEXTS)
    assert [prediction.category for prediction in predictions][:2] == ["network", "billing"]
    for text, prediction in zip(TEXTS, predictions, strict=True):
        shares = [share for _, share in prediction.alternatives]
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) == pytest.approx(1)
        assert prediction.alternatives[0] == (prediction.category, prediction.confidence)
        assert 0 <= prediction.out_of_scope <= 1
        assert prediction.embedding.dtype == np.float32
        scores = [word.score for word in prediction.words]
        assert scores == sorted(scores, reverse=True)
        assert all(text[word.start : word.end] == word.text for word in prediction.words)


async def test_an_empty_text_gets_an_honest_not_sure(classifier):
    [prediction] = await classifier.classify([""])
    assert prediction.out_of_scope == 1.0
    assert prediction.words == ()


async def test_half_a_character_is_no_reason_to_fail(classifier):
    text = "my vpn\ud800 is not working \udfff"
    [prediction] = await classifier.classify([text])
    assert prediction.category == "network"
    assert all(text[word.start : word.end] == word.text for word in prediction.words)


async def test_no_texts_get_no_answers(classifier):
    assert await classifier.classify([]) == []


async def test_hundreds_of_texts_are_answered(classifier):
    assert len(await classifier.classify(["vpn"] * 300)) == 300


@pytest.mark.parametrize("method", ["attention", "leave_one_out"])
async def test_an_explanation_measures_the_answer_without_its_words(classifier, method):
    explanation = await classifier.explain("please help my vpn is not working", method)
    assert explanation.method == method
    assert explanation.removed
    assert 0 <= explanation.probability_without <= 1
    assert 0 <= explanation.hidden_attention <= 1
    assert [word.start for word in explanation.words] == sorted(word.start for word in explanation.words)


async def test_a_picture_is_a_png_with_words_for_those_who_cannot_see_it(classifier):
    picture = await classifier.picture("please help my vpn is not working", title="Network", dark=True)
    assert picture.png.startswith(b"\x89PNG")
    assert "vpn" in picture.description
    assert (await classifier.picture("")).png.startswith(b"\x89PNG")


async def test_an_unknown_method_is_invalid_input(classifier):
    with pytest.raises(InvalidInput):
        await classifier.explain("vpn", "magic")


async def test_the_model_says_what_it_is(classifier):
    info = await classifier.model()
    assert isinstance(info, ModelInfo)
    assert info.labels == tuple(sorted(TOPICS))
    [prediction] = await classifier.classify(["vpn"])
    assert prediction.model_version == info.version
    assert 0 < prediction.threshold <= 1
    assert 0 < info.threshold <= 1


async def test_the_prediction_set_comes_along_best_first(classifier):
    for prediction in await classifier.classify(TEXTS):
        likeliest = tuple(category for category, _ in prediction.alternatives)
        assert prediction.candidates == likeliest[: len(prediction.candidates)]
        assert prediction.candidates


async def test_the_memorys_similarities_come_along(classifier):
    for prediction in await classifier.classify(TEXTS):
        assert 0 < prediction.recall_near <= prediction.recall_threshold


async def test_a_closed_classifier_says_so_and_closes_again(classifier):
    await classifier.close()
    await classifier.close()
    with pytest.raises(ClassifierUnavailable):
        await classifier.classify(["vpn"])


async def test_a_scripted_failure_reaches_the_caller_once():
    scripted = ScriptedClassifier({"vpn": "network"})
    scripted.fail_next(ClassifierError("no"))
    with pytest.raises(ClassifierError, match="no"):
        await scripted.classify(["vpn"])
    assert (await scripted.classify(["vpn"]))[0].category == "network"
