"""Requests that Slack did not sign, and text that would ping people if we let it."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable

import pytest

from tests.factories.world import HELP, SAM, TEAM, World, make_world

LONG = pytest.mark.long
Measured = Callable[[str], None]
Request = tuple[str, dict[str, str]]

BAITS = (
    "<!channel>", "<!here>", "<!everyone>", "<!subteam^S0123456>", "<@U0LENA>", "<@W0LENA|Lena>",
    "<https://evil.example|click>", "<mailto:a@evil.example|write>", "@channel", "@here", "@everyone",
    "<#C0HELP>", "<!date^1392734382^{date}^https://evil.example|now>", "https://evil.example/x",
)  # fmt: skip
AROUND = ("{}", "`{}`", "```{}```", "*{}*", "_{}_", "~{}~", "> {}", "&lt;{}&gt;", "{}\n{}", "“{}”", "<{}>")


def altered(draw: random.Random, body: str, headers: dict[str, str]) -> Request:
    """Return a signed request with one thing changed: the body, the time, the signature or its name."""
    changed = dict(headers)
    signature, stamp = headers["X-Slack-Signature"], headers["X-Slack-Request-Timestamp"]
    where, gone = draw.randrange(len(body)), draw.choice(list(headers))
    without = {name: value for name, value in headers.items() if name != gone}
    ways: list[Callable[[], Request]] = [
        lambda: (body[:where] + draw.choice(string.ascii_letters + '"{}\\') * 2 + body[where:], changed),
        lambda: (body[:where] + body[where + 1 :], changed),
        lambda: (body + draw.choice([" ", "\n", "\x00", "}", "&payload=[1]"]), changed),
        lambda: (
            body,
            changed | {"X-Slack-Request-Timestamp": str(int(stamp) + draw.choice([-301, -1, 1, 999]))},
        ),
        lambda: (
            body,
            changed | {"X-Slack-Request-Timestamp": draw.choice(["²", "9" * 400, "soon", "-1", "", "1e9"])},
        ),
        lambda: (body, changed | {"X-Slack-Signature": "v0=" + f"{draw.getrandbits(256):064x}"}),
        lambda: (
            body,
            changed | {"X-Slack-Signature": signature[:-1] + ("0" if signature[-1] != "0" else "1")},
        ),
        lambda: (
            body,
            changed | {"X-Slack-Signature": draw.choice(["", "v0=", "v1" + signature[2:], "é" * 8])},
        ),
        lambda: (body, without),
        lambda: (draw.choice(["[]", "7", "null", "[" * 5000, "payload=[1]", "\x00", "{"]), changed),
    ]
    return draw.choice(ways)()


@pytest.mark.drill("forged")
@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=[LONG, pytest.mark.timeout(1800)])])
async def test_a_request_that_was_altered_is_refused(sqlite_url: str, count: int, measured: Measured):
    async with make_world(sqlite_url) as world:
        draw = random.Random(3)  # noqa: S311 - which ones, not how safe
        statuses = set()
        for number in range(count):
            event = {
                "type": "message",
                "channel": HELP,
                "user": SAM,
                "text": "password",
                "ts": f"17{number:08}.1",
            }
            body = json.dumps({"type": "event_callback", "event_id": f"Ev{number}", "event": event})
            forged, headers = altered(draw, body, world.playground.signed_headers(body))
            statuses.add((await world.playground.post_raw("/slack/events", forged, headers)).status)
        assert statuses <= {400, 401}
        assert await world.tickets() == 0
        now = world.playground.clock()
        for seconds, status in ((-299, 200), (-302, 401), (302, 401)):
            body = json.dumps(
                {
                    "type": "event_callback",
                    "event_id": f"EvT{seconds}",
                    "team_id": TEAM,
                    "event": {"type": "x"},
                }
            )
            signed = world.playground.signed_headers(body, timestamp=now + seconds)
            signed["Content-Type"] = "application/json"
            assert (await world.playground.post_raw("/slack/events", body, signed)).status == status
        measured(f"{count:,} altered requests: 0 accepted; 299 s old passes, 302 s does not")


@pytest.mark.drill("mentions")
@pytest.mark.parametrize("count", [24, pytest.param(500, marks=[LONG, pytest.mark.timeout(1800)])])
async def test_nothing_that_people_wrote_is_live_in_what_we_quote(
    sqlite_url: str, count: int, measured: Measured
):
    async with make_world(sqlite_url) as world:
        payloads = [(way.format(bait, bait), bait) for way in AROUND for bait in BAITS]
        help_desks = [world.playground.add_channel(f"desk-{n}", [SAM, "U0FPOST"]) for n in range(8)]
        words = ("password", "vpn", "invoice")
        for number in range(count):
            text, _ = payloads[number % len(payloads)]
            # as a client that lies would send it: nothing of it is escaped
            lie = f"{words[number % 3]} {text} {number}"
            world.playground._people.post(SAM, help_desks[number % 8], "", overrides={"text": lie})
        await world.playground.wait_for(lambda: len(ours(world)) >= 2 * count, timeout=count + 60)
        for message in ours(world):
            assert set(message["mentions"]) <= {f"@{SAM}"}  # the author's name on the team's card is ours
            assert not any("evil" in link for link in message.get("links", []))
        measured(f"{count} payloads, {len(ours(world))} posts: 0 live")


def ours(world: World) -> list[dict[str, object]]:
    """Every post of the bot."""
    channels = world.playground.state.channels
    return [m for each in channels for m in world.playground.messages(each) if m.get("bot_id")]
