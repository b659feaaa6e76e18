"""From people's labels in the database to a run's training set, and its findings back."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import select

from classifier.data.dataset import Example, StarterCategory, StarterPack
from classifier.data.manifest import MANIFEST_FILE, encoded, example_hash, manifest_hash, manifest_of
from classifier.data.training_set import LABEL_WEIGHT
from classifier.evaluation.gate.verdict import Verdict
from classifier.model.registry import Registry
from classifier.retraining.job import Doubt, Measures, RetrainJob, RetrainResult
from classifier.retraining.labels import MOST_DOUBTS, freezable, gather, keep_findings, known_to, picked
from classifier.training.config import TrainingConfig
from classifier.training.label_noise import clean_labels
from storage.feedback.labels import LabelledText
from storage.learning_models import LabelReview
from storage.models import LabelRole
from tests.factories.rows import NOW, TEAM

PACK = StarterPack(
    (StarterCategory("vpn", "VPN", "vpn", "", ""), StarterCategory("wifi", "Wi-Fi", "wifi", "", "")),
    tuple(Example(f"{slug} {n}", slug) for slug in ("vpn", "wifi") for n in range(20)),
    tuple(Example(f"{slug} kept {n}", slug) for slug in ("vpn", "wifi") for n in range(5)),
)


async def say(work, category, number, *, user_id="U1", role="staff", ticket=None):
    """A ticket with a person's label."""
    if ticket is None:
        ticket, _ = await work.tickets.add_if_new(
            team_id=TEAM, channel_id="C1", ts=f"1767600000.{number:06d}", user_id="U9",
            text=f"my {category} drops, case {number}", now=NOW,
        )  # fmt: skip
    await work.labels.add(
        team_id=TEAM, ticket_id=ticket.id, category=category, user_id=user_id, role=role,
        kind="correction", source="button", now=NOW + timedelta(minutes=number),
    )  # fmt: skip
    return ticket


async def test_labels_that_stand_teach_and_the_manifest_names_them(database, tmp_path):
    async with database.unit_of_work() as work:
        await say(work, "vpn", 1, role="owner")
        disputed = await say(work, "vpn", 2)
        await say(work, "wifi", 3, user_id="U2", ticket=disputed)
        gone = await say(work, "vpn", 4)
        await work.labels.withdraw(
            team_id=TEAM, ticket_id=gone.id, user_id="U1", source="button", now=NOW + timedelta(hours=1)
        )
        await work.commit()
    made = await gather(database, Registry(tmp_path), PACK, TEAM, NOW)
    assert [(row.role, row.voice, row.settled) for row in made.people] == [("owner", "U1", False)]
    assert made.train[-1].text == "my vpn drops, case 1"
    assert made.own == ()


async def test_a_label_keeps_its_person_ticket_and_time_from_the_database_to_the_manifest(database, tmp_path):
    async with database.unit_of_work() as work:
        ticket = await say(work, "vpn", 7, user_id="U7", role="owner")
        labels = await work.labels.active_for(team_id=TEAM, ticket_id=ticket.id)
        await work.commit()
    training = await gather(database, Registry(tmp_path), PACK, TEAM, NOW)
    sent = RetrainJob(training, {"epochs": 1}, model_home="home", folder="run", champion=None)
    job = RetrainJob.decode(sent.encode())
    assert job == sent
    (example,) = job.training.people
    assert example == Example(
        "my vpn drops, case 7",
        "vpn",
        LABEL_WEIGHT,
        voice="U7",
        role="owner",
        said_at=NOW + timedelta(minutes=7),
        source="person",
        ticket=str(ticket.id),
        label_ids=(str(labels[0].id),),
    )
    manifest = manifest_of(
        job.training.starter_hash, clean_labels(job.training.train, TrainingConfig()).train
    )
    assert manifest["people"] == [
        {
            "labels": [str(labels[0].id)],
            "example": example_hash(example.text, "vpn"),
            "role": "owner",
            "weight": LABEL_WEIGHT,
        }
    ]
    assert manifest_hash(manifest) == manifest_hash(manifest_of(training.starter_hash, training.train))


def result_with(doubts) -> RetrainResult:
    """What a run tells, with doubts."""
    measures = Measures(0.9, (0.8, 1.0), 10, 0.9, 0.1, 5.0)
    return RetrainResult("v1", 1.0, Verdict(True, "Good."), measures, None, 4, "abc", doubts=tuple(doubts))


async def test_doubts_go_to_people_once_and_their_tickets_leave_the_next_training(database, tmp_path):
    async with database.unit_of_work() as work:
        tickets = [await say(work, "vpn", number) for number in range(4)]
        await work.commit()
    doubts = [
        Doubt(str(ticket.id), "vpn", suggested, 0.9)
        for ticket, suggested in zip(tickets[:2], ("wifi", "oos"), strict=True)
    ]
    for _ in range(2):
        await keep_findings(database, TEAM, uuid4(), result_with(doubts), NOW)
    async with database.reader() as work:
        found = {row.ticket_id: row for row in await work.session.scalars(select(LabelReview))}
    assert set(found) == {ticket.id for ticket in tickets[:2]}
    assert (found[tickets[0].id].suggested, found[tickets[1].id].suggested) == ("wifi", None)
    made = await gather(database, Registry(tmp_path), PACK, TEAM, NOW)
    assert {row.ticket for row in made.people} == {str(ticket.id) for ticket in tickets[2:]}


async def test_one_run_hands_only_the_worst_doubts_to_people(database):
    async with database.unit_of_work() as work:
        tickets = [await say(work, "vpn", number) for number in range(MOST_DOUBTS + 5)]
        await work.commit()
    doubts = [Doubt(str(ticket.id), "vpn", "wifi", 0.9) for ticket in tickets]
    await keep_findings(database, TEAM, uuid4(), result_with(doubts), NOW)
    async with database.reader() as work:
        found = {row.ticket_id for row in await work.session.scalars(select(LabelReview))}
    assert found == {ticket.id for ticket in tickets[:MOST_DOUBTS]}


async def test_some_tickets_that_an_admin_labelled_are_frozen_and_judge_from_then_on(database, tmp_path):
    async with database.unit_of_work() as work:
        tickets = [await say(work, "vpn", number, role="admin") for number in range(80)]
        await work.commit()
    chosen = {ticket.id for ticket in tickets if picked(ticket.id)}
    for _ in range(2):
        made = await gather(database, Registry(tmp_path), PACK, TEAM, NOW)
        assert {UUID(example.ticket) for example in made.own if example.judges == "gold"} == chosen
        assert not {row.ticket for row in made.people} & {str(each) for each in chosen}


async def test_the_gold_set_has_a_limit(database, tmp_path, monkeypatch):
    monkeypatch.setattr("classifier.retraining.labels.MOST_GOLD", 2)
    monkeypatch.setattr("classifier.retraining.labels.GOLD_SHARE", 1)
    async with database.unit_of_work() as work:
        for number in range(20):
            await say(work, "vpn", number, role="admin")
        await work.commit()
    for _ in range(2):
        await gather(database, Registry(tmp_path), PACK, TEAM, NOW)
        async with database.reader() as work:
            assert len(await work.gold.ids(team_id=TEAM)) == 2


def labelled(count: int, role: LabelRole = LabelRole.ADMIN, people: int = 1) -> list[LabelledText]:
    names = tuple(f"U{n}" for n in range(people))
    return [
        LabelledText(
            UUID(int=n), (UUID(int=9 * n),), f"case {n}", "vpn", NOW, user_ids=names, role=role, user_id="U0"
        )
        for n in range(1, count + 1)
    ]


def test_only_what_two_people_or_an_admin_say_is_frozen():
    frozen = freezable(labelled(400), frozenset())
    assert 8 <= len(frozen) <= 40  # a twentieth
    two = freezable(labelled(400, LabelRole.STAFF, 2), frozenset())
    assert [each.ticket_id for each in two] == [each.ticket_id for each in frozen]
    assert freezable(labelled(400, LabelRole.OWNER), frozenset()) == []
    assert freezable(labelled(10), frozenset()) == []  # a small category needs each of them


def test_what_the_present_model_learned_is_not_frozen_any_more():
    labels = labelled(400)
    learned = frozenset(example_hash(label.text, "vpn") for label in labels)
    assert freezable(labels, learned) == []


def test_a_model_without_a_manifest_may_know_anything(tmp_path):
    registry = Registry(tmp_path)
    assert known_to(registry) == frozenset()
    version = "20260101T000000Z-abc123"
    (tmp_path / version).mkdir()
    (tmp_path / "ACTIVE").write_text(version)
    assert known_to(registry) is None  # and its facts cannot be read either
    learned = Example("a", "vpn", 8.0, role="staff", source="person", label_ids=("l1",))
    (tmp_path / version / MANIFEST_FILE).write_bytes(encoded(manifest_of("s", [learned])))
    assert known_to(registry) == {example_hash("a", "vpn")}
