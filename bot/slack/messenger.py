"""The only caller of Slack's Web API: one place for errors, pacing and time-outs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.blocks.common import Card
from bot.blocks.links import permalink, with_addresses
from bot.errors import SlackUnavailable
from bot.slack.answers import called
from bot.slack.response_url import respond
from bot.slack.token_gate import REFUSED, TokenGate
from bot.slack.turns import Turns

METADATA_TYPE = "fingerpost_reply"
POST = "chat.postMessage"
TIMEOUT_SECONDS = 10
CLOCKS_DIFFER = timedelta(minutes=5)
"""Slack's clock and ours: a post may look older than the wish for it."""
PAGE = 200
_ALT_TEXT = 1000
_KINDS = "public_channel,private_channel"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are in this workspace, from `auth.test`."""

    team_id: str
    bot_user_id: str
    bot_id: str
    url: str
    enterprise_id: str = ""


class Messenger:
    """Posts, edits and looks things up; a failure is a SlackUnavailable that says whether to try again."""

    def __init__(
        self, client: AsyncWebClient, identity: Identity | None = None, turns: Turns | None = None
    ) -> None:
        # The SDK repeats a call after a broken connection by default; for a post that means a second message.
        client.retry_handlers = []
        client.timeout = TIMEOUT_SECONDS
        self.client = client
        self._identity = identity
        self._turns = turns
        self.gate = TokenGate()

    async def identity(self) -> Identity:
        """Ask Slack who we are."""
        answer = await self._call(self.client.auth_test)
        return Identity(
            answer["team_id"],
            answer["user_id"],
            answer.get("bot_id", ""),
            answer.get("url", ""),
            answer.get("enterprise_id") or "",
        )

    async def seconds_until_posting(self) -> float:
        """Return for how long no post may be made, because Slack said so or says nothing; 0: now."""
        return await self._turns.seconds_until(POST) if self._turns else 0.0

    async def socket_address(self, app_token: str) -> str:
        """Ask for the address of a web socket, by the token of the app."""
        return str((await self._call(self.client.apps_connections_open, app_token=app_token))["url"])

    async def post(
        self,
        channel: str,
        card: Card,
        *,
        thread_ts: str | None = None,
        reply_id: str | None = None,
        just_before: Callable[[], Awaitable[None]] | None = None,
    ) -> str:
        """Post a card and return its `ts`.

        Args:
            channel: its id.
            card: what to show.
            thread_ts: in whose thread.
            reply_id: travels as metadata, so that a post whose answer was lost is found again.
            just_before: called right before the request; what it raises keeps the post back.
        """
        metadata = (
            {"event_type": METADATA_TYPE, "event_payload": {"reply_id": reply_id}} if reply_id else None
        )
        if self._turns:
            await self._turns.wait_to_post(channel)
        answer = await self._call(
            self.client.chat_postMessage,
            just_before,
            channel=channel,
            text=card.text,
            blocks=with_addresses(card.blocks, self.permalink),
            thread_ts=thread_ts,
            metadata=metadata,
            unfurl_links=False,
            unfurl_media=False,
        )
        return str(answer["ts"])

    async def find_reply(
        self, channel: str, thread_ts: str | None, reply_id: str, since: datetime
    ) -> str | None:
        """Look for a post of ours whose answer we never saw; return its `ts`.

        Args:
            channel: where it would be.
            thread_ts: in whose thread; None: in the channel.
            reply_id: its metadata's.
            since: when it was first wanted.
        """
        oldest = f"{(since - CLOCKS_DIFFER).timestamp():.6f}"
        asked: dict[str, Any] = {"channel": channel, "include_all_metadata": True, "oldest": oldest}
        if thread_ts:
            pages = self._pages(self.client.conversations_replies, ts=thread_ts, **asked)
        else:
            pages = self._pages(self.client.conversations_history, **asked)
        async with aclosing(pages):
            async for page in pages:
                for message in page.get("messages", []):
                    if self._is_ours(message, reply_id):
                        return str(message["ts"])
        return None

    def _is_ours(self, message: Mapping[str, Any], reply_id: str) -> bool:
        """Compare metadata, which any other app may write too, and who posted it."""
        metadata = message.get("metadata") or {}
        ours = self._identity.bot_id if self._identity else ""
        return (
            metadata.get("event_type") == METADATA_TYPE
            and metadata.get("event_payload", {}).get("reply_id") == reply_id
            and (not ours or message.get("bot_id") == ours)
        )

    async def update(self, channel: str, ts: str, card: Card) -> None:
        """Edit a card in place. The text is cut to what `chat.update` takes."""
        blocks = with_addresses(card.blocks, self.permalink)
        await self._call(
            self.client.chat_update, channel=channel, ts=ts, text=card.text[:4000], blocks=blocks
        )

    async def delete(self, channel: str, ts: str) -> None:
        """Delete a post of ours."""
        await self._call(self.client.chat_delete, channel=channel, ts=ts)

    async def delete_file(self, file_id: str) -> None:
        """Delete a file of ours, with the message that shows it."""
        await self._call(self.client.files_delete, file=file_id)

    async def respond(self, response_url: str, card: Card) -> None:
        """Answer only the person who asked, through the `response_url` of a command or button."""
        body = {
            "text": card.text,
            "blocks": with_addresses(card.blocks, self.permalink),
            "response_type": "ephemeral",
            "replace_original": False,
        }
        await respond(response_url, body, api_url=self.client.base_url, seconds=TIMEOUT_SECONDS)

    async def upload(
        self, channel: str, thread_ts: str, *, name: str, content: bytes, title: str, description: str
    ) -> str:
        """Put a picture into a thread and return the file's id.

        `description` is read to those who cannot see it.
        """
        if self._turns:
            await self._turns.wait_to_post(channel)
        answer = await self._call(
            self.client.files_upload_v2,
            channel=channel,
            thread_ts=thread_ts,
            filename=name,
            content=content,
            title=title,
            alt_txt=description[:_ALT_TEXT],
        )
        return str(answer["files"][0]["id"])

    async def user(self, user_id: str) -> Mapping[str, Any]:
        """Return `users.info` of a person."""
        user: Mapping[str, Any] = (await self._call(self.client.users_info, user=user_id))["user"]
        return user

    async def my_channels(self) -> list[dict[str, Any]]:
        """Return the channels that we are in, as Slack describes them."""
        cursor, found = "", []
        while True:
            page, cursor = await self.some_of_my_channels(cursor)
            found += page
            if not cursor:
                return found

    async def some_of_my_channels(self, cursor: str) -> tuple[list[dict[str, Any]], str]:
        """Return a page of the channels that we are in, and the next page's cursor: "" after the last."""
        answer = await self._call(
            self.client.users_conversations, types=_KINDS, exclude_archived=True, limit=PAGE, cursor=cursor
        )
        return list(answer["channels"]), _next_cursor(answer)

    async def channel(self, channel_id: str) -> Mapping[str, Any]:
        """Return `conversations.info` of a channel."""
        found: Mapping[str, Any] = (await self._call(self.client.conversations_info, channel=channel_id))[
            "channel"
        ]
        return found

    async def history(
        self, channel: str, oldest: str, cursor: str | None = None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return a page of a channel's root messages after `oldest`, newest first, and the next's cursor."""
        page = await self._call(
            self.client.conversations_history, channel=channel, oldest=oldest, cursor=cursor, limit=PAGE
        )
        return page["messages"], _next_cursor(page) or None

    async def is_member(self, channel: str, user_id: str) -> bool:
        """Say whether a person has joined a channel, public or private.

        Of a channel of thousands not all members are read: then the person's channels are.
        """
        answer = await self._call(self.client.conversations_members, channel=channel, limit=1000)
        if user_id in answer["members"]:
            return True
        if not _next_cursor(answer):
            return False
        theirs = self._pages(self.client.users_conversations, user=user_id, types=_KINDS)
        async with aclosing(theirs):
            async for page in theirs:
                if any(each["id"] == channel for each in page["channels"]):
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
        """Say whether only members can read a channel: one of which Slack does not say that it is public."""
        return (await self.channel(channel)).get("is_private") is not False

    def permalink(self, channel: str, ts: str) -> str:
        """Return the link of a root message. Slack is not asked: a link decorates, and may lead nowhere."""
        return permalink(self._identity.url if self._identity else "", channel, ts)

    async def open_view(self, trigger_id: str, view: dict[str, Any]) -> None:
        """Open a modal; the trigger is good for three seconds and for one modal."""
        await self._call(self.client.views_open, trigger_id=trigger_id, view=view)

    async def publish_home(self, user_id: str, view: dict[str, Any]) -> None:
        """Show a person their Home tab."""
        shown = view | {"blocks": with_addresses(view["blocks"], self.permalink)}
        await self._call(self.client.views_publish, user_id=user_id, view=shown)

    async def _pages(
        self, method: Callable[..., Awaitable[Any]], **arguments: Any
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        """Call a method of a list until its last page."""
        cursor: str | None = None
        while cursor != "":
            page = await self._call(method, limit=PAGE, cursor=cursor, **arguments)
            yield page
            cursor = _next_cursor(page)

    async def _call(
        self,
        method: Callable[..., Awaitable[Any]],
        just_before: Callable[[], Awaitable[None]] | None = None,
        **arguments: Any,
    ) -> Mapping[str, Any]:
        """Call a method of Slack's when it may be called, and tell the others what came of it."""
        self.gate.check()
        name = method.__name__.replace("_", ".", 1)
        if self._turns:
            await self._turns.enter(name)
        if just_before:
            await just_before()
        if self._turns:
            self._turns.check(name)
        try:
            data = await called(method, arguments)
        except SlackUnavailable as error:
            await self._tell(name, error)
            raise (self.gate.refused(error.code) if error.code in REFUSED else error) from error
        await self._tell(name, None)
        self.gate.taken()
        return data

    async def _tell(self, method: str, error: SlackUnavailable | None) -> None:
        """Let all processes know what a call says about the next one of its method."""
        if self._turns is None:
            return
        if error is not None and error.retry_after is not None:
            await self._turns.limited(method, error.retry_after)
        if error is not None and error.silent:
            await self._turns.unanswered(method)
        else:
            await self._turns.answered(method)


def _next_cursor(answer: Mapping[str, Any]) -> str:
    return (answer.get("response_metadata") or {}).get("next_cursor") or ""
