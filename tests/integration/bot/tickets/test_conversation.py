"""What people see: a card in the thread, a question, corrections, withdrawals, /why."""

from __future__ import annotations

from bot.blocks.action_ids import ActionId
from tests.factories.world import ANNA, BOT, HELP, LENA, SAM, World, text_of


async def test_a_message_gets_a_card_with_category_words_and_destination(any_world: World):
    ts = await any_world.say("my password does not work any more")
    card = await any_world.card(ts)
    text = text_of(card)
    assert "Sign-in" in text
    assert "password" in text
    assert "95%" in text
    assert ":satellite_antenna: Network" in text  # the emoji legend
    assert card["thread_ts"] == ts
    destination = any_world.playground.state.channel("team-identity").id
    assert f"<#{destination}>" in text
    assert any_world.element(card, ActionId.CONFIRM)
    assert any_world.element(card, ActionId.WHY)
    assert len(any_world.element(card, ActionId.CORRECT)["options"]) == 4


async def test_the_owning_team_gets_a_card_with_a_link_back(any_world: World):
    ts = await any_world.say("vpn is dead <!channel>")
    await any_world.card(ts)
    team = any_world.playground.state.channel("team-network").id
    posted = await any_world.playground.wait_for(lambda: any_world.playground.messages(team))
    assert posted[-1]["mentions"] == [f"@{SAM}"]  # the author; what they quoted pings nobody
    assert f"/archives/{HELP}/p{ts.replace('.', '')}" in text_of(posted[-1])


async def test_an_unsure_model_asks_with_three_choices_and_a_way_out(any_world: World):
    any_world.model.confidence, any_world.model.threshold = 0.4, 0.5
    ts = await any_world.say("the invoice page wants my password")
    card = await any_world.card(ts)
    assert "not sure" in text_of(card)
    buttons = [e for b in card["blocks"] for e in b.get("elements", []) if e["type"] == "button"]
    assert [b["text"]["text"] for b in buttons][-2:] == ["None of these", "Why?"]
    assert len(buttons) == 5
    await any_world.press(LENA, card, f"{ActionId.CHOOSE}_1")
    await any_world.card(ts, lambda text: f"<@{LENA}>" in text)
    (label,) = await any_world.labels(ts)
    assert label[1] == LENA


async def test_none_of_these_is_a_label_too(world: World):
    world.model.confidence = 0.4
    ts = await world.say("the invoice page wants my password")
    card = await world.card(ts)
    await world.press(LENA, card, f"{ActionId.CHOOSE}_none")
    await world.card(ts, lambda text: "None of these" in text and f"<@{LENA}>" in text)
    assert await world.labels(ts) == [(None, LENA)]


async def test_an_emoji_on_the_message_corrects_and_its_removal_withdraws(any_world: World):
    ts = await any_world.say("my password does not work")
    await any_world.card(ts)
    await any_world.playground.react(LENA, HELP, ts, "credit_card")
    card = await any_world.card(ts, lambda text: "Corrected by" in text)
    assert f"<@{LENA}>" in text_of(card)
    assert "Billing" in text_of(card)
    assert await any_world.labels(ts) == [("billing", LENA)]
    await any_world.playground.unreact(LENA, HELP, ts, "credit_card")
    await any_world.card(ts, lambda text: "Corrected by" not in text)
    assert await any_world.labels(ts) == []


async def test_an_emoji_on_our_card_counts_as_well(world: World):
    ts = await world.say("my password does not work")
    card = await world.card(ts)
    await world.playground.react(LENA, HELP, card["ts"], "credit_card")
    await world.card(ts, lambda text: "Corrected by" in text)
    assert await world.labels(ts) == [("billing", LENA)]


async def test_a_correction_moves_the_ticket_to_the_right_team(world: World):
    ts = await world.say("my password does not work")
    await world.card(ts)
    identity, billing = (world.playground.state.channel(n).id for n in ("team-identity", "team-billing"))
    await world.playground.wait_for(lambda: world.playground.messages(identity))
    await world.playground.react(LENA, HELP, ts, "credit_card")
    await world.playground.wait_for(lambda: world.playground.messages(billing))
    await world.playground.wait_for(lambda: "moved to" in text_of(world.playground.messages(identity)[-1]))
    await world.playground.unreact(LENA, HELP, ts, "credit_card")
    await world.playground.wait_for(
        lambda: "moved to" not in text_of(world.playground.messages(identity)[-1])
    )


async def test_the_menu_corrects(any_world: World):
    ts = await any_world.say("my password does not work")
    card = await any_world.card(ts)
    await any_world.press(ANNA, card, ActionId.CORRECT, "network")
    card = await any_world.card(ts, lambda text: "Corrected by" in text)
    assert f"<@{ANNA}>" in text_of(card)
    assert await any_world.labels(ts) == [("network", ANNA)]


async def test_the_right_button_confirms(world: World):
    ts = await world.say("my password does not work")
    card = await world.card(ts)
    await world.press(ANNA, card, ActionId.CONFIRM)
    await world.card(ts, lambda text: "Confirmed by" in text)
    assert await world.labels(ts) == [("login", ANNA)]


async def test_an_admins_word_wins_over_an_earlier_and_a_later_one(world: World):
    ts = await world.say("my password does not work")
    card = await world.card(ts)
    await world.press(ANNA, card, ActionId.CORRECT, "network")
    await world.card(ts, lambda text: "Network" in text and "Corrected by" in text)
    await world.playground.react(LENA, HELP, ts, "credit_card")
    await world.quiet()
    assert f"Corrected by <@{ANNA}>" in text_of(await world.card(ts, lambda text: "*Network*" in text))
    assert set(await world.labels(ts)) == {("network", ANNA), ("billing", LENA)}


async def test_chatter_gets_no_reply_but_an_emoji_makes_it_a_ticket(world: World):
    ts = await world.say("thanks everybody, see you tomorrow")
    await world.quiet()
    assert world.playground.thread(HELP, ts) == []
    await world.playground.react(LENA, HELP, ts, "key")
    card = await world.card(ts, lambda text: "Corrected by" in text)
    assert "Sign-in" in text_of(card)
    await world.playground.unreact(LENA, HELP, ts, "key")
    await world.card(ts, lambda text: "Corrected by" not in text and "not sure" in text)


async def test_why_last_answers_only_the_one_who_asked(any_world: World):
    ts = await any_world.say("my password does not work")
    await any_world.card(ts)
    result = await any_world.playground.run_command(LENA, HELP, "/why", "last")
    assert result.ok
    answer = await any_world.private(LENA)
    assert "Sign-in" in text_of(answer)
    assert "password" in text_of(answer)
    assert any_world.playground.ephemerals(SAM) == []
    assert len(any_world.playground.thread(HELP, ts)) == 1


async def test_why_takes_a_link_to_the_message_or_to_our_card(world: World):
    ts = await world.say("the vpn does not connect")
    card = await world.card(ts)
    await world.say("my password does not work")
    for target in (ts, card["ts"]):
        link = f"https://acme.slack.com/archives/{HELP}/p{target.replace('.', '')}?thread_ts={ts}"
        await world.playground.run_command(LENA, HELP, "/why", f"<{link}>")
    await world.playground.wait_for(lambda: len(world.playground.ephemerals(LENA)) == 2)
    assert all("Network" in text_of(answer) for answer in world.playground.ephemerals(LENA))


async def test_the_why_button_answers_privately(world: World):
    ts = await world.say("my password does not work")
    await world.press(LENA, await world.card(ts), ActionId.WHY)
    answer = await world.private(LENA)
    assert "What decided" in text_of(answer)


async def test_the_words_are_drawn_into_the_thread_when_asked(any_world: World):
    ts = await any_world.say("my password does not work")
    await any_world.press(LENA, await any_world.card(ts), ActionId.WHY)
    await any_world.press(LENA, await any_world.private(LENA), ActionId.PICTURE)
    posted = await any_world.playground.wait_for(
        lambda: [m for m in any_world.playground.thread(HELP, ts) if m.get("files")]
    )
    [file] = posted[0]["files"]
    assert file["title"] == "Words that decided: Sign-in"
    assert file["mimetype"] == "image/png"
    assert "password" in file["alt_txt"]


async def test_why_shows_the_nearest_tickets_that_people_labelled(any_world: World):
    first = await any_world.say("my password does not work")
    await any_world.card(first)
    other = await any_world.say("the vpn is dead again")
    await any_world.card(other)
    for ts, emoji in ((first, "key"), (other, "credit_card")):
        await any_world.playground.react(LENA, HELP, ts, emoji)
        await any_world.card(ts, lambda text: f"<@{LENA}>" in text)
    asked = await any_world.say("my password does not work today")
    await any_world.card(asked)
    await any_world.playground.run_command(LENA, HELP, "/why", "last")
    text = text_of(await any_world.private(LENA))
    like = text[text.index("Tickets like it") :]
    assert like.index("my password does not work") < like.index("the vpn is dead again")
    assert "*Sign-in*" in like
    assert "*Billing*" in like
    assert f"/archives/{HELP}/p{first.replace('.', '')}" in like
    assert "today" not in like


async def test_the_home_tab_lists_the_categories(world: World):
    await world.say("my password does not work")
    await world.quiet()
    await world.playground.open_home(LENA)
    view = await world.playground.wait_for(lambda: world.playground.home(LENA))
    assert "Billing" in str(view)
    assert "*1* ticket " in str(view)


async def test_reactions_of_the_bot_itself_are_nobodys_label(world: World):
    ts = await world.say("my password does not work")
    await world.card(ts)
    await world.playground.react(BOT, HELP, ts, "credit_card")
    await world.quiet()
    assert await world.labels(ts) == []
