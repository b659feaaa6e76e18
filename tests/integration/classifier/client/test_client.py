import asyncio
import json

import httpx
import pytest

from classifier.client.client import RemoteClassifier
from classifier.client.resilience import CircuitBreaker, Retries
from classifier.contract import (
    BrokenModel,
    ClassifierError,
    ClassifierOverloaded,
    ClassifierTimeout,
    ClassifierUnavailable,
    InvalidInput,
)
from classifier.serving.http.asgi import create_service
from classifier.testing import ScriptedClassifier

NO_PAUSE = Retries(draw=lambda: 0.0)


@pytest.fixture
def scripted():
    return ScriptedClassifier({"vpn": "network", "bill": "billing"})


@pytest.mark.parametrize(
    "error", [ClassifierOverloaded(retry_after=3), ClassifierUnavailable("no"), InvalidInput("no")]
)
async def test_an_error_keeps_its_kind_over_http(scripted, error):
    scripted.fail_next(error)
    transport = httpx.ASGITransport(create_service(scripted, None))
    remote = RemoteClassifier("http://c", transport=transport, retries=Retries(attempts=1))
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
        (answer(504, json={"error": {"code": "timeout", "message": "y"}}), ClassifierTimeout),
        (answer(409, json={"error": {"code": "broken_model", "message": "y"}}), BrokenModel),
    ],
)
async def test_whatever_the_network_does_becomes_an_error_of_the_contract(handler, expected):
    remote = RemoteClassifier("http://c", transport=httpx.MockTransport(handler), retries=Retries(attempts=1))
    with pytest.raises(expected):
        await remote.classify(["vpn"])
    await remote.close()


class Network(httpx.AsyncBaseTransport):
    """The real service behind a network that fails as it is told to; keeps every request."""

    def __init__(self, scripted, *failures):
        self._service = httpx.ASGITransport(create_service(scripted, None))
        self.failures = list(failures)
        self.seen = []

    async def handle_async_request(self, request):
        self.seen.append(request)
        failure = self.failures.pop(0) if self.failures else None
        if isinstance(failure, httpx.Response):
            return failure
        if failure is not None:
            raise failure("x", request=request)
        return await self._service.handle_async_request(request)


def busy(seconds="0"):
    error = {"error": {"code": "overloaded", "message": "full"}}
    return httpx.Response(503, headers={"Retry-After": seconds}, json=error)


@pytest.mark.parametrize(
    "failure", [httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadError, httpx.RemoteProtocolError, busy()]
)
@pytest.mark.parametrize("question", ["classify", "explain", "picture", "model"])
async def test_a_question_is_asked_again(scripted, question, failure):
    network = Network(scripted, failure)
    remote = RemoteClassifier("http://c", transport=network, retries=NO_PAUSE)
    arguments = {"classify": (["vpn"],), "explain": ("vpn",), "picture": ("vpn",), "model": ()}[question]
    assert await getattr(remote, question)(*arguments)
    assert len(network.seen) == 2
    await remote.close()


@pytest.mark.parametrize("failure", [httpx.ConnectError, httpx.ReadError, busy()])
@pytest.mark.parametrize("change", ["activate", "rollback"])
async def test_a_change_of_the_model_is_never_asked_for_twice(scripted, change, failure):
    network = Network(scripted, failure)
    remote = RemoteClassifier("http://c", transport=network, retries=NO_PAUSE)
    arguments = ("20260101T000000Z-script",) if change == "activate" else ()
    with pytest.raises(ClassifierUnavailable):
        await getattr(remote, change)(*arguments)
    assert len(network.seen) == 1
    await remote.close()


@pytest.mark.parametrize("failure", [httpx.ReadTimeout, httpx.Response(500), httpx.Response(504)])
async def test_what_took_its_time_is_not_repeated(scripted, failure):
    network = Network(scripted, failure)
    remote = RemoteClassifier("http://c", transport=network, retries=NO_PAUSE)
    with pytest.raises(ClassifierUnavailable):
        await remote.classify(["vpn"])
    assert len(network.seen) == 1
    await remote.close()


async def test_the_service_is_told_how_long_its_answer_is_waited_for(scripted):
    now = [50.0]

    async def pause(seconds):
        now[0] += seconds

    retries = Retries(clock=lambda: now[0], sleep=pause, draw=lambda: 0.0)
    network = Network(scripted, busy("3"))
    remote = RemoteClassifier("http://c", transport=network, timeout=8.0, retries=retries)
    await remote.classify(["vpn"])
    assert [request.headers["fingerpost-timeout"] for request in network.seen] == ["8.000", "5.000"]
    await remote.close()


async def test_an_answer_after_the_deadline_is_a_timeout(scripted):
    scripted.gate.clear()
    transport = httpx.ASGITransport(create_service(scripted, None))
    remote = RemoteClassifier("http://c", transport=transport, timeout=0.02)
    with pytest.raises(ClassifierTimeout):
        await remote.classify(["vpn"])
    await remote.close()


async def test_all_steps_of_a_request_together_have_the_deadline():
    async def never(request):
        await asyncio.Event().wait()

    remote = RemoteClassifier("http://c", transport=httpx.MockTransport(never), timeout=0.02)
    with pytest.raises(ClassifierTimeout):
        await remote.classify(["vpn"])
    await remote.close()


async def test_a_service_that_is_gone_is_left_alone_until_it_may_be_back(scripted):
    now = [0.0]
    breaker = CircuitBreaker(3, 10.0, clock=lambda: now[0], draw=lambda: 0.5)
    network = Network(scripted, *[httpx.ConnectError] * 4)
    remote = RemoteClassifier(
        "http://c", transport=network, retries=Retries(attempts=1), breaker=breaker, timeout=60
    )
    for _ in range(5):
        with pytest.raises(ClassifierUnavailable):
            await remote.classify(["vpn"])
    assert len(network.seen) == 3  # the others were not even sent
    now[0] = 10.5
    with pytest.raises(ClassifierUnavailable, match="no classifier service answers"):
        await remote.classify(["vpn"])  # the trial
    now[0] = 21.0
    assert await remote.classify(["vpn"])
    assert await remote.classify(["vpn"])
    assert len(network.seen) == 6
    await remote.close()


async def test_no_texts_ask_nothing(scripted):
    network = Network(scripted)
    remote = RemoteClassifier("http://c", transport=network)
    assert await remote.classify([]) == []
    assert network.seen == []
    await remote.close()


async def test_many_texts_go_in_requests_that_the_service_takes(scripted):
    network = Network(scripted)
    remote = RemoteClassifier("http://c", transport=network)
    texts = [f"vpn {number}" for number in range(300)] + ["\x00" * 90_000] * 12
    assert len(await remote.classify(texts)) == 312
    sent = [json.loads(request.content)["texts"] for request in network.seen]
    assert [text for part in sent for text in part] == texts
    assert max(len(request.content) for request in network.seen) < 4 * 1024 * 1024
    await remote.close()


@pytest.mark.parametrize("header", ["soon", "-3", "nan", "inf", "Wed, 21 Oct 2026 07:28:00 GMT"])
async def test_a_retry_after_that_is_no_number_of_seconds_counts_as_one(scripted, header):
    remote = RemoteClassifier(
        "http://c", transport=Network(scripted, busy(header)), retries=Retries(attempts=1)
    )
    with pytest.raises(ClassifierOverloaded) as raised:
        await remote.classify(["vpn"])
    assert raised.value.retry_after == 1.0
    await remote.close()
