"""The only caller of Slack's Web API: one place for errors, pacing and time-outs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.blocks.common import Blocks, Card
from bot.blocks.links import messages_linked, with_addresses
from bot.errors import SlackUnavailable

METADATA_TYPE = "fingerpost_reply"
TIMEOUT_SECONDS = 10
# chat.postMessage takes about one message a second in a channel, with short bursts (Slack's rate limit page).
SECONDS_PER_POST = 1.0
BURST = 4
_ALT_TEXT = 1000

# With these the same call can never work; everything else is worth another try.
PERMANENT = frozenset({
    "account_inactive", "cant_update_message", "channel_not_found", "edit_window_closed", "ekm_access_denied",
    "invalid_arguments", "invalid_auth", "invalid_blocks", "invalid_blocks_format", "invalid_metadata_format",
    "is_archived", "message_not_found", "metadata_too_large", "missing_scope", "msg_blocks_too_long",
    "msg_too_long", "no_text", "not_allowed_token_type", "not_authed", "not_in_channel", "restricted_action",
    "thread_not_found", "token_revoked", "user_not_found", "view_too_large",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are in this workspace, from `auth.test`."""

    team_id: str
    bot_user_id: str
    bot_id: str
    url: str


class Messenger:
    """Posts, edits and looks things up; a failure is a SlackUnavailable that says whether to try again."""

    def __init__(
        self,
        client: AsyncWebClient,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        # The SDK repeats a call after a broken connection by default; for a post that means a second message.
        client.retry_handlers = []
        client.timeout = TIMEOUT_SECONDS
        self.client = client
        self._monotonic = monotonic
        self._sleep = sleep
        self._next_post: dict[str, float] = {}

    async def identity(self) -> Identity:
        """Ask Slack who we are."""
        answer = await self._call(self.client.auth_test())
        return Identity(answer["team_id"], answer["user_id"], answer.get("bot_id", ""), answer.get("url", ""))

    async def post(
        self, channel: str, card: Card, *, thread_ts: str | None = None, reply_id: str | None = None
    ) -> str:
        """Post a card and return its `ts`. `reply_id` travels as metadata, so that a crash can be healed."""
        blocks = await self._linked(card.blocks)
        await self._pace(channel)
        metadata = (
            {"event_type": METADATA_TYPE, "event_payload": {"reply_id": reply_id}} if reply_id else None
        )
        answer = await self._call(
            self.client.chat_postMessage(
                channel=channel,
                text=card.text,
                blocks=blocks,
                thread_ts=thread_ts,
                metadata=metadata,
                unfurl_links=False,
                unfurl_media=False,
            )
        )
        return str(answer["ts"])

    async def find_reply(self, channel: str, thread_ts: str | None, reply_id: str) -> str | None:
        """Look for a post of ours whose answer we never saw; return its `ts`."""
        if thread_ts:
            call = self.client.conversations_replies(
                channel=channel, ts=thread_ts, include_all_metadata=True, limit=200
            )
        else:
            call = self.client.conversations_history(channel=channel, include_all_metadata=True, limit=100)
        for message in (await self._call(call)).get("messages", []):
            metadata = message.get("metadata") or {}
            if (
                metadata.get("event_type") == METADATA_TYPE
                and metadata.get("event_payload", {}).get("reply_id") == reply_id
            ):
                return str(message["ts"])
        return None

    async def update(self, channel: str, ts: str, card: Card) -> None:
        """Edit a card in place. The text is cut to what `chat.update` takes."""
        blocks = await self._linked(card.blocks)
        await self._call(
            self.client.chat_update(channel=channel, ts=ts, text=card.text[:4000], blocks=blocks)
        )

    async def respond(self, response_url: str, card: Card) -> None:
        """Answer only the person who asked, through the `response_url` of a command or button."""
        self._check_response_url(response_url)
        body = {
            "text": card.text,
            "blocks": await self._linked(card.blocks),
            "response_type": "ephemeral",
            "replace_original": False,
        }
        webhook = AsyncWebhookClient(response_url, timeout=TIMEOUT_SECONDS, retry_handlers=[])
        try:
            answer = await webhook.send_dict(body)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _no_answer(error) from error
        status = answer.status_code
        if status != HTTPStatus.OK:  # the SDK does not raise here; 404 means used up or too old
            wait = _retry_after(answer.headers) if status == HTTPStatus.TOO_MANY_REQUESTS else None
            gone = status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
            raise SlackUnavailable(f"response_url_{status}", permanent=gone, retry_after=wait)

    async def upload(
        self, channel: str, thread_ts: str, *, name: str, content: bytes, title: str, description: str
    ) -> None:
        """Put a picture into a thread; `description` is read to those who cannot see it."""
        await self._pace(channel)
        await self._call(
            self.client.files_upload_v2(
                channel=channel,
                thread_ts=thread_ts,
                filename=name,
                content=content,
                title=title,
                alt_txt=description[:_ALT_TEXT],
            )
        )

    async def user(self, user_id: str) -> Mapping[str, Any]:
        """Return `users.info` of a person."""
        user: Mapping[str, Any] = (await self._call(self.client.users_info(user=user_id)))["user"]
        return user

    async def channels(self) -> dict[str, str]:
        """Return channel name -> id of all channels that we can see."""
        found: dict[str, str] = {}
        kinds = "public_channel,private_channel"
        async for page in self._pages(self.client.conversations_list, exclude_archived=True, types=kinds):
            found.update({channel["name"]: channel["id"] for channel in page["channels"]})
        return found

    async def may_read(self, channel: str, user_id: str) -> bool:
        """Say whether a person can see a channel: any public one, a private one only as a member."""
        return not await self.is_private(channel) or await self.is_member(channel, user_id)

    async def is_member(self, channel: str, user_id: str) -> bool:
        """Say whether a person has joined a channel, public or private."""
        async for page in self._pages(self.client.conversations_members, channel=channel):
            if user_id in page["members"]:
                return True
        return False

    async def members(self, channel: str, limit: int) -> list[str]:
        """Return the ids of a channel's members, `limit` at most."""
        found: list[str] = []
        async for page in self._pages(self.client.conversations_members, channel=channel):
            found += map(str, page["members"])
            if len(found) >= limit:
                break
        return found[:limit]

    async def is_private(self, channel: str) -> bool:
        """Say whether only members can read a channel."""
        info = (await self._call(self.client.conversations_info(channel=channel)))["channel"]
        return bool(info.get("is_private"))

    async def permalink(self, channel: str, ts: str) -> str:
        """Return the link of a message; "" where it was deleted in Slack."""
        try:
            answer = await self._call(self.client.chat_getPermalink(channel=channel, message_ts=ts))
        except SlackUnavailable as error:
            if not error.permanent:
                raise
            return ""
        return str(answer["permalink"])

    async def open_view(self, trigger_id: str, view: dict[str, Any]) -> None:
        """Open a modal; the trigger is good for three seconds and for one modal."""
        await self._call(self.client.views_open(trigger_id=trigger_id, view=view))

    async def publish_home(self, user_id: str, view: dict[str, Any]) -> None:
        """Show a person their Home tab."""
        shown = view | {"blocks": await self._linked(view["blocks"])}
        await self._call(self.client.views_publish(user_id=user_id, view=shown))

    async def _linked(self, blocks: Blocks) -> Blocks:
        """Fill in the addresses of the messages that a card links to."""
        try:
            addresses = {message: await self.permalink(*message) for message in messages_linked(blocks)}
        except SlackUnavailable as error:  # nothing of the card was sent
            raise SlackUnavailable(error.code, retry_after=error.retry_after) from error
        return with_addresses(blocks, addresses)

    async def _pace(self, channel: str) -> None:
        """Keep to about one post a second in a channel, after a short burst."""
        now = self._monotonic()
        turn = max(self._next_post.get(channel, 0.0), now - BURST * SECONDS_PER_POST)
        self._next_post[channel] = turn + SECONDS_PER_POST
        if turn > now:
            await self._sleep(turn - now)

    async def _pages(
        self, method: Callable[..., Awaitable[Any]], **arguments: Any
    ) -> AsyncIterator[Mapping[str, Any]]:
        """Call a method of a list until its last page."""
        cursor: str | None = None
        while cursor != "":
            page = await self._call(method(limit=200, cursor=cursor, **arguments))
            yield page
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""

    async def _call(self, call: Awaitable[Any]) -> Mapping[str, Any]:
        try:
            answer = await call
        except SlackApiError as error:
            raise _from_slack(error) from error
        except (aiohttp.ClientError, TimeoutError, SlackClientError) as error:
            raise _no_answer(error) from error
        except AttributeError as error:  # the SDK reads fields of a 200 that is plain text: a proxy's page
            raise _no_answer(error) from error
        data: Mapping[str, Any] = answer.data
        return data

    def _check_response_url(self, response_url: str) -> None:
        """Refuse to send anything anywhere but to Slack (a forged payload must not aim our requests)."""
        try:
            url, api = urlsplit(response_url), urlsplit(self.client.base_url)
        except ValueError as error:
            raise SlackUnavailable("foreign_response_url", permanent=True) from error
        at_slack = url.scheme == "https" and (url.hostname or "").endswith(".slack.com")
        at_our_api = (url.scheme, url.netloc) == (api.scheme, api.netloc)
        if not (at_slack or at_our_api):
            raise SlackUnavailable("foreign_response_url", permanent=True)


def _from_slack(error: SlackApiError) -> SlackUnavailable:
    response = error.response
    # The SDK hands over aiohttp's own response where the body was no JSON: a proxy's error page, say.
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0))
    data = getattr(response, "data", None)
    named = str(data.get("error") or "") if isinstance(data, Mapping) else ""
    code = named or f"http_{status}"
    if status == HTTPStatus.TOO_MANY_REQUESTS or code == "ratelimited":
        return SlackUnavailable("ratelimited", retry_after=_retry_after(response.headers))
    sent = status >= HTTPStatus.INTERNAL_SERVER_ERROR or not named
    return SlackUnavailable(code, permanent=code in PERMANENT, sent=sent)


def _no_answer(error: Exception) -> SlackUnavailable:
    """Say whether Slack may have acted: not where no connection was made."""
    return SlackUnavailable("no_answer", sent=not isinstance(error, aiohttp.ClientConnectorError))


def _retry_after(headers: Mapping[str, str]) -> float:
    """Read `Retry-After`, in seconds; anything else in it means one second."""
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return float(value) if value.isdecimal() else 1.0
