"""`/categories`: the list, each change in its modal, who may, what is refused."""

from __future__ import annotations

import asyncio

import pytest

from bot.blocks.action_ids import ActionId
from storage.models import LabelRole, LabelSource, RunSource
from tests.factories.category_dialogs import (
    COMMAND,
    EXAMPLES,
    audited,
    chosen,
    errors,
    labelled,
    listed,
    menus,
    opened,
    place,
    rows,
    submit,
    ticked,
    typed,
    updates,
)
from tests.factories.forgery import press
from tests.factories.world import ANNA, GUEST, HELP, LENA, TEAM, World, text_of


async def test_everybody_sees_the_list_and_admins_can_change_it(any_world: World):
    await labelled(any_world, "my password does not work", "key")
    everybody = await listed(any_world, LENA)
    assert "Sign-in" in text_of(everybody)
    assert "· 1 label" in text_of(everybody)
    assert menus(everybody) == []
    admin = await listed(any_world, ANNA, "list")
    assert [menu["action_id"] for menu in menus(admin)] == ["category_add", *["category_change"] * 3]
    billing = any_world.playground.state.channel("team-billing").id
    assert f"<#{billing}>" in text_of(admin)


async def test_help_and_unknown_words_say_what_can_be_said(world: World):
    for word in ("help", "fly"):
        assert "/categories shows the categories" in text_of(await listed(world, LENA, word))


@pytest.mark.parametrize("text", ["add", "rename Billing", "merge", "split login", "retire network"])
@pytest.mark.parametrize("user", [LENA, GUEST])
async def test_only_admins_get_a_modal(world: World, user: str, text: str):
    result = await world.playground.run_command(user, HELP, COMMAND, text)
    assert result.ok
    assert world.playground.view(user) is None
    assert "Only admins may change" in text_of(world.playground.ephemerals(user)[-1])


async def test_a_new_category_with_examples_is_offered_and_learned_at_once(any_world: World):
    channel = any_world.playground.add_channel("team-doors", [ANNA, "U0FPOST"])
    values = typed(name="Doors", emoji=":door:", description="Badges", examples=EXAMPLES) | place(channel)
    await submit(any_world, "add", values)
    assert "Added Doors with 5 labels. I learn it now" in text_of(await any_world.private(ANNA))
    row = (await rows(any_world))["doors"]
    kept = (row.name, row.emoji, row.description, row.destination, row.position, row.created_by)
    assert kept == ("Doors", "door", "Badges", "team-doors", 3, ANNA)
    async with any_world.database.reader() as work:
        examples = await work.labels.training_examples(team_id=TEAM)
        labels = [
            label
            for each in examples
            for label in await work.labels.active_for(team_id=TEAM, ticket_id=each.ticket_id)
        ]
    assert {(each.text, each.category) for each in examples} >= {("lost my badge", "doors")}
    assert {(e.role, e.source, e.user_id) for e in labels} == {
        (LabelRole.ADMIN, LabelSource.CATEGORIES, ANNA)
    }
    (run,) = await updates(any_world)
    assert run.source == RunSource.CATEGORY
    assert run.slot.startswith("category/")
    assert await audited(any_world) == [(ANNA, "category_add", "doors")]
    ts = await any_world.say("my password does not work")
    await any_world.card(ts)
    await any_world.playground.react(LENA, HELP, ts, "door")
    card = await any_world.card(ts, lambda text: "Corrected by" in text)
    assert f"<#{channel}>" in text_of(card)


async def test_a_run_in_the_way_stops_nothing(world: World):
    await submit(world, "add", typed(name="Doors", emoji="door", examples=EXAMPLES))
    await submit(world, "add", typed(name="Parking", emoji="car", examples="my car\nthe lot is full"))
    assert set(await rows(world)) == {"login", "network", "billing", "doors", "parking"}
    assert len(await updates(world)) == 1


async def test_what_is_wrong_is_told_at_its_field_and_nothing_changes(world: World):
    foreign = world.playground.add_channel("secret", [ANNA], private=True)
    wrong = await errors(world, "add", typed(name=" ", emoji="key") | place(foreign))
    assert wrong == {
        "name": "Type a name.",
        "emoji": "Sign-in has that emoji already. Take another one.",
        "destination": "I cannot see that channel. Pick a channel that I am in.",
    }
    assert set(await errors(world, "add", typed(name="BILLING", emoji="no name"))) == {"name", "emoji"}
    assert set(await errors(world, "rename billing", typed(name="Network"))) == {"name"}
    assert set(await errors(world, "emoji billing", typed(emoji="white_check_mark"))) == {"emoji"}
    assert set(await errors(world, "merge login", chosen("target", "login"))) == {"target"}
    await world.quiet()
    assert await audited(world) == []
    assert len(await rows(world)) == 3


async def test_a_modal_that_is_submitted_twice_is_carried_out_once(world: World):
    view = await opened(world, "add")
    values = typed(name="Doors", emoji="door", examples=EXAMPLES)
    pressed = (world.playground.submit_view(ANNA, view["id"], values) for _ in range(3))
    assert all(result.ok for result in await asyncio.gather(*pressed))
    await world.quiet()
    assert await audited(world) == [(ANNA, "category_add", "doors")]


async def test_a_pasted_emoji_is_kept_by_its_name_and_counts_by_any_of_its_names(world: World):
    await submit(world, "emoji login", typed(emoji="\U0001f52a"))
    await submit(world, "emoji billing", typed(emoji="\u2709\ufe0f"))
    found = await rows(world)
    assert (found["login"].emoji, found["billing"].emoji) == ("hocho", "email")
    wrong = await errors(world, "emoji network", typed(emoji="envelope"))
    assert wrong == {"emoji": "Billing has that emoji already. Take another one."}
    assert "no name" in (await errors(world, "emoji network", typed(emoji="\u262d")))["emoji"]
    ts = await world.say("the vpn is dead")
    await world.card(ts)
    await world.playground.react(LENA, HELP, ts, "knife")
    await world.card(ts, lambda text: "Corrected by" in text)
    assert await world.labels(ts) == [("login", LENA)]
    await world.playground.unreact(LENA, HELP, ts, "knife")
    await world.playground.wait_for(lambda: labels_gone(world, ts))


async def labels_gone(world: World, ts: str) -> bool:
    return not await world.labels(ts)


async def test_rename_emoji_and_destination_show_what_is_there_and_change_it(world: World):
    ts = await world.say("please pay the invoice")
    await world.card(ts, lambda text: "Billing" in text)
    view = await opened(world, "rename billing")
    assert view["blocks"][0]["element"]["initial_value"] == "Billing"
    await world.playground.submit_view(ANNA, view["id"], typed(name="Money & {invoices}"))
    await world.quiet()
    await world.card(ts, lambda text: "Money &amp; {invoices}" in text)
    await submit(world, "emoji Money & {invoices}", typed(emoji=":moneybag:"))
    await world.card(ts, lambda text: ":moneybag: *Money" in text)
    channel = world.playground.state.channel("team-network").id
    await submit(world, "destination billing", place(channel))
    await world.card(ts, lambda text: f"<#{channel}>" in text)
    row = (await rows(world))["billing"]
    assert (row.name, row.emoji, row.destination) == ("Money & {invoices}", "moneybag", "team-network")
    assert row.description == "Invoices and refunds"
    assert [action for _, action, _ in await audited(world)] == [
        "category_destination",
        "category_emoji",
        "category_rename",
    ]
    async with world.database.reader() as work:
        event = (await work.audit.recent(team_id=TEAM))[-1]
    assert event.details["before"]["name"] == "Billing"
    assert event.details["after"]["name"] == "Money & {invoices}"
    assert await updates(world) == []  # nothing to learn


async def test_a_merge_moves_labels_and_cards_and_restoring_brings_them_back(any_world: World):
    world = any_world
    routed = await world.say("my password does not work")
    await world.card(routed)
    corrected = await labelled(world, "please pay the invoice", "key")
    await submit(world, "merge login", chosen("target", "network"))
    assert (await rows(world))["login"].merged_into == "network"
    assert await world.labels(corrected) == [("network", LENA)]
    for ts in (routed, corrected):
        await world.card(ts, lambda text: "*Network*" in text and "Sign-in" not in text)
    identity = world.playground.state.channel("team-identity").id
    await world.playground.wait_for(
        lambda: all("moved to" in text_of(m) for m in world.playground.messages(identity))
    )
    # a model that does not know of the merge yet
    ts = await world.say("I forgot my password")
    await world.card(ts, lambda text: "*Network*" in text)
    admin = await listed(world)
    assert "~Sign-in~ (merged)" in text_of(admin)
    result = await world.playground.click(ANNA, HELP, admin["ts"], ActionId.CATEGORY_RESTORE)
    assert result.ok
    await world.quiet()
    assert await world.labels(corrected) == [("login", LENA)]
    for ts in (routed, corrected):
        await world.card(ts, lambda text: "*Sign-in*" in text)
    assert [action for _, action, _ in await audited(world)] == ["category_restore", "category_merge"]


async def test_a_retired_category_is_offered_no_more_and_its_cards_say_so(world: World):
    ts = await world.say("my password does not work")
    await world.card(ts)
    await submit(world, "retire login", {})
    await world.card(ts, lambda text: "in Sign-in, a category that was retired" in text)
    identity = world.playground.state.channel("team-identity").id
    await world.playground.wait_for(
        lambda: "category that was retired" in text_of(world.playground.messages(identity)[-1])
    )
    again = await world.say("I forgot my password")
    await world.card(again, lambda text: "not sure" in text and "Sign-in" not in text)


async def test_an_old_button_of_a_retired_category_says_what_became_of_it(world: World):
    world.model.confidence, world.model.threshold = 0.4, 0.5
    ts = await world.say("my password does not work")
    card = await world.card(ts)
    async with world.database.unit_of_work() as work:  # as another replica would, before the card follows
        row = await work.categories.get(team_id=TEAM, slug="login")
        await work.categories.retire(row, into="network")
        await work.commit()
    await world.press(LENA, card, ActionId.CORRECT, "login")
    told = await world.private(LENA)
    assert "Sign-in was merged into Network. Pick that one, or another." in text_of(told)
    assert await world.labels(ts) == []
    await world.card(ts, lambda text: "Sign-in" not in text)


async def test_a_split_gives_the_ticked_tickets_to_a_new_category(world: World):
    first = await labelled(world, "my password does not work", "key")
    second = await labelled(world, "no code <!channel> & password", "key")
    view = await opened(world, "split")
    result = await world.playground.submit_view(ANNA, view["id"], chosen("category", "login"))
    assert result.body["response_action"] == "update"
    view = world.playground.view(ANNA)
    boxes = next(b["element"] for b in view["blocks"] if b.get("block_id") == "tickets_1")
    by_text = {option["text"]["text"]: option["value"] for option in boxes["options"]}
    assert set(by_text) == {"my password does not work", "no code <!channel> & password"}
    nothing = await world.playground.submit_view(ANNA, view["id"], typed(name="Codes", emoji="iphone"))
    assert nothing.body["errors"] == {"tickets_1": "Tick the tickets that move."}
    values = ticked("tickets_1", by_text["no code <!channel> & password"])
    assert (await world.playground.submit_view(ANNA, view["id"], values)).ok
    await world.quiet()
    assert await world.labels(first) == [("login", LENA)]
    assert sorted(await world.labels(second)) == [("codes", ANNA), ("codes", LENA)]
    await world.card(second, lambda text: "*Codes*" in text)
    assert (await rows(world))["codes"].emoji == "iphone"
    assert len(await updates(world)) == 1


async def test_at_least_two_categories_stay(world: World):
    await submit(world, "retire login", {})
    view = await opened(world, "retire network")
    result = await world.playground.submit_view(ANNA, view["id"], {})
    assert result.body["response_action"] == "update"
    assert "At least 2 categories must stay." in str(world.playground.view(ANNA)["blocks"])
    assert (await rows(world))["network"].state == "active"


async def test_a_person_who_is_no_admin_any_more_cannot_submit(world: World):
    view = await opened(world, "retire login")
    world.playground.state.users[ANNA].is_admin = world.playground.state.users[ANNA].is_owner = False
    world.bot.workspace.people._roles._known.clear()
    result = await world.playground.submit_view(ANNA, view["id"], {})
    assert result.body["response_action"] == "update"
    assert "Only admins" in str(world.playground.view(ANNA)["blocks"])
    await world.quiet()
    assert (await rows(world))["login"].state == "active"


async def test_a_category_that_went_away_meanwhile_is_told(world: World):
    view = await opened(world, "rename login")
    async with world.database.unit_of_work() as work:
        await work.categories.retire(await work.categories.get(team_id=TEAM, slug="login"))
        await work.commit()
    await world.playground.submit_view(ANNA, view["id"], typed(name="Access"))
    assert "That category no longer exists." in str(world.playground.view(ANNA)["blocks"])


async def test_the_cards_menu_opens_the_modal_of_its_category(world: World):
    card = await listed(world)
    key = {"block_id": "category:network", "selected_option": "rename:network"}
    assert (await world.playground.click(ANNA, HELP, card["ts"], ActionId.CATEGORY_CHANGE, **key)).ok
    view = world.playground.view(ANNA)
    assert view["blocks"][0]["element"]["initial_value"] == "Network"
    await press(world, LENA, ActionId.CATEGORY_CHANGE, "rename:network", menu=True, ts=card["ts"])
    assert world.playground.view(LENA) is None
    assert "Only admins" in text_of(await world.private(LENA))


async def test_a_modal_that_slack_does_not_open_is_told(world: World):
    world.playground.faults.fail("views.open", "expired_trigger_id")
    result = await world.playground.run_command(ANNA, HELP, COMMAND, "add")
    assert result.ok
    assert "did not open the dialog" in text_of(world.playground.ephemerals(ANNA)[-1])


async def test_a_category_without_examples_asks_for_no_update(world: World):
    await submit(world, "add", typed(name="Doors", emoji="door"))
    assert "so that I can learn it" in text_of(await world.private(ANNA))
    assert await updates(world) == []


async def test_what_is_tried_again_is_carried_out_and_told_once(world: World):
    ts = await world.say("my password does not work")
    await world.card(ts)
    await world.quiet()
    world.playground.faults.rate_limit("chat.update", 1)
    await submit(world, "merge login", chosen("target", "network"))
    await world.card(ts, lambda text: "*Network*" in text)
    assert [action for _, action, _ in await audited(world)] == ["category_merge"]
    told = [m for m in world.playground.ephemerals(ANNA) if "is a part of Network now" in text_of(m)]
    assert len(told) == 1


async def test_nothing_is_merged_into_a_retired_category(world: World):
    await submit(world, "merge network", chosen("target", "login"))
    gone = [slug for slug, row in (await rows(world)).items() if row.state == "retired"]
    assert gone == ["network"]
    assert set(await errors(world, "merge billing", chosen("target", "network"))) == {"target"}
