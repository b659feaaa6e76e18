"""Which posts a ticket has, and what each shows now."""

from __future__ import annotations

from typing import Any

import pytest

from bot.blocks.common import CategoryView
from bot.tickets.posts import QUESTION, TEAM_CARD, TicketView, owner_surface, team_surface_card, thread_card
from storage.models import LabelRole, TicketState
from tests.factories.rows import (
    ANNA,
    BILLING,
    CATEGORIES,
    HELP,
    LENA,
    LOGIN,
    NETWORK,
    NOW,
    SAM,
    category_view,
    label,
    prediction_row,
    ticket,
)
from tests.factories.world import text_of

LINK = "https://acme.slack.com/archives/C0HELP/p1790000000000100"


def view(state: TicketState = TicketState.ROUTED, **fields: Any) -> TicketView:
    values: dict[str, Any] = {
        "ticket": ticket(state),
        "prediction": prediction_row(),
        "labels": (),
        "categories": CATEGORIES,
        "link": LINK,
        "quotable": True,
    }
    return TicketView(**(values | fields))


def shown(state: TicketView) -> str:
    card = thread_card(state)
    assert card is not None
    return text_of({"text": card.text, "blocks": card.blocks})


def team_shown(state: TicketView, owner: CategoryView = LOGIN) -> str:
    card = team_surface_card(state, f"{TEAM_CARD}{owner.slug}")
    assert card is not None
    return text_of({"text": card.text, "blocks": card.blocks})


def test_a_question_of_the_day_has_buttons_until_somebody_answers():
    card = team_surface_card(view(), f"{QUESTION}1")
    assert card is not None
    actions = next(block for block in card.blocks if block["type"] == "actions")
    assert [e["value"].split(":")[1] for e in actions["elements"]] == ["login", "network", "billing", "-"]
    answered = team_surface_card(view(labels=[label("billing")]), f"{QUESTION}1")
    assert answered is not None
    assert "actions" not in [block["type"] for block in answered.blocks]
    assert f"<@{LENA}>" in answered.text


def test_what_may_not_be_quoted_elsewhere_is_a_link_alone():
    closed = view(quotable=False)
    assert "*Sign-in* · new ticket, whose text stays in its channel" in team_shown(closed)
    assert LINK in team_shown(closed)
    assert "password" not in team_shown(closed)
    for labels in ((), [label("billing")]):
        asked = team_surface_card(view(quotable=False, labels=labels), f"{QUESTION}1", "C0BILLING")
        assert asked is not None
        assert "password" not in str(asked)
        assert LINK in str(asked.blocks)
    own = team_surface_card(closed, f"{QUESTION}1", HELP)
    assert own is not None
    assert "password" in str(own)


def test_a_routed_ticket_says_where_it_goes():
    assert "*Sign-in* → <#C0LOGIN>" in shown(view())
    assert "*password* · *work*" in shown(view())


def test_an_asked_ticket_offers_the_likeliest_three():
    card = thread_card(view(TicketState.ASKED))
    assert card is not None
    choices = card.blocks[1]["elements"]
    assert [button["text"]["text"] for button in choices] == [
        ":key: Sign-in 88%",
        ":satellite_antenna: Network 6%",
        ":credit_card: Billing 6%",
        "None of these",
    ]


def test_an_asked_ticket_offers_all_that_the_question_was_about_and_a_routed_one_three():
    slugs = ("login", "network", "billing", "hardware", "travel")
    row = prediction_row(alternatives=[[slug, 0.3 - index / 20] for index, slug in enumerate(slugs)])
    categories = tuple(category_view(slug, name=slug.title()) for slug in slugs)
    asked = thread_card(view(TicketState.ASKED, prediction=row, categories=categories))
    assert asked is not None
    assert len(asked.blocks[1]["elements"]) == 5 + 1
    retired = thread_card(view(prediction=row, categories=categories[1:]))
    assert retired is not None
    assert len(retired.blocks[1]["elements"]) == 3 + 1


def test_an_out_of_scope_ticket_gets_no_card_until_somebody_speaks():
    assert thread_card(view(TicketState.OUT_OF_SCOPE)) is None
    assert "Corrected by <@U0LENA>" in shown(view(TicketState.OUT_OF_SCOPE, labels=[label()]))


def test_a_file_without_text_is_asked_about():
    state = view(TicketState.ASKED, ticket=ticket(TicketState.ASKED, " "), prediction=None)
    assert "cannot read files" in shown(state)
    assert "(a file)" in team_shown(
        view(TicketState.ASKED, ticket=ticket(TicketState.ASKED, ""), labels=[label("login")])
    )


def test_the_same_category_from_a_person_is_a_confirmation():
    state = view(labels=[label("login")])
    assert state.correction is not None
    assert state.correction.confirmed
    assert "Confirmed by <@U0LENA>" in shown(state)


def test_a_persons_category_on_an_asked_ticket_is_no_confirmation():
    state = view(TicketState.ASKED, labels=[label("login")])
    assert state.correction is not None
    assert not state.correction.confirmed


def test_those_who_agree_are_named_latest_first_and_once():
    labels = [
        label("billing", LENA, minutes=1),
        label("billing", SAM, minutes=3),
        label("login", ANNA, minutes=2),
    ]
    state = view(labels=labels)
    assert state.correction is not None
    assert state.correction.by == (SAM, LENA)


def test_a_withdrawn_label_counts_nowhere():
    gone = label("billing", SAM, minutes=5, withdrawn_at=NOW)
    assert view(labels=[gone]).correction is None
    state = view(labels=[gone, label("billing", LENA)])
    assert state.correction is not None
    assert state.correction.by == (LENA,)


def test_an_admins_word_wins_over_a_later_one_of_staff():
    state = view(labels=[label("network", ANNA, role=LabelRole.ADMIN), label("billing", LENA, minutes=9)])
    assert state.owner == NETWORK


def test_none_of_these_takes_the_ticket_from_everybody():
    state = view(labels=[label(None)])
    assert state.owner is None
    assert owner_surface(state) is None
    assert "None of these" in shown(state)
    assert "none of the categories fits" in team_shown(state)


@pytest.mark.parametrize(
    ("state", "owner"),
    [(TicketState.ROUTED, LOGIN), (TicketState.ASKED, None), (TicketState.OUT_OF_SCOPE, None)],
)
def test_without_people_the_ticket_is_whose_the_bot_routed_it_to(
    state: TicketState, owner: CategoryView | None
):
    assert view(state).owner == owner


def test_a_label_for_a_retired_category_changes_nothing():
    state = view(labels=[label("gone")])
    assert state.correction is None
    assert state.owner == LOGIN


def test_a_routing_to_a_category_that_was_retired_since_becomes_a_question():
    state = view(categories=(NETWORK, BILLING))
    assert state.owner is None
    assert "not sure" in shown(state)
    assert team_surface_card(state, f"{TEAM_CARD}login") is None


def test_the_owning_team_gets_its_card_in_its_channel():
    assert owner_surface(view()) == ("team_card:login", "C0LOGIN")
    assert owner_surface(view(labels=[label("billing")])) == ("team_card:billing", "C0BILLING")


@pytest.mark.parametrize("destination_id", [None, HELP])
def test_a_team_without_a_channel_of_its_own_gets_none(destination_id: str | None):
    login = category_view(destination_id=destination_id)
    assert owner_surface(view(categories=(login, NETWORK))) is None


def test_a_teams_card_says_who_wrote_what_and_how_sure_the_bot_is():
    text = team_shown(view())
    assert "new ticket from <@U0SAM>" in text
    assert "I am quite sure (88%)" in text
    assert "> my password does not work" in text
    assert LINK in text


def test_a_team_that_a_person_chose_reads_who_it_was_and_no_number():
    text = team_shown(view(labels=[label("billing")]), BILLING)
    assert "sent here by <@U0LENA>" in text
    assert "%" not in text


def test_a_team_keeps_its_number_where_people_confirmed_it():
    assert "88%" in team_shown(view(labels=[label("login")]))


def test_the_team_that_it_left_reads_where_it_went():
    assert "moved to :credit_card: *Billing* by <@U0LENA>" in team_shown(view(labels=[label("billing")]))


def test_a_correction_that_was_taken_back_leaves_no_ticket_behind():
    gone = label("billing", withdrawn_at=NOW)
    assert "moved to :key: *Sign-in*" in team_shown(view(labels=[gone]), BILLING)
    assert "the correction was taken back" in team_shown(view(TicketState.ASKED, labels=[gone]), BILLING)
    assert "new ticket" in team_shown(view(labels=[gone]), LOGIN)


def test_what_slack_escaped_is_quoted_once():
    state = view(ticket=ticket(text="a &amp; b &lt;tag&gt; <@U0ANNA> <!channel>"))
    assert "> a &amp; b &lt;tag&gt; @someone @channel" in team_shown(state)


def test_a_dispute_keeps_the_ticket_where_it_was_and_says_so():
    labels = [label("billing", LENA, minutes=1), label("network", SAM, minutes=2)]
    state = view(labels=labels)
    text = shown(state)
    assert "*Billing* → <#C0BILLING>, said <@U0LENA>" in text
    assert "Others disagree" in text
    assert owner_surface(state) == (f"{TEAM_CARD}billing", "C0BILLING")
    alone = view(labels=[label(None, LENA, minutes=1), label("network", SAM, minutes=2)])
    assert ":x: *None of these*, said <@U0LENA>" in shown(alone)


def test_what_a_capped_person_alone_says_moves_nothing():
    labels = [label("billing", LENA)]
    assert "Corrected by" in shown(view(labels=labels))
    assert "Corrected by" not in shown(view(labels=labels, capped=frozenset({LENA})))


def test_a_merged_category_shows_what_it_became_with_both_probabilities():
    gone = category_view("login", name="Sign-in", merged_into="network")
    state = view(categories=CATEGORIES[1:], retired=[gone])
    assert "*Network* → <#C0NETWORK>" in shown(state)
    assert "Sign-in" not in shown(state)
    assert [(each.slug, round(p, 2)) for each, p in state.likely] == [("network", 0.94), ("billing", 0.06)]
    assert owner_surface(state) == (f"{TEAM_CARD}network", "C0NETWORK")
    assert "moved to :satellite_antenna: *Network*" in team_shown(state, gone)


def test_a_retired_category_is_asked_about_anew_and_its_team_keeps_a_card_that_says_so():
    gone = category_view("login", name="Sign-in")
    state = view(categories=CATEGORIES[1:], retired=[gone], ticket=ticket(category="login"))
    assert "not sure" in shown(state)
    assert "This ticket was in Sign-in, a category that was retired." in shown(state)
    assert owner_surface(state) is None
    assert "new ticket from" in team_shown(state, gone)
    assert "a category that was retired" in team_shown(state, gone)


def test_a_ticket_that_people_moved_on_says_nothing_of_a_retired_category():
    gone = category_view("login", name="Sign-in")
    state = view(
        categories=CATEGORIES[1:], retired=[gone], ticket=ticket(category="login"), labels=[label("billing")]
    )
    assert "retired" not in shown(state)
    assert "moved to :credit_card: *Billing*" in team_shown(state, gone)
