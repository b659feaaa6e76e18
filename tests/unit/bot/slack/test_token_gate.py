"""A token that Slack refuses is left alone for a while, and for good where we were removed."""

from __future__ import annotations

import pytest

from bot.errors import SlackUnavailable
from bot.slack.token_gate import PAUSE_SECONDS, TokenGate


class Seconds:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def test_an_open_gate_lets_calls_through(seconds: Seconds):
    gate = TokenGate(seconds)
    gate.check()
    gate.taken()
    assert gate.trouble is None


def test_a_refused_token_waits_and_is_tried_again_after_some_minutes(seconds: Seconds):
    gate = TokenGate(seconds)
    told = gate.refused("token_revoked")
    assert (told.code, told.permanent, told.sent, told.retry_after) == ("token_revoked", False, False, 300.0)
    seconds.now += 100
    with pytest.raises(SlackUnavailable) as closed:
        gate.check()
    assert closed.value.retry_after == PAUSE_SECONDS - 100
    seconds.now += 200
    gate.check()
    assert gate.trouble == "token_revoked"  # until a call succeeds
    gate.taken()
    assert gate.trouble is None


def test_where_we_were_removed_nothing_opens_it(seconds: Seconds):
    gate = TokenGate(seconds)
    gate.stop("app_uninstalled")
    gate.refused("token_revoked")
    gate.taken()
    seconds.now += 10**9
    with pytest.raises(SlackUnavailable) as closed:
        gate.check()
    assert closed.value.retry_after == PAUSE_SECONDS
    assert gate.trouble is not None
