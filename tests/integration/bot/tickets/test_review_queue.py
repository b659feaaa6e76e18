"""Disputes and doubts in App Home: who sees them, what one tap does."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from bot.blocks.action_ids import ActionId
from bot.queue.inbox import Kind
from bot.tickets.label_files import import_labels
from storage.feedback.resolution import MIN_JUDGED
from storage.learning_models import LabelReview, ReviewState
from storage.models import LabelKind, LabelRole, LabelSource
from tests.factories.rows import NOW
from tests.factories.world import ANNA, HELP, LENA, SAM, TEAM, World, only_staff, text_of


async def home(world: World, user: str, wanted: str, *, without: str = "\0") -> dict[str, Any]:
    """Open the Home tab and wait until it shows (and does not show) something."""
    await world.playground.open_home(user)

    def look() -> dict[str, Any] | None:
        view = world.playground.home(user)
        return view if view and wanted in str(view) and without not in str(view) else None

    found: dict[str, Any] = await world.playground.wait_for(look)
    return found


async def tap(world: World, user: str, view: dict[str, Any], label: str) -> None:
    """Press the queue's first button with this label."""
    rows = [block["elements"] for block in view["blocks"] if block["type"] == "actions"]
    button = next(e for row in rows for e in row if label in e["text"]["text"])
    result = await world.playground.click_view(user, view["id"], button["action_id"], value=button["value"])
    assert result.ok, result


async def dispute(world: World, text: str = "my password does not work") -> str:
    """Lena says billing, then Sam says network."""
    ts = await world.say(text)
    await world.card(ts)
    await world.playground.react(LENA, HELP, ts, "credit_card")
    await world.card(ts, lambda text: "Corrected by" in text)
    await world.playground.react(SAM, HELP, ts, "satellite_antenna")
    card = await world.card(ts, lambda text: "Others disagree" in text)
    assert "*Billing*" in text_of(card)  # it stays where it was
    return ts


async def trained(world: World) -> list[tuple[str, str | None]]:
    async with world.database.reader() as work:
        return [(e.text, e.category) for e in await work.labels.training_examples(team_id=TEAM)]


async def last_label(world: World, ts: str) -> tuple[str | None, str, LabelRole, LabelSource]:
    async with world.database.reader() as work:
        ticket = await work.tickets.find(team_id=TEAM, channel_id=HELP, ts=ts)
        assert ticket is not None
        label = (await work.labels.active_for(team_id=TEAM, ticket_id=ticket.id))[-1]
        return label.category, label.user_id, label.role, label.source


async def test_an_admin_settles_a_dispute_with_one_tap(any_world: World):
    ts = await dispute(any_world)
    assert await trained(any_world) == []
    view = await home(any_world, ANNA, "People disagree")
    for shown in (f"<@{LENA}>", f"<@{SAM}>", "by emoji", "*password*", "my password does not work"):
        assert shown in str(view)
    await tap(any_world, ANNA, view, "Network")
    await any_world.card(ts, lambda text: "*Network*" in text and f"Corrected by <@{ANNA}>" in text)
    await home(any_world, ANNA, "*1* ticket ", without="People disagree")
    assert await trained(any_world) == [("my password does not work", "network")]
    assert await last_label(any_world, ts) == ("network", ANNA, LabelRole.ADMIN, LabelSource.REVIEW)
    async with any_world.database.reader() as work:
        (event,) = await work.audit.recent(team_id=TEAM)
    assert (event.action, event.actor) == ("review.settle", ANNA)
    assert event.details["why"] == "disputed"


async def test_none_of_these_settles_as_well(world: World):
    ts = await dispute(world)
    await tap(world, ANNA, await home(world, ANNA, "People disagree"), "None of these")
    await world.card(ts, lambda text: "None of these" in text and f"<@{ANNA}>" in text)
    assert await trained(world) == [("my password does not work", None)]


async def test_owners_do_not_settle_what_owners_dispute(world: World):
    await dispute(world)  # both are in the channels of the teams
    await home(world, ANNA, "People disagree")
    await home(world, LENA, "*1* ticket ", without="People disagree")


async def test_an_owner_settles_what_staff_dispute(world: World):
    only_staff(world)
    ts = await dispute(world)
    await home(world, LENA, "*1* ticket ", without="People disagree")
    world.playground.state.users["U0OLGA"] = type(world.playground.state.users[SAM])(
        "U0OLGA", TEAM, "olga", "Olga Owner"
    )
    world.playground.state.channel(HELP).members.append("U0OLGA")
    async with world.database.unit_of_work() as work:  # an owner of what somebody says it is, by name
        await work.owners.name(team_id=TEAM, slug="network", user_id="U0OLGA", by=ANNA, now=NOW)
        await work.commit()
    view = await home(world, "U0OLGA", "People disagree")
    await tap(world, "U0OLGA", view, "Network")
    await world.card(ts, lambda text: "*Network*" in text and "Corrected by" in text)
    assert await last_label(world, ts) == ("network", "U0OLGA", LabelRole.OWNER, LabelSource.REVIEW)


async def test_a_second_tap_on_what_is_settled_says_so(world: World):
    await dispute(world)
    view = await home(world, ANNA, "People disagree")
    await tap(world, ANNA, view, "Network")
    await home(world, ANNA, "*1* ticket ", without="People disagree")
    # a view that was published before, as on another device
    rows = [block["elements"] for block in view["blocks"] if block["type"] == "actions"]
    payload = {
        "team_id": TEAM,
        "user_id": ANNA,
        "value": next(e["value"] for e in rows[0] if "Billing" in e["text"]["text"]),
        "action_id": f"{ActionId.SETTLE}_0",
        "response_url": "",
    }
    await world.bot.inbox.add(team_id=TEAM, event_id="late-tap", kind=Kind.REVIEW, payload=payload)
    await world.playground.wait_for(lambda: "settled that one already" in str(world.playground.home(ANNA)))
    assert await trained(world) == [("my password does not work", "network")]


async def test_a_forged_tap_of_somebody_who_may_not_settle_is_refused(world: World):
    only_staff(world)
    await dispute(world)
    view = await home(world, ANNA, "People disagree")
    button = next(b["elements"][0] for b in view["blocks"] if b["type"] == "actions")
    payload = {
        "team_id": TEAM,
        "user_id": LENA,
        "value": button["value"],
        "action_id": button["action_id"],
        "response_url": "",
    }
    await world.bot.inbox.add(team_id=TEAM, event_id="forged", kind=Kind.REVIEW, payload=payload)
    await world.playground.wait_for(lambda: "Only admins and the owning" in str(world.playground.home(LENA)))
    assert await trained(world) == []


async def test_what_a_person_cannot_read_is_not_in_their_queue(world: World):
    channel = world.playground.state.channel(HELP)
    channel.is_private = True
    channel.members.remove(ANNA)
    await dispute(world, "my password and marmalade")
    view = await home(world, ANNA, "*1* ticket ")
    assert "marmalade" not in str(view)
    assert "To settle" not in str(view)


async def doubt(world: World, ts: str, given: str, suggested: str) -> None:
    async with world.database.unit_of_work() as work:
        ticket = await work.tickets.find(team_id=TEAM, channel_id=HELP, ts=ts)
        assert ticket is not None
        values = {"given": given, "suggested": suggested, "score": 0.9, "now": NOW}
        assert await work.reviews.add(team_id=TEAM, ticket_id=ticket.id, **values)
        await work.commit()


async def labelled(world: World) -> str:
    ts = await world.say("my password does not work")
    await world.card(ts)
    await world.playground.react(LENA, HELP, ts, "credit_card")
    await world.card(ts, lambda text: "Corrected by" in text)
    return ts


async def reviews(world: World) -> list[Any]:
    async with world.database.reader() as work:
        return list(await work.session.scalars(select(LabelReview)))


async def test_a_doubted_label_is_kept_with_one_tap(any_world: World):
    ts = await labelled(any_world)
    other = await any_world.say("the vpn is dead")
    await any_world.card(other)
    await any_world.playground.react(LENA, HELP, other, "satellite_antenna")
    await any_world.card(other, lambda text: "Confirmed by" in text)
    await doubt(any_world, ts, "billing", "login")
    assert await trained(any_world) == [("the vpn is dead", "network")]
    view = await home(any_world, ANNA, "I doubt a label")
    assert "Like it: “the vpn is dead” → :satellite_antenna: *Network*" in str(view)
    await tap(any_world, ANNA, view, "Keep as it is")
    await home(any_world, ANNA, "*2* tickets", without="I doubt a label")
    assert ("my password does not work", "billing") in await trained(any_world)
    (row,) = await reviews(any_world)
    assert (row.state, row.settled_by) == (ReviewState.KEPT, ANNA)


async def test_the_models_suggestion_settles_a_doubt(world: World):
    ts = await labelled(world)
    await doubt(world, ts, "billing", "login")
    await tap(world, ANNA, await home(world, ANNA, "I doubt a label"), "Sign-in")
    await world.card(ts, lambda text: f"Confirmed by <@{ANNA}>" in text)
    assert await trained(world) == [("my password does not work", "login")]
    (row,) = await reviews(world)
    assert row.state == ReviewState.CHANGED


async def test_an_imported_label_is_settled_without_a_message_in_slack(world: World):
    await import_labels(world.database, TEAM, [("the invoice is wrong", "login")], NOW)
    async with world.database.unit_of_work() as work:
        (example,) = await work.labels.training_examples(team_id=TEAM)
        values = {"given": "login", "suggested": "billing", "score": 0.9, "now": NOW}
        await work.reviews.add(team_id=TEAM, ticket_id=example.ticket_id, **values)
        await work.commit()
    await home(world, LENA, "*1* ticket ", without="the invoice is wrong")
    view = await home(world, ANNA, "the invoice is wrong")
    assert "An import" in str(view)
    await tap(world, ANNA, view, "Billing")
    await home(world, ANNA, "*1* ticket ", without="the invoice is wrong")
    assert await trained(world) == [("the invoice is wrong", "billing")]


async def test_an_owners_word_on_the_card_settles_a_doubt_too(world: World):
    ts = await labelled(world)
    await doubt(world, ts, "billing", "login")
    await world.playground.react(SAM, HELP, ts, "credit_card")
    await world.card(ts, lambda text: f"<@{SAM}>" in text)
    (row,) = await reviews(world)
    assert (row.state, row.settled_by) == (ReviewState.KEPT, SAM)


async def test_nobody_closes_a_doubt_about_their_own_word(world: World):
    ts = await labelled(world)
    await doubt(world, ts, "billing", "login")
    await home(world, LENA, "*1* ticket ", without="I doubt a label")  # an owner, but it is her word
    for emoji, category in (("x", None), ("satellite_antenna", "network"), ("key", "login")):
        await world.playground.react(LENA, HELP, ts, emoji)
        await world.quiet()
        assert (await world.labels(ts))[-1] == (category, LENA)
        assert [(row.state, row.given) for row in await reviews(world)] == [(ReviewState.OPEN, category)]
    assert await trained(world) == []
    assert "Somebody else has to say so too" in str(await home(world, ANNA, "I doubt a label"))
    await world.playground.react(SAM, HELP, ts, "key")
    await world.quiet()
    assert [(row.state, row.settled_by) for row in await reviews(world)] == [(ReviewState.KEPT, SAM)]
    assert await trained(world) == [("my password does not work", "login")]


async def test_a_forged_tap_of_the_person_whose_word_is_doubted_is_refused(world: World):
    only_staff(world)
    ts = await labelled(world)  # as a colleague; an owner since
    await doubt(world, ts, "billing", "login")
    async with world.database.unit_of_work() as work:
        await work.owners.name(team_id=TEAM, slug="login", user_id=LENA, by=ANNA, now=NOW)
        await work.commit()
    view = await home(world, ANNA, "I doubt a label")
    button = next(b["elements"][0] for b in view["blocks"] if b["type"] == "actions")
    payload = {"team_id": TEAM, "user_id": LENA, "response_url": ""} | {
        key: button[key] for key in ("value", "action_id")
    }
    await world.bot.inbox.add(team_id=TEAM, event_id="forged", kind=Kind.REVIEW, payload=payload)
    await world.playground.wait_for(lambda: "Only admins and the owning" in str(world.playground.home(LENA)))
    assert [row.state for row in await reviews(world)] == [ReviewState.OPEN]


async def test_two_colleagues_close_a_doubt_and_one_who_differs_does_not(world: World):
    only_staff(world)
    ts = await labelled(world)
    await doubt(world, ts, "billing", "login")
    await world.playground.react(SAM, HELP, ts, "key")
    await world.card(ts, lambda text: "Others disagree" in text)
    assert [row.state for row in await reviews(world)] == [ReviewState.OPEN]
    await world.playground.react(LENA, HELP, ts, "key")
    await world.quiet()
    assert [row.state for row in await reviews(world)] == [ReviewState.CHANGED]
    assert await trained(world) == [("my password does not work", "login")]


async def test_a_capped_person_disputes_nothing_and_is_shown_to_admins_alone(world: World):
    async with world.database.unit_of_work() as work:
        for number in range(MIN_JUDGED):
            ticket, _ = await work.tickets.add_if_new(
                team_id=TEAM, channel_id=HELP, ts=f"{number}.1", user_id=SAM, text="vpn", now=NOW
            )
            for user, role, category in (
                (LENA, LabelRole.STAFF, "login"),
                (ANNA, LabelRole.ADMIN, "network"),
            ):
                await work.labels.add(
                    team_id=TEAM,
                    ticket_id=ticket.id,
                    category=category,
                    user_id=user,
                    role=role,
                    kind=LabelKind.CORRECTION,
                    source=LabelSource.BUTTON,
                    now=NOW,
                )
        await work.commit()
    ts = await labelled(world)
    await world.playground.react(SAM, HELP, ts, "satellite_antenna")  # a second word: all are counted anew
    await world.card(ts, lambda text: "*Network*" in text and f"Corrected by <@{SAM}>" in text)
    assert ("my password does not work", "network") in await trained(world)
    view = await home(world, ANNA, "Labels that mostly lost")
    assert f"<@{LENA}> (8 of 8)" in str(view)
    for user in (SAM, LENA):
        await home(world, user, "*9* tickets", without="Labels that mostly lost")


async def test_a_choice_of_a_question_is_stored_as_an_answer(world: World):
    world.model.confidence = 0.4
    ts = await world.say("the invoice page wants my password")
    card = await world.card(ts)
    await world.press(LENA, card, f"{ActionId.CHOOSE}_1")
    await world.card(ts, lambda text: f"<@{LENA}>" in text)
    label = await last_label(world, ts)
    assert label[1:] == (LENA, LabelRole.STAFF, LabelSource.QUESTION)  # it was no team's yet
