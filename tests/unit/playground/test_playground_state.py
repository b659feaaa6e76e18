import pytest

from playground import NoSuchThing, NotLoopback, Playground, WaitTimeout
from playground.workspace.journal import Journal
from playground.workspace.state import Ids


def test_message_timestamps_always_grow_even_when_the_clock_does_not():
    ids = Ids(lambda: 1_800_000_000.0)
    assert [ids.ts() for _ in range(3)] == ["1800000000.000000", "1800000000.000001", "1800000000.000002"]


def test_ids_of_two_playgrounds_differ():
    assert (
        Playground().delivery.envelope("T0ACME", {})["event_id"]
        != (Playground().delivery.envelope("T0ACME", {})["event_id"])
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1", "example.com", "::", ""])  # noqa: S104 - refused
async def test_it_listens_on_this_machine_only(host):
    with pytest.raises(NotLoopback):
        await Playground().start(host=host)


@pytest.mark.parametrize("url", ["http://example.com/slack/events", "http://127.0.0.1.nip.io/x", "nonsense"])
def test_it_delivers_to_this_machine_only(url):
    with pytest.raises(NotLoopback):
        Playground().app.request_url = url


async def test_destinations_become_channels_with_the_bot_in_them():
    playground = Playground(channels=["#team-billing", "help-desk"])
    assert playground.state.channel("team-billing").id == "C0TEAMBILLING"
    assert "U0FPOST" in playground.state.channel("C0TEAMBILLING").members
    assert "U0FPOST" not in playground.state.channel("#random").members


async def test_acting_on_something_that_is_not_there_says_what_is():
    playground = Playground()
    with pytest.raises(NoSuchThing, match="C0HELP"):
        await playground.post_message("U0SAM", "#nowhere", "hello")
    with pytest.raises(NoSuchThing, match="U0SAM"):
        await playground.post_message("U0NOBODY", "#help-desk", "hello")
    with pytest.raises(NoSuchThing, match="does not see"):
        await playground.post_message("U0SAM", "C0BETAHELP", "hello")


async def test_people_act_only_in_channels_that_they_see():
    playground = Playground()
    private = playground.add_channel("secret", ["U0ANNA"], private=True)
    public = playground.add_channel("elsewhere", ["U0ANNA"])
    for user, channel in (
        ("U0SAM", private),
        ("U0GUEST", public),
        ("U0STRANGER", public),
        ("U0PARTNER", public),
        ("U0BEN", public),
    ):
        with pytest.raises(NoSuchThing, match="does not see"):
            await playground.post_message(user, channel, "hello")
    assert await playground.post_message("U0SAM", public, "hello")
    assert await playground.post_message("U0PARTNER", "C0HELP", "hello")


async def test_waiting_returns_the_value_and_tells_the_end_of_the_journal_when_it_is_in_vain():
    playground = Playground()
    assert await playground.wait_for(lambda: [1]) == [1]
    assert await playground.wait_for(lambda p: p.messages("C0HELP") == []) is True
    playground.journal.add("api", "auth.test", {}, {"ok": True}, 200)
    with pytest.raises(WaitTimeout, match=r"#1 api auth\.test -> 200"):
        await playground.wait_for(lambda: False, timeout=0.01)


def test_the_journal_is_searched_by_kind_method_and_number():
    journal = Journal(lambda: 7.0)
    first = journal.add("api", "auth.test", {}, {"ok": True}, 200)
    second = journal.add("event", "message", {}, {"reason": "http_error"}, 500)
    assert journal.find("api") == [first]
    assert journal.find(after=1) == [second]
    assert (first.ok, second.ok, journal.last, first.at) == (True, False, 2, 7.0)
