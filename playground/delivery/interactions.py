"""Trigger ids and response addresses: what an app gets to answer a person with, and for how long."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from playground.blocks.validation import check_message_blocks
from playground.errors import NoSuchThing, SlackError
from playground.workspace.conversations import Conversations
from playground.workspace.journal import Journal
from playground.workspace.shapes import JSON, Channel, Message
from playground.workspace.state import State, bot_message

# facts/slack.md, section 8.
TRIGGER_SECONDS = 3.0
RESPONSE_URL_SECONDS = 30 * 60.0
RESPONSE_URL_USES = 5


@dataclass(slots=True)
class _Trigger:
    team_id: str
    user_id: str
    made_at: float
    used: bool = False


@dataclass(slots=True)
class _ResponseUrl:
    channel: Channel
    user_id: str
    made_at: float
    ts: str | None
    uses: int = 0


class Interactions:
    """Gives out trigger ids and response addresses, and honours them."""

    def __init__(
        self,
        state: State,
        conversations: Conversations,
        journal: Journal,
        *,
        clock: Callable[[], float],
        base_url: Callable[[], str],
    ) -> None:
        self._state = state
        self._conversations = conversations
        self._journal = journal
        self._clock = clock
        self._base_url = base_url
        self._triggers: dict[str, _Trigger] = {}
        self._urls: dict[str, _ResponseUrl] = {}

    def new_trigger(self, team_id: str, user_id: str) -> str:
        """A trigger id for what this person just did."""
        trigger = f"{int(self._clock())}.{self._state.ids.secret()}"
        self._triggers[trigger] = _Trigger(team_id, user_id, self._clock())
        return trigger

    def exchange(self, trigger_id: str, team_id: str) -> str:
        """Uses up a trigger id.

        Returns:
            The user whom the modal is for.

        Raises:
            SlackError: invalid_trigger_id, exchanged_trigger_id, expired_trigger_id.
        """
        trigger = self._triggers.get(trigger_id)
        if trigger is None or trigger.team_id != team_id:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if self._clock() - trigger.made_at > TRIGGER_SECONDS:
            raise SlackError("expired_trigger_id")
        trigger.used = True
        return trigger.user_id

    def new_response_url(self, channel: Channel, user_id: str, ts: str | None = None) -> str:
        """An address to answer to; `ts` is the message that the person acted on."""
        secret = self._state.ids.secret()
        self._urls[secret] = _ResponseUrl(channel, user_id, self._clock(), ts)
        return f"{self._base_url()}/response/{secret}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """`POST /response/<secret>`."""
        status, answer, fields = 200, "ok", {}
        mentions: tuple[str, ...] = ()
        try:
            fields = await _fields(request)
            message = self._respond(request.match_info["secret"], fields)
            mentions = message.mentions if message else ()
        except SlackError as error:
            status = 404 if error.error in {"used_url", "expired_url"} else 400
            answer = json.dumps(error.to_slack())
        self._journal.add("response_url", "response_url", fields, answer, status, mentions=mentions)
        return web.Response(status=status, text=answer)

    def answer(self, channel: Channel, user_id: str, body: Any, ts: str | None = None) -> Message | None:
        """Shows what the app answered to a command, text or JSON; an empty answer shows nothing."""
        if body is None or body == "":
            return None
        fields = body if isinstance(body, dict) else {"text": str(body)}
        if not any(fields.get(name) for name in ("text", "blocks", "attachments", "delete_original")):
            return None
        return self._apply(channel, user_id, fields, ts)

    def _respond(self, secret: str, fields: JSON) -> Message | None:
        url = self._urls.get(secret)
        if url is None or url.uses >= RESPONSE_URL_USES:
            raise SlackError("used_url")
        if self._clock() - url.made_at > RESPONSE_URL_SECONDS:
            raise SlackError("expired_url")
        url.uses += 1
        return self._apply(url.channel, url.user_id, fields, url.ts)

    def _apply(self, channel: Channel, user_id: str, fields: JSON, ts: str | None) -> Message | None:
        installation = self._state.app.installations[channel.team_id]
        if fields.get("delete_original"):
            if ts:
                self._conversations.delete(channel, self._original(channel, ts))
            return None
        if not any(fields.get(name) for name in ("text", "blocks", "attachments")):
            raise SlackError("no_text")
        content: JSON = {"text": str(fields.get("text") or "")}
        if fields.get("blocks"):
            check_message_blocks(fields["blocks"], self._state.files)
            content["blocks"] = fields["blocks"]
        if fields.get("attachments"):
            content["attachments"] = fields["attachments"]
        if fields.get("replace_original") and ts:
            message = self._original(channel, ts)
            changes: JSON = {"blocks": None, "attachments": None, **content}
            self._conversations.edit(channel, message, changes, editor=installation.bot_user_id)
            return message
        if fields.get("thread_ts"):
            content["thread_ts"] = str(fields["thread_ts"])
        body = bot_message(self._state.app, installation, content)
        if fields.get("response_type") == "in_channel":
            return self._conversations.post(channel, body)
        return self._conversations.post_ephemeral(channel, user_id, body)

    def _original(self, channel: Channel, ts: str) -> Message:
        try:
            return self._state.message(channel.id, ts)
        except NoSuchThing:
            raise SlackError("message_not_found") from None


async def _fields(request: web.Request) -> JSON:
    try:
        fields = json.loads(await request.text())
    except ValueError:
        raise SlackError("invalid_payload") from None
    if not isinstance(fields, dict):
        raise SlackError("invalid_payload")
    return fields
