"""The load generator against servers that behave well and badly, and against the real service."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from typer.testing import CliRunner

from benchmarks.cli import bench
from benchmarks.serving.http_load import Address, WrongAnswer, closed_loop, open_loop
from benchmarks.serving.load import LoadPlan, measure, table
from benchmarks.serving.service_process import second_version
from classifier.contract import ClassifierUnavailable, InvalidInput
from classifier.model.directory import load_model_directory, save_model_directory
from classifier.model.integrity import read_facts
from tests.factories.tiny_bert import messages, tiny_bert, tiny_model

RIGHT = {"category": "billing", "words": []}


class Server:
    """Answers each request with (status, content), which `answer` gives for its texts; None breaks off."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = []
        self.requests = []
        self.connections = set()
        self.seconds = 0.0

    async def handle(self, request):
        self.connections.add(request.transport)
        if request.method == "GET":
            return web.Response()
        texts = (await request.json())["texts"]
        self.requests.append(request)
        self.asked.append(texts)
        await asyncio.sleep(self.seconds)
        found = self.answer(texts)
        if found is None:
            request.transport.abort()
            return web.Response()
        status, content = found
        return web.json_response(content, status=status)


@asynccontextmanager
async def serving(answer):
    server = Server(answer)
    app = web.Application()
    app.router.add_route("*", "/base/{rest:.*}", server.handle)
    async with TestServer(app) as listening:
        yield server, Address(f"http://127.0.0.1:{listening.port}/base/", "secret")


def predictions(texts):
    return 200, {"predictions": [RIGHT for _ in texts]}


async def test_a_closed_loop_asks_for_every_text_with_the_token():
    texts = [f"text {number}" for number in range(10)]
    async with serving(predictions) as (server, address):
        found = await closed_loop(address, texts, connections=2, batch=4, seconds=0.05, start=3)
    assert server.asked[0] == texts[3:7]
    assert {text for part in server.asked for text in part} == set(texts)
    assert server.requests[0].path == "/base/v1/classify"
    assert server.requests[0].headers["Authorization"] == "Bearer secret"
    assert len(server.asked) > len(server.connections) == 2
    assert found["failed"] == found["refused"] == 0
    assert found["statuses"].keys() == {"200"}
    assert found["rate"] > 0


async def test_an_open_loop_sends_each_arrival_once():
    async with serving(predictions) as (server, address):
        found = await open_loop(address, ["a", "b"], connections=4, rate=300.0, seconds=0.3, seed=0)
    assert found["messages"] == found["answered"] == len(server.asked)
    assert server.asked[:3] == [["a"], ["b"], ["a"]]


async def test_refusals_and_errors_are_told_apart():
    def answer(texts):
        if texts == ["full"]:
            return 503, {}
        return (500, {}) if texts == ["bad"] else predictions(texts)

    async with serving(answer) as (_, address):
        found = await open_loop(
            address, ["full", "bad", "fine"], connections=2, rate=200.0, seconds=0.2, seed=0
        )
    assert found["refused"] > 0
    assert found["failed"] > 0
    assert found["answered"] == found["messages"] - found["refused"] - found["failed"]


async def test_a_broken_connection_is_one_failure_and_is_made_again():
    async with serving(lambda texts: None if texts == ["break"] else predictions(texts)) as (server, address):
        found = await open_loop(address, ["break", "fine"], connections=1, rate=200.0, seconds=0.2, seed=0)
    assert found["failed"] == found["statuses"]["0"] == server.asked.count(["break"])
    assert found["answered"] == server.asked.count(["fine"]) > 0


async def test_what_waits_for_a_connection_is_late_from_when_it_should_have_come():
    async with serving(predictions) as (server, address):
        server.seconds = 0.05
        found = await open_loop(address, ["a"], connections=1, rate=100.0, seconds=0.3, seed=0)
    # some 30 arrivals, one answer each 50 ms: the last ones wait for more than a second
    assert found["answered"] == found["messages"]
    assert found["p99_ms"] > 500


async def test_what_is_no_prediction_is_not_counted_as_one():
    async with serving(lambda _: (200, {"hello": "world"})) as (_, address):
        with pytest.raises(WrongAnswer):
            await closed_loop(address, ["a"], connections=1, batch=1, seconds=0.01)


async def test_where_nobody_listens_it_is_said():
    async with serving(predictions) as (_, address):
        pass
    with pytest.raises(ClassifierUnavailable, match="start one"):
        await closed_loop(address, ["a"], connections=1, batch=1, seconds=0.01)


@pytest.mark.parametrize("url", ["127.0.0.1:8600", "ftp://here", "http://", "http://here:port"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(InvalidInput, match="http://host:port"):
        Address(url).root()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    place = tmp_path_factory.mktemp("load")
    save_model_directory(tiny_model(tiny_bert(place / "base")), place / "model")
    return place / "model"


def test_the_other_version_is_the_same_model_by_another_name(model, tmp_path):
    other = second_version(model, tmp_path / "other")
    assert read_facts(other).version != read_facts(model).version
    assert load_model_directory(other).facts.labels == load_model_directory(model).facts.labels


@pytest.mark.long
def test_the_command_loads_the_real_service_and_swaps_models_without_a_failure(model, tmp_path):
    (tmp_path / "texts.txt").write_text("".join(f"{example.text}\n" for example in messages(10)))
    options = ["--model", model, "--texts", tmp_path / "texts.txt", "--json", tmp_path / "load.json"]
    options += ["--seconds", 0.3, "--connections", 8, "--soak", 4, "--share", 0.3, "--swap-every", 1]
    done = CliRunner().invoke(bench, ["load", *map(str, options)], catch_exceptions=False)
    assert done.exit_code == 0
    found = json.loads((tmp_path / "load.json").read_text())
    assert found["ready_seconds"] > 0
    assert found["single"]["failed"] == found["batches"]["failed"] == 0
    soak = found["soak"]
    assert soak["failed"] == soak["refused"] == 0
    assert soak["answered"] == soak["messages"] > 0
    assert soak["swaps"] >= 1
    assert found["memory"]["peak_mib"] >= found["memory"]["rss_mib"] > 50
    assert "| models swapped |" in done.output


async def test_a_service_that_runs_already_is_asked_in_turn_at_each_rate():
    plan = LoadPlan(
        seconds=0.1, rounds=2, open_seconds=0.1, saturating_seconds=0.05, connections=2, shares=(0.1, 0.2)
    )
    async with serving(predictions) as (_, address):
        found = await asyncio.to_thread(measure, address, ["a", "b"], plan)
    assert [row["share"] for row in found["open_loop"]] == [0.1, 0.2]
    assert all(row["failed"] == 0 for row in found["open_loop"])
    assert found["memory"] is None
    assert "| open loop over HTTP" in table(found)


def test_swaps_are_for_a_service_of_our_own():
    with pytest.raises(InvalidInput, match="--url"):
        measure(Address("http://127.0.0.1:1"), ["a"], LoadPlan(swap_every=1.0))
    with pytest.raises(InvalidInput, match="no messages"):
        measure(Address("http://127.0.0.1:1"), [], LoadPlan())
