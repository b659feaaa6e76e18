"""Whatever is logged, and by whomever: no credential reaches the output."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bot.logs import configure, redact_tokens

TOKENS = ("xoxb-1-SECRET", "xoxe.xoxp-1-SECRET", "xapp-1-SECRET", "Bearer SECRET.abc+/=", "bearer  SECRET")
URLS = (
    "postgresql+psycopg://anna:SECRET@db/x",
    "https://hooks.slack.com/commands/T0/1/SECRET",
    "https://hooks.slack.com/actions/T0/1/SECRET",
    "https://hooks.slack.com/services/T0/B0/SECRET",
)


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Give the root logger and structlog back as they were."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def ours(text: str) -> None:
    structlog.get_logger("ours").info("event", text=text)


def nested(text: str) -> None:
    structlog.get_logger("ours").info("event", payload={"list": [text, {text: (text,)}]})


def an_object(text: str) -> None:
    structlog.get_logger("ours").error("event", error=ValueError(text))


def in_bytes(text: str) -> None:
    structlog.get_logger("ours").info("event", body=text.encode())


def bound(text: str) -> None:
    structlog.get_logger("ours").bind(text=text).info(text)


def library(text: str) -> None:
    logging.getLogger("library").warning("call with %s", text)


def library_extra(text: str) -> None:
    logging.getLogger("library").warning("call", extra={"headers": {"Authorization": text}})


def a_traceback(text: str) -> None:
    try:
        {}[text]
    except KeyError:
        structlog.get_logger("ours").exception("failed")
        logging.getLogger("library").exception("failed")


WAYS = [ours, nested, an_object, in_bytes, bound, library, library_extra, a_traceback]


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "console"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("secret", [*TOKENS, *URLS])
def test_credentials_never_appear(
    secret: str, way: Callable[[str], None], as_json: bool, capsys: pytest.CaptureFixture[str]
):
    configure("DEBUG", as_json=as_json)
    way(f"before {secret} after")
    written = capsys.readouterr().err
    assert "[hidden]" in written
    assert "SECRET" not in written


def test_what_is_no_credential_is_readable(capsys: pytest.CaptureFixture[str]):
    configure("INFO", as_json=True)
    structlog.get_logger("ours").info(
        "ticket_decided", ticket="abc", seconds=1.5, count=3, none=None, yes=True
    )
    entry = json.loads(capsys.readouterr().err)
    assert entry["event"] == "ticket_decided"
    assert (entry["ticket"], entry["seconds"], entry["count"], entry["none"], entry["yes"]) == (
        "abc",
        1.5,
        3,
        None,
        True,
    )
    assert entry["level"] == "info"
    assert entry["timestamp"].endswith("Z")


@pytest.mark.parametrize(
    "name",
    ["slack_sdk.web", "slack_bolt.app", "aiohttp.access", "sqlalchemy.engine", "aiosqlite", "any.other"],
)
def test_libraries_are_kept_quiet_below_a_warning(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    configure("DEBUG")
    monkeypatch.setattr(logging.getLogger(name), "level", logging.DEBUG)
    logging.getLogger(name).debug("my password does not work")
    logging.getLogger(name).info("my password does not work")
    assert capsys.readouterr().err == ""
    logging.getLogger(name).warning("it is slow")
    assert "it is slow" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["bot.tickets.router", "classifier.inference.loading"])
def test_our_own_parts_are_heard(name: str, capsys: pytest.CaptureFixture[str]):
    configure("DEBUG")
    logging.getLogger(name).debug("a detail")
    assert "a detail" in capsys.readouterr().err


@given(before=st.text(), after=st.text(alphabet=" ,;)\n\"'"))
def test_a_token_goes_wherever_it_stands(before: str, after: str):
    event = redact_tokens(None, "info", {"event": f"{before} xoxb-1-SECRET{after}"})
    assert "SECRET" not in event["event"]
