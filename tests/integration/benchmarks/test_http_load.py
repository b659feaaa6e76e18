"""The load generator against servers that behave well and badly, and against the real service."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from typer.testing import CliRunner

from benchmarks.cli import bench
from benchmarks.serving.http_load import Address, HttpLoad
from benchmarks.serving.http_loops import WrongAnswer, closed_loop, open_loop
from benchmarks.serving.load import LoadPlan, measure, table
from benchmarks.serving.service_process import second_version
from classifier.contract import ClassifierUnavailable, InvalidInput
from classifier.model.directory import load_model_directory, save_model_directory
from classifier.model.integrity import read_facts
from tests.factories.tiny_bert import messages, tiny_bert, tiny_model

RIGHT = {"category": "billing", "words": []}


def response(status, content, *, extra=""):
    body = json.dumps(content).encode()
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode() + body


class Server:
    """Answers each request with what `answer` gives for its texts; None breaks the connection."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = []
        self.heads = []
        self.connections = 0

    async def handle(self, reader, writer):
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = int(head.lower().partition("content-length:")[2].split("\r\n")[0])
                texts = json.loads(await reader.readexactly(length))["texts"]
                self.heads.append(head)
                self.asked.append(texts)
                content = self.answer(texts)
                if content is None:
                    break
                # in two parts, as a network may deliver them
                writer.write(content[:20])
                await writer.drain()
                await asyncio.sleep(0)
                writer.write(content[20:])
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(answer):
    server = Server(answer)
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield server, Address(f"http://127.0.0.1:{port}/base", "secret")
    finally:
        listening.close()


def predictions(texts):
    return response(200, {"predictions": [RIGHT for _ in texts]})


async def test_a_closed_loop_asks_for_every_text_with_the_token():
    texts = [f"text {number}" for number in range(10)]
    async with serving(predictions) as (server, address):
        found = await closed_loop(address, texts, connections=2, batch=4, seconds=0.05, start=3)
    assert server.asked[0] == texts[3:7]
    assert {text for part in server.asked for text in part} == set(texts)
    assert "POST /base/v1/classify HTTP/1.1" in server.heads[0]
    assert "Authorization: Bearer secret" in server.heads[0]
    assert server.connections == 2
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
        return response(
            *(
                (503, {})
                if texts == ["full"]
                else (500, {})
                if texts == ["bad"]
                else (200, {"predictions": [RIGHT]})
            )
        )

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


async def test_an_answer_without_its_length_breaks_the_connection():
    async with serving(lambda _: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") as (
        _,
        address,
    ):
        load = HttpLoad(address, 1)
        await load.open()
        told = asyncio.get_running_loop().create_future()
        load.send(address.request(["x"]), lambda status, body: told.set_result((status, body)))
        assert await told == (0, b"")
        await load.close()


async def test_what_is_no_prediction_is_not_counted_as_one():
    async with serving(lambda _: response(200, {"hello": "world"})) as (_, address):
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
        Address(url).parts()


def test_addresses_have_ports_by_default():
    assert Address("https://models.example/a/").parts() == ("models.example", 443, True, "/a")
    assert Address("http://here").parts() == ("here", 80, False, "")


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
