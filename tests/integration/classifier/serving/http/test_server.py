"""The service as a process of its own, over real sockets: it listens, drains, and ends in order."""

import asyncio
import json
import signal
import sys
from contextlib import asynccontextmanager

import httpx
import pytest

from classifier.client.client import RemoteClassifier
from classifier.client.resilience import Retries
from classifier.contract import ClassifierError, ClassifierUnavailable
from classifier.serving.http.asgi import create_service
from classifier.serving.http.server import MAX_HEAD_BYTES, ServerOptions, listen, serving
from classifier.testing import ScriptedClassifier

PROGRAM = """
import asyncio, signal, sys
from contextlib import asynccontextmanager
from classifier.contract import BrokenModel
from classifier.serving.http.asgi import create_service
from classifier.serving.http.server import ServerOptions, listen, run_fast, run_service
from classifier.testing import ScriptedClassifier

kind = sys.argv[1]
scripted = ScriptedClassifier({"vpn": "network", "bill": "billing"})
service = create_service(None, None)


@asynccontextmanager
async def opened():
    if kind == "broken":
        raise BrokenModel
    if kind == "loading":
        await asyncio.Event().wait()
    if kind == "slow":
        scripted.gate.clear()
    yield scripted, None
    print("closed", flush=True)


async def main():
    listening = listen("127.0.0.1", 0)
    print(listening.getsockname()[1], flush=True)
    # requests that hang are answered on a sign from the test, once the service has begun to end
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, scripted.gate.set)
    await run_service(service, opened(), listening, ServerOptions(drain_seconds=20))


run_fast(main())
"""


@asynccontextmanager
async def running(kind):
    """The service in a process; yields the process and the service's address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", PROGRAM, kind),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        port = int(await process.stdout.readline())
        yield process, f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def until(condition):
    """Wait until a condition holds, for a minute at most."""
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(0.01)


async def refuses(url):
    async with httpx.AsyncClient() as client:
        try:
            await client.get(f"{url}/healthz")
        except httpx.ConnectError:
            return True
        return False


async def is_ready(url):
    async with httpx.AsyncClient() as client:
        return (await client.get(f"{url}/readyz")).status_code == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_what_is_under_way_is_answered_before_the_service_ends(number):
    async with running("slow") as (process, url), httpx.AsyncClient(base_url=url) as client:

        async def under_way():
            return "requests_running 5.0" in (await client.get("/metrics")).text

        asked = [
            asyncio.create_task(client.post("/v1/classify", json={"texts": [f"vpn {number}"]}))
            for number in range(4)
        ]
        await until(under_way)
        process.send_signal(number)
        await until(lambda: refuses(url))
        assert not any(task.done() for task in asked)
        process.send_signal(signal.SIGUSR1)
        for response in await asyncio.gather(*asked):
            assert response.status_code == 200
            assert response.headers["connection"] == "close"
        out, _ = await process.communicate()
        assert process.returncode == 0
        assert out == b"closed\n"  # the model was given back


async def test_the_service_listens_before_its_model_is_loaded():
    async with running("loading") as (process, url), httpx.AsyncClient(base_url=url) as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503
        remote = RemoteClassifier(url, retries=Retries(attempts=1))
        with pytest.raises(ClassifierUnavailable, match="being loaded"):
            await remote.classify(["vpn"])
        await remote.close()
        process.send_signal(signal.SIGTERM)
        # nothing to drain, and loading cannot be stopped
        assert await process.wait() == -signal.SIGTERM


async def test_a_model_that_cannot_be_loaded_ends_the_service():
    async with running("broken") as (process, _):
        _, errors = await process.communicate()
        assert process.returncode == 1
        assert b"BrokenModel" in errors


async def test_an_address_that_is_taken_is_said_to_be():
    taken = listen("127.0.0.1", 0)
    with taken, pytest.raises(ClassifierError, match="FINGERPOST_CLASSIFIER_PORT"):
        listen("127.0.0.1", taken.getsockname()[1])


async def test_a_client_survives_a_restart_of_the_service():
    async with running("quick") as (_, url):
        await until(lambda: is_ready(url))
        remote = RemoteClassifier(url)
        assert [answer.category for answer in await remote.classify(["vpn", "bill"])] == [
            "network",
            "billing",
        ]
    with pytest.raises(ClassifierUnavailable, match="no classifier service answers"):
        await remote.classify(["vpn"])
    await remote.close()


@asynccontextmanager
async def served(scripted, **options):
    """The service on a port of this process; yields a connection's two ends and the service."""
    service = create_service(scripted, None)
    async with serving(service, ServerOptions(**options)) as address:
        reader, writer = await asyncio.open_connection(*address)
        try:
            yield reader, writer, service
        finally:
            writer.close()
            await writer.wait_closed()
            scripted.gate.set()


async def test_requests_on_one_connection_are_answered_in_order():
    async with served(ScriptedClassifier({"vpn": "network", "bill": "billing"})) as (reader, writer, _):
        for text in ("vpn", "bill"):
            body = json.dumps({"texts": [text]}).encode()
            head = f"POST /v1/classify HTTP/1.1\r\nHost: c\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
        for category in ("network", "billing"):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.split("content-length: ")[1].split("\r\n")[0])
            answer = json.loads(await reader.readexactly(length))
            assert answer["predictions"][0]["category"] == category


async def test_a_head_without_end_is_refused():
    async with served(ScriptedClassifier({"vpn": "network"})) as (reader, writer, _):
        head = b"GET /healthz HTTP/1.1\r\nX-Long: "
        writer.write(head + b"x" * (MAX_HEAD_BYTES + 1 - len(head)))
        assert (await reader.read()).startswith(b"HTTP/1.1 400")


async def test_more_connections_than_allowed_get_a_503():
    async with served(ScriptedClassifier({"vpn": "network"}), connections=1) as (_, first, _):
        reader, second = await asyncio.open_connection(*first.get_extra_info("peername"))
        second.write(b"GET /healthz HTTP/1.1\r\nHost: c\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 503")
        second.close()
        await second.wait_closed()


async def test_a_client_that_hangs_up_cancels_its_work():
    scripted = ScriptedClassifier({"vpn": "network"})
    scripted.gate.clear()
    async with served(scripted) as (_, writer, service):

        async def under_way(number):
            return service.metrics.running == number

        writer.write(b'POST /v1/classify HTTP/1.1\r\nHost: c\r\nContent-Length: 18\r\n\r\n{"texts": ["vpn"]}')
        await until(lambda: under_way(1))
        writer.close()
        await until(lambda: under_way(0))
        assert b'refused_total{code="client_gone"} 1.0' in service.metrics.text(None, None)
        assert scripted.seen == []
