"""Events over HTTP: what Slack sends, and when it sends it again."""

import json

import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import Clock, SignatureVerifier

from playground import Playground
from tests.factories.scripted_apps import bolt_app, client_of, scripted, serving

HELP = "C0HELP"


class _At(Clock):
    def __init__(self, now):
        self._now = now

    def now(self):
        return self._now


async def test_a_message_goes_to_the_app_and_its_answer_comes_back_as_an_event(playground):
    app = bolt_app(playground)
    seen = []

    @app.event("message")
    async def on_message(event, client, body):
        seen.append(body)
        await client.chat_postMessage(channel=event["channel"], text="found", thread_ts=event["ts"])

    async with serving(playground, app.web_app("/slack/events")):
        ts = await playground.post_message("U0SAM", HELP, "a < b & https://x.com/?a=1 @anna #random")
        await playground.wait_for(lambda: playground.thread(HELP, ts))
        await playground.wait_for(lambda: len(playground.journal.find("event", "message")) == 2)
    assert seen[0]["event"]["text"] == "a &lt; b &amp; <https://x.com/?a=1> <@U0ANNA> <#C0RANDOM|random>"
    assert seen[0]["event_id"].startswith("Ev")
    own = next(e for e in playground.journal.find("event", "message") if "bot_id" in e.request["event"])
    assert own.request["event"]["parent_user_id"] == "U0SAM"
    assert own.status == 200
    assert "token" not in own.request


async def test_nothing_is_sent_from_channels_that_the_bot_is_not_in(playground):
    app, seen = scripted(lambda request, body: web.Response())
    async with serving(playground, app):
        await playground.post_message("U0SAM", "#random", "secret")
        await playground.post_message("U0SAM", "#help-desk", "help")
        await playground.wait_for(lambda: seen)
        await playground.wait_for(lambda: playground.delivery.pending == 0)
    assert [json.loads(body)["event"]["text"] for _, body in seen] == ["help"]


async def test_requests_are_signed_for_five_minutes(playground, clock):
    app, seen = scripted(lambda request, body: web.Response())
    async with serving(playground, app):
        await playground.post_message("U0SAM", HELP, "hello")
        await playground.wait_for(lambda: seen)
    headers, body = seen[0]
    for age, good in ((0, True), (300, True), (301, False), (-301, False)):
        verifier = SignatureVerifier(playground.app.signing_secret, _At(clock.now + age))
        assert verifier.is_valid_request(body, headers) is good
    forged = SignatureVerifier("another secret", _At(clock.now))
    assert not forged.is_valid_request(body, headers)
    assert not SignatureVerifier(playground.app.signing_secret, _At(clock.now)).is_valid_request(
        body + " ", headers
    )


async def test_an_event_that_fails_comes_again_three_times_with_number_and_reason(playground):
    app, seen = scripted(lambda request, body: web.Response(status=500))
    async with serving(playground, app):
        await playground.post_message("U0SAM", HELP, "hello")
        await playground.wait_for(lambda: len(seen) == 4)
        await playground.wait_for(lambda: playground.delivery.pending == 0)
    tries = [(h.get("X-Slack-Retry-Num"), h.get("X-Slack-Retry-Reason")) for h, _ in seen]
    assert tries == [(None, None), ("1", "http_error"), ("2", "http_error"), ("3", "http_error")]
    assert len({json.loads(body)["event_id"] for _, body in seen}) == 1


async def test_the_schedule_is_at_once_a_minute_and_five():
    waited = []

    async def noted(seconds: float) -> None:
        waited.append(seconds)

    app, seen = scripted(lambda request, body: web.Response(status=404))
    async with Playground(sleep=noted) as playground, serving(playground, app):
        await playground.post_message("U0SAM", HELP, "hello")
        await playground.wait_for(lambda: len(seen) == 4)
    assert waited == [0, 60, 300]


async def test_silence_is_a_timeout_and_a_retry_that_succeeds_ends_it(playground):
    app, seen = scripted(lambda request, body: 5.0 if len(seen) == 1 else web.Response())
    async with serving(playground, app):
        await playground.post_message("U0SAM", HELP, "hello")
        await playground.wait_for(lambda: len(seen) == 2)
        await playground.wait_for(lambda: playground.delivery.pending == 0)
    assert seen[1][0]["X-Slack-Retry-Reason"] == "http_timeout"
    assert len(seen) == 2


async def test_an_app_can_refuse_retries(playground):
    app, seen = scripted(lambda request, body: web.Response(status=500, headers={"X-Slack-No-Retry": "1"}))
    async with serving(playground, app):
        await playground.post_message("U0SAM", HELP, "hello")
        await playground.wait_for(lambda: seen and playground.delivery.pending == 0)
    assert len(seen) == 1


async def test_redirects_are_not_followed_and_a_dead_app_is_unreachable(playground):
    app, seen = scripted(lambda request, body: web.Response(status=302, headers={"Location": "/other"}))
    async with serving(playground, app):
        await playground.post_message("U0SAM", HELP, "hello")
        await playground.wait_for(lambda: len(seen) == 4)
    assert seen[1][0]["X-Slack-Retry-Reason"] == "too_many_redirects"
    playground.app.request_url = "http://127.0.0.1:9/slack/events"
    await playground.post_message("U0SAM", HELP, "hello")
    await playground.wait_for(
        lambda: playground.journal.find("event")[-1].response["reason"] == "connection_failed"
    )


async def test_an_event_can_be_sent_again_with_and_without_retry_headers(playground):
    app, seen = scripted(lambda request, body: web.Response())
    async with serving(playground, app):
        event_id = await playground.send_event({"type": "message", "text": None}, event_id="Ev0MINE")
        await playground.wait_for(lambda: seen)
        await playground.redeliver(event_id)
        await playground.redeliver(event_id, with_retry_headers=False)
    assert [headers.get("X-Slack-Retry-Num") for headers, _ in seen] == [None, "1", None]
    assert {json.loads(body)["event_id"] for _, body in seen} == {"Ev0MINE"}


async def test_edits_deletions_and_reactions_are_events(playground):
    app, seen = scripted(lambda request, body: web.Response())
    async with serving(playground, app):
        ts = await playground.post_message("U0SAM", HELP, "first")
        await playground.edit_message("U0SAM", HELP, ts, "second")
        await playground.react("U0LENA", HELP, ts, "bug")
        await playground.unreact("U0LENA", HELP, ts, "bug")
        await playground.delete_message("U0SAM", HELP, ts)
        await playground.wait_for(lambda: len(seen) == 5)
    events = {(e["type"], e.get("subtype")): e for e in (json.loads(body)["event"] for _, body in seen)}
    changed = events["message", "message_changed"]
    assert (changed["message"]["text"], changed["previous_message"]["text"]) == ("second", "first")
    assert events["message", "message_deleted"]["deleted_ts"] == ts
    assert events["reaction_added", None]["item"] == {"type": "message", "channel": HELP, "ts": ts}
    assert events["reaction_removed", None]["item_user"] == "U0SAM"


async def test_an_uninstalled_apps_token_is_dead(playground):
    app, seen = scripted(lambda request, body: web.Response())
    async with serving(playground, app):
        await playground.uninstall()
        await playground.wait_for(lambda: len(seen) == 2)
    with pytest.raises(SlackApiError, match="token_revoked"):
        await client_of(playground).auth_test()
