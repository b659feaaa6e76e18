"""What is kept of a person, on SQLite and Postgres: found and erased in every table, also in new ones."""

import json
from typing import Any

from sqlalchemy import insert

from storage.slack_models import CategoryOwner, ChannelMember
from storage.tickets.installations import installations
from storage.tickets.personal_data import ERASED
from tests.factories.storage import NOW, add_label, add_predicted, add_reply, add_run, everything

ME, LIKE_ME, OTHER = "U0ME", "U0MEMBER", "U0OTHER"


async def erase(work, user_id: str = ME) -> dict[str, int]:
    for ticket in await work.forgetting.of_person(team_id="T1", user_id=user_id, limit=99):
        await work.forgetting.forget(ticket, now=NOW)
    await work.forgetting.forget_events_of(team_id="T1", user_id=user_id)
    counts: dict[str, int] = await work.personal_data.erase(team_id="T1", user_id=user_id)
    return counts


async def a_life(work) -> Any:
    """Everything that one person can leave behind."""
    mine = await add_predicted(work, user_id=ME, text="my own secret words")
    theirs = await add_predicted(work, user_id=OTHER, text=f"ask <@{ME}> or <@{LIKE_ME}>")
    await add_label(work, mine, "login", user_id=OTHER)
    await add_label(work, theirs, "billing", user_id=ME)
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": f"by <@{ME}>"}, "n": [ME]}]
    await add_reply(work, theirs, text=f"<@{ME}>", blocks=blocks)
    key = {"team_id": "T1", "ticket_id": theirs.id}
    await work.gold.add(**key, category="billing", added_by=ME, now=NOW)
    await work.reviews.add(**key, given="billing", suggested=None, score=0.5, now=NOW)
    await work.reviews.settle(**key, category="login", user_id=ME, now=NOW)
    await work.trust.refresh(team_id="T1", now=NOW)
    await work.audit.add(team_id="T1", actor=ME, action="x", subject=ME, details={"by": [ME]}, now=NOW)
    await work.channels.set(team_id="T1", channel_id="C1", enabled=True, updated_by=ME, now=NOW)
    run, _ = await add_run(work)
    run.requested_by = run.cancel_requested_by = ME
    run.follow_up = {"requested_by": ME, "response_url": "https://hooks.slack.com/x"}
    for event_id, user_id in (("mine", ME), ("theirs", OTHER)):
        payload = {"user_id": user_id, "text": f"words of {user_id}"}
        await work.inbox.add(team_id="T1", event_id=event_id, kind="message", payload=payload, now=NOW)
    for user_id in (ME, LIKE_ME):
        work.session.add(ChannelMember(team_id="T1", channel_id="C1", user_id=user_id))
        owner = CategoryOwner(team_id="T1", slug="login", user_id=user_id, named_by=ME, created_at=NOW)
        work.session.add(owner)
    at = NOW.replace(tzinfo=None)
    installed = {"client_id": "1", "app_id": "A1", "team_id": "T1", "user_id": ME, "installed_at": at}
    await work.session.execute(insert(installations).values(user_token="xoxp-1", **installed))
    await work.session.flush()
    return theirs


async def test_an_erased_persons_id_and_words_stand_nowhere_and_others_stay(database):
    async with database.unit_of_work() as work:
        theirs = await a_life(work)
        await work.commit()
    async with database.unit_of_work() as work:
        counts = await erase(work)
        await work.commit()
    left = await everything(database)
    assert ME not in left.replace(LIKE_ME, "")
    assert "my own secret words" not in left
    assert f"ask <@{ERASED}> or <@{LIKE_ME}>" in left
    assert f"words of {OTHER}" in left
    assert counts["audit_event"] == 1
    async with database.reader() as work:
        [label] = await work.labels.active_for(team_id="T1", ticket_id=theirs.id)
        assert (label.category, label.user_id) == ("billing", ERASED)
    async with database.unit_of_work() as work:
        assert await erase(work) == {}


async def test_two_erased_people_who_labelled_one_ticket(database):
    async with database.unit_of_work() as work:
        ticket = await add_predicted(work, user_id=OTHER)
        await add_label(work, ticket, "login", user_id=ME)
        await add_label(work, ticket, "billing", user_id=LIKE_ME)
        await erase(work, ME)
        await erase(work, LIKE_ME)
        labels = await work.labels.active_for(team_id="T1", ticket_id=ticket.id)
        assert [(label.user_id, label.category) for label in labels] == [(ERASED, "login")]


async def test_another_workspaces_rows_are_left_alone(database):
    async with database.unit_of_work() as work:
        await add_predicted(work, team_id="T2", user_id=ME, text="in another workspace")
        assert await erase(work) == {}
        found = await work.personal_data.export(team_id="T1", user_id=ME)
        assert found == {"tickets": []}
        assert len((await work.personal_data.export(team_id="T2", user_id=ME))["tickets"]) == 1


async def test_an_export_holds_all_that_names_the_person_and_no_token(database):
    async with database.unit_of_work() as work:
        await a_life(work)
        found = await work.personal_data.export(team_id="T1", user_id=ME)
    text = json.dumps(found)
    assert [ticket["text"] for ticket in found["tickets"]] == ["my own secret words"]
    [said] = found["tickets"][0]["label"]
    assert (said["category"], said["user_id"]) == ("login", "another person")
    assert found["tickets"][0]["prediction"][0]["category"] == "login"
    assert {"label", "audit_event", "channel_member", "category_owner", "retrain_run", "gold_ticket"} < set(
        found
    )
    assert [row["event_id"] for row in found["inbox_event"]] == ["mine"]
    assert [row["user_id"] for row in found["channel_member"]] == [ME]
    for hidden in ("xoxp-1", "hooks.slack.com", OTHER):
        assert hidden not in text.replace(f"words of {OTHER}", "")
