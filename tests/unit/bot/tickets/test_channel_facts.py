"""Whose clock counts in a channel."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from bot.errors import SlackUnavailable
from bot.tickets.channel_facts import CACHE_SECONDS, ChannelFacts

BERLIN = ZoneInfo("Europe/Berlin")


class Slack:
    """Members with zones; counts what it is asked."""

    def __init__(self, *people: dict[str, Any]) -> None:
        self.people = {f"U{index}": person for index, person in enumerate(people)}
        self.asked = 0
        self.down = False

    async def members(self, channel: str, limit: int) -> list[str]:
        self.asked += 1
        if self.down:
            raise SlackUnavailable("no_answer")
        return list(self.people)[:limit]

    async def user(self, user_id: str) -> dict[str, Any]:
        return self.people[user_id]


def facts(slack: Slack, monotonic=lambda: 0.0) -> ChannelFacts:
    return ChannelFacts(slack, UTC, monotonic)  # type: ignore[arg-type]


async def test_the_most_common_zone_of_the_people_counts():
    people = [{"tz": "Europe/Berlin"}, {"tz": "America/New_York"}, {"tz": "Europe/Berlin"}]
    machines = [{"tz": "America/Los_Angeles", "is_bot": True}] * 5 + [
        {"tz": "Asia/Tokyo", "deleted": True}
    ] * 5
    assert await facts(Slack(*people, *machines)).zone("C1") == BERLIN


async def test_without_a_known_zone_the_workspaces_own_counts():
    assert await facts(Slack()).zone("C1") is UTC
    assert await facts(Slack({"tz": "Mars/Olympus"}, {"tz": None}, {})).zone("C1") is UTC


async def test_a_zone_is_remembered_for_a_day_and_a_failure_is_not():
    moment, slack = [0.0], Slack({"tz": "Europe/Berlin"})
    known = facts(slack, lambda: moment[0])
    slack.down = True
    assert await known.zone("C1") is UTC
    slack.down = False
    for at in (0.0, CACHE_SECONDS - 1, CACHE_SECONDS):
        moment[0] = at
        assert await known.zone("C1") == BERLIN
    assert slack.asked == 3
