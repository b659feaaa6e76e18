"""A workspace removed the app, or its token is refused: Slack is left alone, and nothing is lost."""

from __future__ import annotations

from urllib.parse import urljoin

import httpx
import pytest
from rich.console import Console
from sqlalchemy import func, insert, select

from bot.app.doctor import examine
from bot.clock import utc_now
from bot.errors import SlackUnavailable
from storage.tickets.installations import bots, installations
from tests.factories.world import SAM, TEAM, World, settings_for


def calls(world: World, error: str | None = None) -> int:
    found = [e for e in world.playground.journal if e.kind == "api"]
    return sum(error is None or (e.response or {}).get("error") == error for e in found)


async def health(world: World) -> tuple[int, dict[str, object]]:
    async with httpx.AsyncClient() as client:
        answer = await client.get(urljoin(str(world.bot.url), "/healthz"))
    return answer.status_code, answer.json()


async def install(world: World, team: str, user: str) -> None:
    values = {
        "client_id": "1",
        "app_id": "A1",
        "team_id": team,
        "installed_at": utc_now().replace(tzinfo=None),
    }
    async with world.database.unit_of_work() as work:
        await work.session.execute(insert(installations).values(user_id=user, **values))
        await work.session.execute(insert(bots).values(bot_token="xoxb-1", **values))
        await work.commit()


async def installed(world: World) -> list[tuple[str, int, int]]:
    found = []
    async with world.database.reader() as work:
        for team in (TEAM, "T0OTHER"):
            count = [
                await work.session.scalar(select(func.count()).select_from(t).where(t.c.team_id == team))
                for t in (bots, installations)
            ]
            found.append((team, *count))
    return found


async def removed(world: World) -> list[tuple[str, str, str]]:
    async with world.database.reader() as work:
        rows = await work.audit.recent(team_id=TEAM)
    return [(row.actor, row.action, row.details["event"]) for row in rows]


async def test_an_uninstalled_bot_calls_slack_no_more_and_keeps_the_data(any_world: World):
    world = any_world
    for team in (TEAM, "T0OTHER"):
        await install(world, team, SAM)
    await world.card(await world.say("my password does not work"))
    await world.quiet()
    await world.playground.uninstall()
    await world.delivered("event", "app_uninstalled")
    await world.delivered("event", "tokens_revoked")
    await world.quiet()
    before = calls(world)
    with pytest.raises(SlackUnavailable) as refused:
        await world.bot.workspace.messenger.user(SAM)
    assert refused.value.code in {"app_uninstalled", "tokens_revoked"}
    assert calls(world) == before
    assert await world.tickets() == 1
    assert sorted(await removed(world)) == [
        ("slack", "app.removed", "app_uninstalled"),
        ("slack", "app.removed", "tokens_revoked"),
    ]
    assert await installed(world) == [(TEAM, 0, 0), ("T0OTHER", 1, 1)]


async def test_the_health_check_and_the_doctor_say_so(world: World, sqlite_url: str):
    assert await health(world) == (200, {"ok": True})
    await world.playground.uninstall()
    await world.delivered("event", "app_uninstalled")
    await world.quiet()
    status, said = await health(world)
    assert (status, said["ok"]) == (503, False)
    console = Console(record=True, width=200)
    settings = settings_for(world.playground, sqlite_url)
    assert not await examine(settings, console, lambda: "a model")
    shown = console.export_text()
    assert "Slack answered token_revoked: workspace T0ACME removed it on 20" in shown
    assert "reinstall the app and copy its bot token" in shown


async def test_tokens_of_people_alone_stop_nothing(world: World):
    await install(world, TEAM, "U0GONE")
    await world.playground.send_event({"type": "tokens_revoked", "tokens": {"oauth": ["U0GONE"], "bot": []}})
    await world.delivered("event", "tokens_revoked")
    await world.quiet()
    assert await installed(world) == [(TEAM, 1, 0), ("T0OTHER", 0, 0)]
    assert await removed(world) == []
    await world.card(await world.say("my password does not work"))


@pytest.mark.parametrize("error", ["invalid_auth", "token_revoked", "account_inactive"])
async def test_a_refused_token_is_tried_once_and_every_message_is_kept(world: World, error: str):
    await world.card(await world.say("the vpn is down"))
    await world.quiet()
    world.playground.faults.fail("*", error, times=1000)
    for number in range(4):
        await world.say(f"my password does not work {number}")
    await world.playground.wait_for(lambda: _waiting(world, 4))
    assert 1 <= calls(world, error) <= 4  # one a channel and loop, not one a post and second
    assert (await health(world))[0] == 503
    async with world.database.reader() as work:
        assert (await work.inbox.counts())["dead"] == 0


async def _waiting(world: World, count: int) -> bool:
    """Whether so many messages are tickets with posts that wait, or wait themselves."""
    async with world.database.reader() as work:
        inbox = await work.inbox.counts()
        kept = await world.tickets() - 1 + inbox["pending"]
    return kept >= count and inbox["working"] == 0 and world.bot.workspace.messenger.gate.trouble is not None
