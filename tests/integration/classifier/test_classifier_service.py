import httpx
import pytest

from classifier.client import RemoteClassifier
from classifier.contract import (
    ClassifierError,
    ClassifierOverloaded,
    ClassifierTimeout,
    ClassifierUnavailable,
    InvalidInput,
)
from classifier.service import MAX_BODY_BYTES, create_service
from classifier.testing import ScriptedClassifier


@pytest.fixture
def scripted():
    return ScriptedClassifier({"vpn": "network", "bill": "billing"})


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
        (b'{"texts": [], "more": 1}', 422, "invalid_input"),
        (b" " * (MAX_BODY_BYTES + 1), 413, "too_large"),
    ],
)
async def test_a_body_that_cannot_be_used_gets_a_structured_error(scripted, body, status, code):
    async with http(scripted) as client:
        response = await client.post("/v1/classify", content=body)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert "\n" not in response.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/classify"])
async def test_an_unknown_path_or_method_gets_a_structured_error(scripted, path):
    async with http(scripted) as client:
        response = await client.get(path)
    assert response.status_code in (404, 405)
    assert response.json()["error"]["message"]


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "secret"}])
async def test_without_the_token_nothing_is_answered_but_health(scripted, header):
    async with http(scripted, "secret") as client:
        for call in (
            client.post("/v1/classify", json={"texts": []}, headers=header),
            client.get("/v1/model", headers=header),
        ):
            assert (await call).status_code == 401
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).json()["version"] == scripted.version


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


@pytest.mark.parametrize(
    "error", [ClassifierOverloaded(retry_after=3), ClassifierUnavailable("no"), InvalidInput("no")]
)
async def test_an_error_keeps_its_kind_over_http(scripted, error):
    scripted.fail_next(error)
    remote = RemoteClassifier("http://c", transport=httpx.ASGITransport(create_service(scripted, None)))
    with pytest.raises(type(error)) as raised:
        await remote.classify(["vpn"])
    assert str(raised.value) == str(error)
    if isinstance(error, ClassifierUnavailable):
        assert raised.value.retry_after >= error.retry_after
    await remote.close()


def fail_with(error):
    def handler(request):
        raise error("x", request=request)

    return handler


def answer(status, **content):
    return lambda request: httpx.Response(status, **content)


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (fail_with(httpx.ConnectError), ClassifierUnavailable),
        (fail_with(httpx.ReadTimeout), ClassifierTimeout),
        (fail_with(httpx.RemoteProtocolError), ClassifierUnavailable),
        (answer(502, text="<html>"), ClassifierUnavailable),
        (answer(200, text="<html>"), ClassifierUnavailable),
        (answer(200, json={"predictions": []}), ClassifierUnavailable),
        (answer(200, json={"predictions": [{}]}), ClassifierUnavailable),
        (answer(401, json={"error": {"code": "x", "message": "y"}}), ClassifierError),
        (answer(404, text="not here"), ClassifierError),
    ],
)
async def test_whatever_the_network_does_becomes_an_error_of_the_contract(handler, expected):
    remote = RemoteClassifier("http://c", transport=httpx.MockTransport(handler))
    with pytest.raises(expected):
        await remote.classify(["vpn"])
    await remote.close()
