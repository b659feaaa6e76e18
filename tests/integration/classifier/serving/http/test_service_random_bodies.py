"""Ten thousand bodies that nobody would send on purpose: each is answered, and none with a 5xx."""

import json
import random
import string

import httpx
import pytest

from classifier.serving.http.asgi import create_service
from classifier.testing import ScriptedClassifier

COUNT = 10_000
PATHS = (
    "/v1/classify",
    "/v1/classify",
    "/v1/explain",
    "/v1/nothing",
    "/v1/models/rollback",
    "/v1/models/x/activate",
)
VALID = (
    {"texts": ["my vpn is gone", "refund please"], "top": 2, "embedding": False},
    {"text": "my vpn is gone", "method": "attention"},
)
TYPES = (
    "application/json",
    "application/json; charset=utf-8",
    "application/json; charset=utf-16",
    "text/plain",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "application/vnd.api+json",
    "\xff\xfe",
    "",
)
VALUES = (
    None,
    True,
    -1,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "\ud800",
    "\udfff\ud800",
    "\x00",
    "\u202e",
    "a" * 5000,
    [],
    {},
    [[]],
    {"texts": []},
)
DEADLINES = ("0", "-1", "nan", "1e999", "soon", "5", "0x10", "١")


def random_bytes(draw: random.Random) -> bytes:
    return draw.randbytes(draw.randrange(200))


def mutated(draw: random.Random) -> bytes:
    """Valid JSON with some bytes changed, taken out, put in or cut off."""
    body = bytearray(json.dumps(draw.choice(VALID)).encode())
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(body))
        match draw.randrange(4):
            case 0:
                body[at] = draw.randrange(256)
            case 1:
                del body[at : at + 1 if len(body) > 1 else at]
            case 2:
                body[at:at] = draw.choice([b"\\ud800", b"\xed\xa0\x80", b'"', b"{", b"\x00", b"1e999", b",,"])
            case _:
                del body[max(at, 1) :]
    return bytes(body)


def wrong_types(draw: random.Random) -> bytes:
    content = dict(draw.choice(VALID))
    for name in draw.sample(sorted(content), draw.randint(1, len(content))):
        value = draw.choice(VALUES)
        content[name] = [value] * draw.randrange(4) if draw.random() < 0.5 else value
    if draw.random() < 0.2:
        content["".join(draw.choices(string.printable, k=5))] = draw.choice(VALUES)
    return json.dumps(content).encode()


def nested(draw: random.Random) -> bytes:
    depth = draw.choice([10, 200, 5000, 100_000])
    opening, closing = draw.choice([("[", "]"), ('{"texts":', "}"), ('{"a":[', "]}")])
    return (opening * depth + draw.choice(["", "1", '"x"']) + closing * draw.choice([0, depth])).encode()


def numbers(draw: random.Random) -> bytes:
    number = "".join(draw.choices("0123456789", k=draw.choice([1, 30, 5000])))
    form = draw.choice(["{}", "-{}", "{}.{}", "{}e{}", "1e-{}", "0{}"]).format(number, number[:9])
    return f'{{"texts": ["a"], "top": {form}}}'.encode()


def texts(draw: random.Random) -> bytes:
    """What the service may well be asked; some with half characters, as JSON escapes or as raw bytes."""
    alphabet = string.printable + "äß漢字🙂\u200f\u0301\x00"
    many = ["".join(draw.choices(alphabet, k=draw.randrange(40))) for _ in range(draw.randrange(8))]
    body = json.dumps({"texts": many}, ensure_ascii=draw.random() < 0.5).encode()
    return body.replace(b"a", draw.choice([b"a", b"\\udc00", b"\xed\xb0\x80"]))


KINDS = (random_bytes, mutated, wrong_types, nested, numbers, texts)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_body_that_makes_no_sense_never_breaks_the_service(kind):
    draw = random.Random(kind.__name__)  # noqa: S311 - test data
    service = create_service(ScriptedClassifier({"vpn": "network", "bill": "billing"}), "secret")
    statuses = set()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(service),
        base_url="http://c",
        headers={"Authorization": "Bearer secret"},
    ) as client:
        for _ in range(-(-COUNT // len(KINDS))):
            headers = {"Content-Type": "application/json"}
            if draw.random() < 0.1:
                headers["Content-Type"] = draw.choice(TYPES)
            if draw.random() < 0.1:
                headers["Fingerpost-Timeout"] = draw.choice(DEADLINES)
            request = client.build_request(
                draw.choice(("POST",) * 9 + ("PUT",)),
                draw.choice(PATHS),
                content=kind(draw),
                headers=[(name.encode(), value.encode("utf-8")) for name, value in headers.items()],
            )
            response = await client.send(request)
            statuses.add(response.status_code)
            assert 200 <= response.status_code < 500, (request.content[:200], response.text)
            if response.status_code >= 400:
                assert response.json()["error"]["message"]
        assert (await client.get("/readyz")).status_code == 200
    assert statuses >= {404, 415, 422}
