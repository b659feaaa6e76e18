"""A challenger that answers silently: real tiny models, a real database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from classifier.model.registry import Registry
from classifier.retraining.shadow import ShadowTime
from classifier.retraining.version_records import add_version, mirror
from classifier.settings import ClassifierSettings
from storage.database import Database
from storage.feedback.categories import CategorySpec
from storage.models import LabelKind, LabelRole, LabelSource, ModelKind, ModelState, TicketState
from storage.tickets.tickets import PredictionValues
from tests.factories.tiny_bert import messages, tiny_bert, tiny_model

TEAM = "T0ACME"
BEGAN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
UNTIL = BEGAN + timedelta(hours=2)


class At:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Two models."""
    folder = tmp_path_factory.mktemp("shadow")
    base = tiny_bert(folder / "base")
    registry = Registry(folder / "models")
    for seed in (0, 1):
        registry.publish(tiny_model(base, seed=seed, baselines=False, word_scorer=0))
    return registry


@pytest.fixture
async def shadow(sqlite_url, registry):
    """(what answers silently, its clock, database, present version, challenger)."""
    present, challenger = sorted(registry.list())[:2]
    registry.activate(present)
    database, clock = Database(sqlite_url), At()
    async with database.unit_of_work() as work:
        await work.categories.sync(team_id=TEAM, specs=[CategorySpec("vpn", "VPN", "key", "", "team-vpn")])
        await work.commit()
    await mirror(database, registry, BEGAN)
    async with database.unit_of_work() as work:
        kind = ModelKind.FINE_TUNE
        await add_version(work, registry, TEAM, challenger, kind, BEGAN, parent=present)
        await work.shadows.begin(team_id=TEAM, version=challenger, until=UNTIL)
        await work.commit()
    settings = ClassifierSettings(_env_file=None, model_home=registry.home, backend="torch", threads=1)
    time = ShadowTime(database, registry, settings, clock)
    yield time, clock, database, present, challenger
    await time.close()
    await database.dispose()


async def answered(database: Database, version: str, said: str | None = None, count: int = 6) -> list:
    """Tickets that the present model has answered: rightly, or all with one category."""
    tickets = []
    async with database.unit_of_work() as work:
        for number, example in enumerate(messages(2, seed=5)[:count]):
            ticket, _ = await work.tickets.add_if_new(
                team_id=TEAM, channel_id="C1", ts=f"1767600000.{number:06d}", user_id="U1",
                text=example.text, now=BEGAN,
            )  # fmt: skip
            values = PredictionValues(
                model_version=version, category=said or example.label, confidence=0.9, out_of_scope=0.1,
                decision="routed", alternatives=[], embedding=None,
            )  # fmt: skip
            await work.tickets.record(
                ticket, values, state=TicketState.ROUTED, category=said or example.label, now=BEGAN
            )
            tickets.append((ticket, example.label))
        await work.commit()
    return tickets


async def label(database: Database, ticket, category: str) -> None:
    async with database.unit_of_work() as work:
        await work.labels.add(
            team_id=TEAM, ticket_id=ticket.id, category=category, user_id="U2", role=LabelRole.ADMIN,
            kind=LabelKind.CORRECTION, source=LabelSource.BUTTON, now=BEGAN,
        )  # fmt: skip
        await work.commit()


async def version(database: Database, name: str):
    async with database.reader() as work:
        return next(row for row in await work.models.list(team_id=TEAM) if row.version == name)


async def test_it_answers_silently_and_goes_live_when_its_time_is_over(shadow, registry):
    time, clock, database, present, challenger = shadow
    await answered(database, present)
    for _ in range(2):  # the second look finds nothing new
        await time.look()
    async with database.reader() as work:
        count, _ = await work.shadows.counts(team_id=TEAM, version=challenger)
    assert count == 6
    assert registry.active() == present
    clock.now = UNTIL
    await time.look()
    assert registry.active() == challenger
    row = await version(database, challenger)
    assert (row.state, row.shadow_until) == (ModelState.ACTIVE, None)
    assert row.metrics["shadow"]["answered"] == 6
    assert (await version(database, present)).state == ModelState.RETIRED
    await time.look()


async def test_where_people_say_that_it_is_wrong_more_often_it_does_not_go_live(shadow, registry):
    time, clock, database, present, challenger = shadow
    for ticket, right in await answered(database, present, said="nonsense"):
        assert right != "nonsense"
        await label(database, ticket, "nonsense")  # people agree with the present model
    clock.now = UNTIL
    await time.look()
    assert registry.active() == present
    row = await version(database, challenger)
    assert row.state == ModelState.REFUSED
    shadow_result = row.metrics["shadow"]
    assert (shadow_result["judged"], shadow_result["right_before"], shadow_result["right_now"]) == (6, 6, 0)
    assert "it has 6 wrong, the present model 0" in shadow_result["reason"]


async def test_a_difference_that_chance_explains_keeps_nobody_away(shadow, registry):
    time, clock, database, present, challenger = shadow
    for ticket, _ in (await answered(database, present, said="nonsense"))[:3]:
        await label(database, ticket, "nonsense")
    clock.now = UNTIL
    await time.look()
    assert registry.active() == challenger


async def test_where_another_model_answers_meanwhile_it_is_a_candidate_again(shadow, registry):
    time, _, database, _, challenger = shadow
    async with database.unit_of_work() as work:  # made from a model that answers no more
        (row,) = await work.shadows.current()
        row.parent = "20200101T000000Z-abcdef"
        await work.commit()
    await time.look()
    row = await version(database, challenger)
    assert row.state == ModelState.CANDIDATE
    assert "Another model answers" in row.metrics["shadow"]["reason"]


async def test_one_that_cannot_be_loaded_is_refused_and_says_so(shadow, registry, tmp_path):
    time, _, database, present, challenger = shadow
    await answered(database, present)
    file = registry.path(challenger) / "head.safetensors"
    whole = file.read_bytes()
    file.write_bytes(b"broken")
    try:
        await time.look()
    finally:
        file.write_bytes(whole)
    row = await version(database, challenger)
    assert row.state == ModelState.REFUSED
    assert "cannot answer" in row.metrics["shadow"]["reason"]
    assert registry.active() == present


async def test_a_crash_after_the_switch_is_made_good(shadow, registry):
    time, _, database, _, challenger = shadow
    registry.activate(challenger)  # and then the process died, before the database knew
    await time.look()
    assert (await version(database, challenger)).state == ModelState.ACTIVE
