import httpx
import pytest

from classifier.contract import ClassifierOverloaded
from classifier.serving.http import operations as service_operations
from classifier.serving.http.asgi import create_service
from classifier.testing import ScriptedClassifier


@pytest.fixture
def scripted():
    return ScriptedClassifier({"vpn": "network", "bill": "billing"})


async def metrics_of(service):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(service), base_url="http://c") as client:
        return (await client.get("/metrics")).text


async def test_metrics_count_requests_and_name_the_model(scripted):
    service = create_service(scripted, "secret")
    transport = httpx.ASGITransport(service)
    async with httpx.AsyncClient(transport=transport, base_url="http://c") as client:
        token = {"Authorization": "Bearer secret"}
        await client.post("/v1/classify", json={"texts": ["vpn", "bill"]}, headers=token)
        await client.post("/v1/classify", json={"texts": ["vpn"]})
        scripted.fail_next(ClassifierOverloaded())
        await client.post("/v1/classify", json={"texts": ["vpn"]}, headers=token)
        for number in range(3):
            await client.request(f"ODD{number}", f"/paths/are/{number}")
        response = await client.get("/metrics")  # asks for no token
    assert response.headers["content-type"].startswith("text/plain; version=")
    lines = response.text.splitlines()
    prefix = "fingerpost_classifier_"
    for expected in (
        f'{prefix}requests_total{{route="/v1/classify",status="200"}} 1.0',
        f'{prefix}requests_total{{route="/v1/classify",status="401"}} 1.0',
        f'{prefix}requests_total{{route="/v1/classify",status="503"}} 1.0',
        f'{prefix}requests_total{{route="unknown",status="404"}} 3.0',
        f'{prefix}refused_total{{code="overloaded"}} 1.0',
        f'{prefix}request_seconds_count{{route="/v1/classify"}} 3.0',
        f"{prefix}texts_total 2.0",
        f"{prefix}ready 1.0",
        f'{prefix}model_info{{kind="scripted",version="{scripted.version}"}} 1.0',
    ):
        assert expected in lines
    assert "odd" not in response.text.lower()
    assert "paths" not in response.text


async def test_metrics_of_one_service_say_nothing_of_another(scripted):
    one, other = create_service(scripted, None), create_service(scripted, None)
    one.metrics.classified(5)
    assert "fingerpost_classifier_texts_total 5.0" in await metrics_of(one)
    assert "fingerpost_classifier_texts_total 0.0" in await metrics_of(other)


async def test_metrics_say_how_many_texts_wait_where_the_classifier_knows(scripted):
    class Queued(ScriptedClassifier):
        waiting = 7
        swaps = 2

    text = await metrics_of(create_service(Queued({"vpn": "network"}), None))
    assert "fingerpost_classifier_queue_texts 7.0" in text
    assert "fingerpost_classifier_model_swaps_total 2.0" in text
    assert "queue_texts" not in await metrics_of(create_service(scripted, None))


async def test_metrics_are_told_although_the_classifier_is_stuck(scripted, monkeypatch):
    monkeypatch.setattr(service_operations, "_LOOK_SECONDS", 0.01)
    scripted.gate.clear()
    assert "fingerpost_classifier_ready 0.0" in await metrics_of(create_service(scripted, None))


async def test_the_model_that_answers_is_the_only_one_named(scripted):
    service = create_service(scripted, None)
    await metrics_of(service)
    scripted.version = "20260102T000000Z-script"
    text = await metrics_of(service)
    assert text.count("model_info{") == 1
    assert 'version="20260102T000000Z-script"' in text
