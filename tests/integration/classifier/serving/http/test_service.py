import asyncio
import inspect
import json
import subprocess
import sys

import httpx
import orjson
import pytest
from pydantic import BaseModel

from classifier.client.json_codec import pack_prediction
from classifier.contract import ClassifierOverloaded
from classifier.serving.http import schemas as service_models
from classifier.serving.http.asgi import create_service
from classifier.serving.http.schemas import MAX_BODY_BYTES, MAX_TEXTS
from classifier.testing import ScriptedClassifier


@pytest.fixture
def scripted():
    return ScriptedClassifier({"vpn": "network", "bill": "billing"})


class Waiting:
    """A classifier whose answers never come; counts how often it was told to stop."""

    def __init__(self, inner, *, stuck=False):
        self._inner = inner
        self._stuck = stuck
        self.entered = asyncio.Event()
        self.cancelled = 0

    async def classify(self, texts):
        return await self._wait()

    async def explain(self, text, method, *, seconds):
        return await self._wait()

    async def model(self):
        return await (self._wait() if self._stuck else self._inner.model())

    async def _wait(self):
        self.entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


async def metrics_of(service):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(service), base_url="http://c") as client:
        return (await client.get("/metrics")).text


def http(scripted, token=None):
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(create_service(scripted, token)), base_url="http://c"
    )


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 422, "invalid_input"),
        (b"{}", 422, "invalid_input"),
        (b'{"texts": "vpn"}', 422, "invalid_input"),
        (b'{"texts": [1]}', 422, "invalid_input"),
        (b'{"texts": []}', 422, "invalid_input"),
        (b'{"texts": ["vpn"], "more": 1}', 422, "invalid_input"),
        (b'{"texts": ["vpn"], "top": 0}', 422, "invalid_input"),
        (b'{"texts": ["vpn"], "embedding": 1}', 422, "invalid_input"),
        (json.dumps({"texts": ["vpn"] * (MAX_TEXTS + 1)}).encode(), 422, "invalid_input"),
        (b" " * (MAX_BODY_BYTES + 1), 413, "too_large"),
    ],
)
async def test_a_body_that_cannot_be_used_gets_a_structured_error(scripted, body, status, code):
    async with http(scripted) as client:
        response = await client.post("/v1/classify", content=body)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert "\n" not in response.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/classify", "/v1/model/"])
async def test_an_unknown_path_or_method_gets_a_structured_error(scripted, path):
    async with http(scripted) as client:
        response = await client.get(path)
    assert response.status_code in (404, 405)
    assert response.json()["error"]["message"]


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "secret"}])
async def test_without_the_token_nothing_is_answered_but_health(scripted, header):
    async with http(scripted, "secret") as client:
        for call in (
            client.post("/v1/classify", json={"texts": ["vpn"]}, headers=header),
            client.get("/v1/model", headers=header),
            client.post("/v1/models/rollback", headers=header),
        ):
            assert (await call).status_code == 401
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).json()["version"] == scripted.version


@pytest.mark.parametrize("path", ["/v1/models/rollback", "/v1/models/20260101T000000Z-abcdef/activate"])
async def test_without_a_token_of_its_own_the_service_changes_no_model(scripted, path):
    async with http(scripted) as client:
        response = await client.post(path, headers={"Authorization": "Bearer guessed"})
    assert (response.status_code, response.json()["error"]["code"]) == (403, "token_required")
    assert "token must be set" in response.json()["error"]["message"]


async def test_an_empty_list_says_what_is_missing(scripted):
    async with http(scripted) as client:
        response = await client.post("/v1/classify", json={"texts": []})
    assert response.json()["error"]["message"] == "texts: send 1 to 1024 texts at once"


async def test_as_many_texts_as_allowed_are_answered(scripted):
    async with http(scripted) as client:
        response = await client.post("/v1/classify", json={"texts": ["vpn"] * MAX_TEXTS})
    assert len(response.json()["predictions"]) == MAX_TEXTS


async def test_an_answer_is_whole_unless_less_is_asked_for(scripted):
    async with http(scripted) as client:
        whole = await client.post("/v1/classify", json={"texts": ["vpn"]})
        short = await client.post("/v1/classify", json={"texts": ["vpn"], "top": 1, "embedding": False})
    [prediction] = await scripted.classify(["vpn"])
    assert whole.json() == {"predictions": [orjson.loads(orjson.dumps(pack_prediction(prediction)))]}
    [fields] = short.json()["predictions"]
    assert fields["alternatives"] == [["network", prediction.confidence]]
    assert "embedding" not in fields


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
async def test_a_body_that_is_no_json_by_its_own_account_is_refused(scripted, kind):
    async with http(scripted) as client:
        response = await client.post(
            "/v1/classify", content=b'{"texts": ["vpn"]}', headers={"Content-Type": kind}
        )
    assert (response.status_code, response.json()["error"]["code"]) == (415, "not_json")


@pytest.mark.parametrize("route", ["/v1/classify", "/v1/model"])
async def test_a_request_ends_at_its_deadline_and_its_work_with_it(scripted, route):
    waiting = Waiting(scripted, stuck=True)
    async with http(waiting) as client:
        asked = {"json": {"texts": ["vpn"]}} if route == "/v1/classify" else {}
        method = "POST" if asked else "GET"
        response = await client.request(method, route, headers={"Fingerpost-Timeout": "0.01"}, **asked)
    assert (response.status_code, response.json()["error"]["code"]) == (504, "timeout")
    assert waiting.cancelled == 1


async def test_the_services_own_limit_holds_where_a_client_would_wait_longer(scripted):
    service = create_service(Waiting(scripted), None, timeout=0.01)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(service), base_url="http://c") as client:
        for headers in ({}, {"Fingerpost-Timeout": "60"}):
            response = await client.post("/v1/classify", json={"texts": ["vpn"]}, headers=headers)
            assert response.status_code == 504


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "nan", "1e999", ""])
async def test_a_deadline_that_is_no_time_is_refused(scripted, seconds):
    async with http(scripted) as client:
        response = await client.post(
            "/v1/classify", json={"texts": ["vpn"]}, headers={"Fingerpost-Timeout": seconds}
        )
    assert (response.status_code, response.json()["error"]["code"]) == (422, "invalid_input")


@pytest.mark.parametrize("route", ["/v1/classify", "/v1/explain"])
async def test_a_client_that_goes_away_cancels_its_work(scripted, route):
    waiting = Waiting(scripted)
    service = create_service(waiting, None)
    body = json.dumps({"texts": ["vpn"]} if route == "/v1/classify" else {"text": "vpn"}).encode()

    async def receive():
        if not waiting.entered.is_set() and not received:
            received.append(True)
            return {"type": "http.request", "body": body, "more_body": False}
        await waiting.entered.wait()
        return {"type": "http.disconnect"}

    received, sent = [], []
    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": route, "headers": headers, "query_string": b""}

    async def send(message):
        sent.append(message)

    await service(scope, receive, send)
    assert waiting.cancelled == 1
    assert sent[0]["status"] == 499
    assert f'route="{route}",status="499"' in (await metrics_of(service))


async def test_a_service_is_ready_when_its_model_is_and_until_it_stops(scripted):
    service = create_service(None, None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(service), base_url="http://c") as client:

        async def ready():
            return (await client.get("/readyz")).status_code

        assert (await ready(), (await client.get("/healthz")).status_code) == (503, 200)
        early = await client.post("/v1/classify", json={"texts": ["vpn"]})
        assert (early.status_code, early.json()["error"]["code"]) == (503, "unavailable")
        assert int(early.headers["retry-after"]) >= 1
        service.provide(scripted)
        assert await ready() == 200
        service.drain()
        assert await ready() == 503
        # what comes while the service stops is still answered
        assert (await client.post("/v1/classify", json={"texts": ["vpn"]})).status_code == 200


async def test_an_error_that_nobody_foresaw_has_the_same_form(scripted, caplog):
    class Odd(Waiting):
        async def classify(self, texts):
            raise RuntimeError("odd")

    async with http(Odd(scripted)) as client:
        response = await client.post("/v1/classify", json={"texts": ["vpn"]})
    assert (response.status_code, response.json()["error"]["code"]) == (500, "internal")
    assert "odd" not in response.text
    assert "a request failed" in caplog.text


async def test_the_description_names_every_route_its_errors_and_its_examples(scripted):
    async with http(scripted, "secret") as client:
        described = (await client.get("/openapi.json")).json()
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }
    assert {operation["operationId"] for operation in operations.values()} == {
        *("classify", "explain", "picture", "model", "versions", "activate", "rollback"),
        *("health", "ready", "metrics"),
    }
    for name, operation in operations.items():
        assert operation["summary"]
        assert operation["description"]
        if name.split()[1].startswith("/v1/"):
            assert operation["security"] == [{"token": []}]
            assert {"401", "422", "500", "503", "504"} <= set(operation["responses"])
    assert operations["POST /v1/classify"]["requestBody"]["content"]["application/json"]["schema"]["examples"]
    assert set(operations["POST /v1/models/rollback"]["responses"]) >= {"200", "401", "403", "404", "409"}
    assert described["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_every_example_is_what_it_stands_for():
    documented = [
        model
        for _, model in inspect.getmembers(service_models, inspect.isclass)
        if issubclass(model, BaseModel) and model is not BaseModel and "examples" in model.model_json_schema()
    ]
    assert len(documented) == 11
    for model in documented:
        for example in model.model_json_schema()["examples"]:
            read = model.model_validate_json(json.dumps(example))
            assert read.model_dump(mode="json", exclude_unset=True) == example


def test_the_service_needs_neither_torch_nor_transformers():
    code = (
        "import sys, classifier.serving.http.server, classifier.client.client, classifier.serving.control; "
        "sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


async def test_an_overload_says_when_to_come_back(scripted):
    scripted.fail_next(ClassifierOverloaded(retry_after=2.5))
    async with http(scripted) as client:
        response = await client.post("/v1/classify", json={"texts": ["vpn"]})
    assert (response.status_code, response.headers["retry-after"]) == (503, "3")
    assert response.json()["error"]["code"] == "overloaded"


async def test_a_model_that_cannot_answer_is_not_ready(scripted):
    scripted.fail_next()
    async with http(scripted) as client:
        assert (await client.get("/readyz")).status_code == 503
