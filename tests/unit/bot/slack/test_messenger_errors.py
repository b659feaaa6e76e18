"""What the messenger makes of Slack's answers: a real HTTP server in Slack's shapes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.blocks.common import Card
from bot.errors import SlackUnavailable
from bot.slack import messenger as module
from bot.slack.messenger import CLOCKS_DIFFER, METADATA_TYPE, Identity, Messenger
from tests.factories.rows import ANNA, HELP, LENA, SAM
from tests.factories.slack_api import TOKEN, Answer, SlackApi, closed_port_url, error, ok, slack_api

CARD = Card("hello", [{"type": "section", "text": {"type": "plain_text", "text": "hello"}}])
HTML = "<html>Bad gateway</html>"
SINCE = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
async def api() -> AsyncIterator[SlackApi]:
    async with slack_api() as served:
        yield served


async def failure(api: SlackApi, *answers: Answer) -> SlackUnavailable:
    """Post once and return the error."""
    api.script("chat.postMessage", *answers)
    with pytest.raises(SlackUnavailable) as caught:
        await Messenger(api.client()).post(HELP, CARD)
    return caught.value


async def test_a_post_carries_the_card_and_who_it_is_for(api: SlackApi):
    api.script("chat.postMessage", ok(ts="1790000001.000100"))
    ts = await Messenger(api.client()).post(HELP, CARD, thread_ts="1790000000.000100", reply_id="r1")
    assert ts == "1790000001.000100"
    (sent,) = api.named("chat.postMessage")
    assert sent["channel"] == HELP
    assert sent["thread_ts"] == "1790000000.000100"
    assert sent["blocks"] == CARD.blocks
    assert sent["metadata"] == {"event_type": METADATA_TYPE, "event_payload": {"reply_id": "r1"}}
    assert sent["unfurl_links"] is False


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"Retry-After": "30"}, 30.0), ({}, 1.0), ({"Retry-After": "soon"}, 1.0), ({"retry-after": "7"}, 7.0)],
)
async def test_429_says_when_to_try_again(api: SlackApi, headers: dict[str, str], seconds: float):
    said = await failure(api, error("ratelimited", status=429, headers=headers))
    assert (said.code, said.retry_after, said.permanent, said.sent) == ("ratelimited", seconds, False, False)


async def test_429_without_json_says_so_too(api: SlackApi):
    said = await failure(api, Answer("slow down", 429, {"Retry-After": "3"}))
    assert (said.code, said.retry_after, said.sent) == ("ratelimited", 3.0, False)


@pytest.mark.parametrize(
    "code", ["channel_not_found", "not_in_channel", "invalid_blocks", "msg_blocks_too_long"]
)
async def test_what_can_never_work_is_permanent(api: SlackApi, code: str):
    said = await failure(api, error(code))
    assert (said.code, said.permanent, said.sent) == (code, True, False)


async def test_what_may_work_later_is_not(api: SlackApi):
    said = await failure(api, error("never_heard_of"))
    assert (said.code, said.permanent, said.sent, said.silent) == ("never_heard_of", False, False, False)


@pytest.mark.parametrize("code", ["internal_error", "fatal_error", "service_unavailable"])
async def test_slack_out_of_order_may_hide_a_message_that_was_posted(api: SlackApi, code: str):
    said = await failure(api, error(code))
    assert (said.code, said.permanent, said.sent, said.silent) == (code, False, True, True)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(HTML, 500),
        Answer(HTML, 502),
        Answer("", 503),
        Answer(HTML, 200),
        Answer("welcome", 200, {"Content-Type": "text/html"}),
    ],
)
async def test_an_answer_that_is_no_json_may_hide_a_message_that_was_posted(api: SlackApi, answer: Answer):
    said = await failure(api, answer)
    assert (said.permanent, said.sent) == (False, True)


async def test_a_500_in_slacks_shape_may_hide_a_message_that_was_posted(api: SlackApi):
    said = await failure(api, error("internal_error", status=500))
    assert (said.code, said.permanent, said.sent) == ("internal_error", False, True)


async def test_no_answer_in_time_may_hide_a_message_that_was_posted(
    api: SlackApi, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.2)
    said = await failure(api, Answer(hang=True))
    assert (said.code, said.permanent, said.sent) == ("no_answer", False, True)


async def test_a_refused_connection_certainly_posted_nothing():
    messenger = Messenger(AsyncWebClient(token=TOKEN, base_url=closed_port_url()))
    with pytest.raises(SlackUnavailable) as caught:
        await messenger.post(HELP, CARD)
    assert (caught.value.code, caught.value.permanent, caught.value.sent) == ("no_answer", False, False)


async def test_a_failed_post_is_not_repeated_behind_our_back(api: SlackApi):
    await failure(api, error("internal_error", status=500))
    assert len(api.named("chat.postMessage")) == 1


async def test_no_error_text_holds_the_token(api: SlackApi):
    for answer in (error("invalid_auth"), Answer(HTML, 500)):
        assert TOKEN not in str(await failure(api, answer))


async def test_identity_is_who_slack_says_we_are(api: SlackApi):
    api.script("auth.test", ok(team_id="T1", user_id="U1", bot_id="B1", url="https://acme.slack.com/"))
    assert await Messenger(api.client()).identity() == Identity("T1", "U1", "B1", "https://acme.slack.com/")


async def test_an_update_is_cut_to_what_slack_takes(api: SlackApi):
    await Messenger(api.client()).update(HELP, "1.2", Card("x" * 9000, CARD.blocks))
    assert len(api.named("chat.update")[0]["text"]) == 4000


@pytest.mark.parametrize(
    ("thread_ts", "method"), [("1.1", "conversations.replies"), (None, "conversations.history")]
)
async def test_a_lost_reply_is_found_by_its_metadata(api: SlackApi, thread_ts: str | None, method: str):
    def message(ts: str, kind: str, reply_id: str) -> dict[str, object]:
        return {"ts": ts, "metadata": {"event_type": kind, "event_payload": {"reply_id": reply_id}}}

    messages = [{"ts": "1.1"}, message("1.2", "other_app", "r1"), message("1.3", METADATA_TYPE, "r1")]
    api.script(method, ok(messages=messages))
    messenger = Messenger(api.client())
    assert await messenger.find_reply(HELP, thread_ts, "r1", SINCE) == "1.3"
    assert await messenger.find_reply(HELP, thread_ts, "r2", SINCE) is None


async def test_it_is_looked_for_on_all_pages_back_to_when_it_was_first_wanted(api: SlackApi):
    found = {"ts": "1.3", "metadata": {"event_type": METADATA_TYPE, "event_payload": {"reply_id": "r1"}}}
    pages = [ok(messages=[{"ts": "1.9"}], response_metadata={"next_cursor": "more"}), ok(messages=[found])]
    api.script("conversations.history", *pages)
    assert await Messenger(api.client()).find_reply(HELP, None, "r1", SINCE) == "1.3"
    first, second = api.named("conversations.history")
    assert float(first["oldest"]) == (SINCE - CLOCKS_DIFFER).timestamp()
    assert second["cursor"] == "more"


async def test_metadata_of_another_app_is_no_reply_of_ours(api: SlackApi):
    written = {"event_type": METADATA_TYPE, "event_payload": {"reply_id": "r1"}}
    api.script("conversations.history", ok(messages=[{"ts": "1.3", "bot_id": "B2", "metadata": written}]))
    messenger = Messenger(api.client(), Identity("T1", "U1", "B1", "https://acme.slack.com/"))
    assert await messenger.find_reply(HELP, None, "r1", SINCE) is None


async def test_all_pages_of_our_channels_are_read(api: SlackApi):
    pages = [
        ok(channels=[{"name": "help", "id": "C1"}], response_metadata={"next_cursor": "more"}),
        ok(channels=[{"name": "ops", "id": "C2"}], response_metadata={"next_cursor": ""}),
    ]
    api.script("users.conversations", *pages)
    assert [each["id"] for each in await Messenger(api.client()).my_channels()] == ["C1", "C2"]
    assert api.named("users.conversations")[1]["cursor"] == "more"


async def test_of_a_huge_channel_the_persons_channels_are_read_and_not_its_members(api: SlackApi):
    api.script("conversations.members", ok(members=[SAM], response_metadata={"next_cursor": "more"}))
    api.script("users.conversations", ok(channels=[{"id": HELP}]), ok(channels=[]))
    messenger = Messenger(api.client())
    assert await messenger.is_member(HELP, LENA)
    assert not await messenger.is_member(HELP, ANNA)
    assert await messenger.is_member(HELP, SAM)
    assert len(api.named("conversations.members")) == 3


@pytest.mark.parametrize(
    ("channel", "private"), [({"is_private": False}, False), ({"is_private": True}, True), ({}, True)]
)
async def test_a_channel_is_public_only_where_slack_says_so(
    api: SlackApi, channel: dict[str, bool], private: bool
):
    api.script("conversations.info", ok(channel=channel))
    assert await Messenger(api.client()).is_private(HELP) is private


async def test_an_answer_goes_to_the_person_alone(api: SlackApi):
    await Messenger(api.client()).respond(f"{api.url}/hook/r1", CARD)
    (sent,) = api.named("r1")
    assert (sent["response_type"], sent["replace_original"]) == ("ephemeral", False)
    assert sent["blocks"] == CARD.blocks


@pytest.mark.parametrize(
    ("answer", "permanent", "retry_after"),
    [
        (Answer("used_url", 404), True, None),
        (Answer("expired_url", 410), True, None),
        (Answer("server_error", 500), False, None),
        (Answer("slow", 429, {"Retry-After": "4"}), False, 4.0),
    ],
)
async def test_a_response_url_that_fails_says_so(
    api: SlackApi, answer: Answer, permanent: bool, retry_after: float | None
):
    api.script("r1", answer)
    with pytest.raises(SlackUnavailable) as caught:
        await Messenger(api.client()).respond(f"{api.url}/hook/r1", CARD)
    assert caught.value.code == f"response_url_{answer.status}"
    assert (caught.value.permanent, caught.value.retry_after) == (permanent, retry_after)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://evil.example/commands/T1",
        "https://hooks.slack.com.evil.example/commands/T1",
        "https://evilslack.com/commands/T1",
        "https://hooks.slack.com@evil.example/commands/T1",
        "http://hooks.slack.com/commands/T1",
        "http://127.0.0.1:1/hook",
        "file:///etc/passwd",
        "https://[",
        "//hooks.slack.com/commands",
        "https:///hooks.slack.com",
        "https://hooks.slack.com\\@evil.example/",
        "https://evil.example/#.slack.com",
        "https://evil.example/?.slack.com",
        "https://slack.com.",
        "https://.slack.com.evil.example",
        "https://hooks.slack.com:80@evil.example/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/hook",
        "https://localhost/hook",
        "ftp://hooks.slack.com/x",
        "javascript:alert(1)",
        "HTTP://hooks.slack.com/x",
        "https://hooks\u3002slack\u3002com.evil.example/",
        "https://xn--slck-5qa.com/",
        "https://hooks-slack.com/",
        "gopher://hooks.slack.com/",
        "https://slack.com@169.254.169.254/",
        "https://127.0.0.1\t.slack.com@evil.example/",
        "data:text/plain,https://hooks.slack.com",
    ],
)
@pytest.mark.drill("response-url")
async def test_nothing_is_sent_to_a_foreign_response_url(api: SlackApi, url: str):
    with pytest.raises(SlackUnavailable) as caught:
        await Messenger(api.client()).respond(url, CARD)
    assert (caught.value.code, caught.value.permanent) == ("foreign_response_url", True)
    assert api.calls == []


async def test_blocks_travel_as_json(api: SlackApi):
    await Messenger(api.client()).publish_home(SAM, {"type": "home", "blocks": CARD.blocks})
    view = api.named("views.publish")[0]["view"]
    assert (json.loads(view) if isinstance(view, str) else view)["blocks"] == CARD.blocks
