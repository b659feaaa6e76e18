"""Drift in a playground: one alert in the admin channel, and the figures in App Home."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import numpy as np
import pytest

from bot.models.drift import DriftWatch, drift_figures
from playground.server import Playground
from storage.models import LabelKind, LabelRole, LabelSource, ModelKind, TicketState
from storage.tickets.tickets import PredictionValues
from tests.factories.moving_clock import MONDAY, MovingClock
from tests.factories.world import ANNA, CATEGORIES, HELP, LENA, SAM, TEAM, World, make_world, text_of

ADMINS = "fingerpost-admins"
_serial = count(1)


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


def playground() -> Playground:
    channels = [*(str(category.destination) for category in CATEGORIES), ADMINS]
    return Playground(channels=channels, acceleration=0.01)


async def routed(
    world: World,
    start: datetime,
    number: int,
    *,
    wrong: float = 0.0,
    confidence: float = 0.95,
    text: str = "the invoice is wrong",
) -> None:
    """Let so many tickets have been routed, one in ten minutes, and a share of them corrected soon after."""
    hits = np.random.default_rng(number).random(number) < wrong
    async with world.database.unit_of_work() as work:
        for index, hit in enumerate(hits):
            now = start + timedelta(minutes=10 * index)
            ticket, _ = await work.tickets.add_if_new(
                team_id=TEAM,
                channel_id=HELP,
                ts=f"1767600000.{next(_serial):06d}",
                user_id=SAM,
                text=text,
                now=now,
            )
            said = PredictionValues(
                model_version="m1",
                category="billing",
                confidence=confidence,
                out_of_scope=0.1,
                decision="routed",
            )
            await work.tickets.record(ticket, said, state=TicketState.ROUTED, category="billing", now=now)
            if hit:
                await work.labels.add(
                    team_id=TEAM,
                    ticket_id=ticket.id,
                    category="login",
                    user_id=LENA,
                    role=LabelRole.STAFF,
                    kind=LabelKind.CORRECTION,
                    source=LabelSource.BUTTON,
                    now=now + timedelta(hours=1),
                )
        await work.commit()


async def look(*watches: DriftWatch) -> None:
    while any(await asyncio.gather(*(watch.look() for watch in watches))):
        pass


def alerts(world: World) -> list[dict[str, Any]]:
    return list(world.playground.messages(world.playground.state.channel(ADMINS).id))


async def audits(world: World) -> list[dict[str, Any]]:
    async with world.database.reader() as work:
        return [event.details for event in await work.audit.recent(team_id=TEAM) if event.action == "drift"]


async def test_more_corrections_are_told_once_with_what_changed(database_url: str, clock: MovingClock):
    async with make_world(
        database_url, clock=clock, playground=playground(), admin_channel=f"#{ADMINS}"
    ) as world:
        await routed(world, MONDAY, 150, wrong=0.05)
        clock.move(days=3)
        watches = [DriftWatch(world.bot.workspace) for _ in range(3)]
        await look(*watches)
        assert alerts(world) == []
        await routed(world, MONDAY + timedelta(days=3), 80, wrong=0.7, text="my voucher is refused")
        for _ in range(4):  # a day passes until a ticket counts; the rest of the same change is no news
            clock.move(days=1)
            await look(*watches)
            await world.quiet()
        (alert,) = alerts(world)
        text = text_of(alert)
        assert "more often" in text
        assert "since about 2026-03-0" in text
        assert "*Billing*" in text
        assert "*voucher*" in text
        assert "invoice" not in text
        (audit,) = await audits(world)
        assert audit["alerted"]
        assert audit["after"] > audit["before"]
        await world.playground.open_home(ANNA)
        home = await world.playground.wait_for(lambda: world.playground.home(ANNA))
        assert "more often" in str(home)
        assert "uncorrected" in str(home)


async def test_words_of_a_private_channel_are_in_no_alert(sqlite_url: str, clock: MovingClock):
    local = playground()
    local.state.channel(HELP).is_private = True
    async with make_world(sqlite_url, clock=clock, playground=local, admin_channel=ADMINS) as world:
        await routed(world, MONDAY, 150, wrong=0.05)
        await routed(world, MONDAY + timedelta(days=3), 80, wrong=0.7, text="my voucher is refused")
        clock.move(days=5)
        await look(DriftWatch(world.bot.workspace))
        await world.quiet()
        (alert,) = alerts(world)
        assert "more often" in text_of(alert)
        assert "voucher" not in text_of(alert)


async def test_less_confidence_is_told(sqlite_url: str, clock: MovingClock):
    async with make_world(sqlite_url, clock=clock, playground=playground(), admin_channel=ADMINS) as world:
        await routed(world, MONDAY, 100, confidence=0.95)
        await routed(world, MONDAY + timedelta(days=1), 60, confidence=0.6)
        clock.move(days=1, hours=11)
        await look(DriftWatch(world.bot.workspace))
        await world.quiet()
        (alert,) = alerts(world)
        assert "less sure" in text_of(alert)
        assert "95% → 6" in text_of(alert)


async def test_a_quiet_world_says_nothing(sqlite_url: str, clock: MovingClock):
    async with make_world(sqlite_url, clock=clock, playground=playground(), admin_channel=ADMINS) as world:
        await routed(world, MONDAY, 200, wrong=0.2)
        for _ in range(4):
            clock.move(days=1)
            await look(DriftWatch(world.bot.workspace))
        await world.quiet()
        assert alerts(world) == []
        assert await audits(world) == []


@pytest.mark.parametrize("name", [None, "no-such-channel"])
async def test_without_an_admin_channel_app_home_says_it(
    sqlite_url: str, clock: MovingClock, name: str | None
):
    async with make_world(sqlite_url, clock=clock, playground=playground(), admin_channel=name) as world:
        await routed(world, MONDAY, 100, confidence=0.95)
        await routed(world, MONDAY + timedelta(days=1), 60, confidence=0.6)
        clock.move(days=1, hours=11)
        await look(DriftWatch(world.bot.workspace))
        await world.quiet()
        assert alerts(world) == []
        (audit,) = await audits(world)
        assert not audit["alerted"]
        async with world.database.reader() as work:
            figures = await drift_figures(work, TEAM, clock())
        assert [change.signal for change in figures.changes] == ["confidence"]


async def test_the_figures_count_what_stood_uncorrected(sqlite_url: str, clock: MovingClock):
    async with make_world(sqlite_url, clock=clock) as world:
        clock.move(days=40)
        await routed(world, clock() - timedelta(days=20), 40, wrong=1.0)
        await routed(world, clock() - timedelta(days=2), 10)
        async with world.database.unit_of_work() as work:
            await work.models.add(
                team_id=TEAM,
                version="m1",
                path="m1",
                kind=ModelKind.FINE_TUNE,
                manifest_hash="0",
                metrics={},
                now=clock(),
            )
            await work.models.activate(team_id=TEAM, version="m1", now=clock() - timedelta(days=12))
            await work.commit()
        async with world.database.reader() as work:
            figures = await drift_figures(work, TEAM, clock())
        assert (figures.week, figures.month) == ((10, 10), (10, 50))
        assert figures.model_age == timedelta(days=12)
        assert figures.changes == []
