"""What can happen in a channel, whoever does it: the state changes, pages see it, the app is told."""

from collections.abc import Callable
from typing import Any

from playground.delivery.delivery import Delivery
from playground.errors import SlackError
from playground.workspace import text as slack_text
from playground.workspace.shapes import JSON, Channel, Message
from playground.workspace.state import State
from playground.workspace.streams import Streams

# Slack shows :thumbsup: and :+1: as one reaction; events carry the short name.
_ALIASES = {"thumbsup": "+1", "thumbsdown": "-1"}
_MAX_DISTINCT_REACTIONS = 50


class Conversations:
    """Messages and reactions, with their events."""

    def __init__(
        self, state: State, delivery: Delivery, streams: Streams, clock: Callable[[], float]
    ) -> None:
        self._state = state
        self._delivery = delivery
        self._streams = streams
        self._clock = clock

    def emit(self, channel: Channel, name: str, event: JSON, *, always: bool = False) -> str | None:
        """Tells the app, when it subscribed to the event and its bot is in the channel.

        Args:
            channel: where it happened.
            name: the subscription's name, such as `message.channels`.
            event: the inner event.
            always: also when the bot is not in the channel.

        Returns:
            The event id; None when the app is not told.
        """
        installation = self._state.app.installations.get(channel.team_id)
        if installation is None or installation.revoked or name not in self._state.app.events:
            return None
        if installation.bot_user_id not in channel.members and not always:
            return None
        return self._delivery.send_event(self._delivery.envelope(channel.team_id, event))

    def post(self, channel: Channel, body: JSON) -> Message:
        """Adds a message; `ts` is made here unless given."""
        body = {"type": "message", "ts": self._state.ids.ts(), **body}
        message = Message(channel.id, body, mentions=slack_text.mentions(body), links=slack_text.links(body))
        channel.messages[message.ts] = message
        parent = channel.messages.get(str(body.get("thread_ts"))) if message.is_reply else None
        if parent is not None:
            parent.replies.append(message.ts)
            author = str(body.get("user") or body.get("bot_id"))
            if author not in parent.repliers:
                parent.repliers.append(author)
        self._publish(channel, "message", message)
        if parent is not None:
            self._publish(channel, "message_changed", parent)
        self._emit_message(channel, {**self.event_form(channel, message), "event_ts": message.ts})
        return message

    def post_ephemeral(self, channel: Channel, user_id: str, body: JSON, *, shown: bool = True) -> Message:
        """Shows a message to one person; the app gets no event. Not `shown`: Slack drops it silently."""
        body = {"type": "message", "ts": self._state.ids.ts(), **body}
        message = Message(
            channel.id,
            body,
            mentions=slack_text.mentions(body),
            links=slack_text.links(body),
            ephemeral_to=user_id,
        )
        if shown:
            self._state.ephemerals.setdefault(user_id, []).append(message)
            frame = {"type": "ephemeral", "channel": channel.id, "message": message.to_page()}
            self._streams.publish(frame, team_id=channel.team_id, users=[user_id])
        return message

    def edit(self, channel: Channel, message: Message, changes: JSON, *, editor: str | None) -> None:
        """Replaces fields of a message; a value of None removes the field.

        Without an editor it is Slack that does so, when it unfurls a link: the app gets the same event, and
        the message is not marked as edited.
        """
        before = message.to_slack()
        ts = self._state.ids.ts()
        body = message.body | changes
        if editor is not None:
            body["edited"] = {"user": editor, "ts": ts}
        message.body = {key: value for key, value in body.items() if value is not None}
        message.mentions = slack_text.mentions(message.body)
        message.links = slack_text.links(message.body)
        self._publish(channel, "message_changed", message)
        if message.ephemeral_to:
            return
        self._emit_message(
            channel,
            {
                "type": "message",
                "subtype": "message_changed",
                "message": message.to_slack() | {"source_team": channel.team_id},
                "previous_message": before,
                "channel": channel.id,
                "hidden": True,
                "ts": ts,
                "event_ts": ts,
                "channel_type": channel.channel_type,
            },
        )

    def delete(self, channel: Channel, message: Message) -> None:
        """Removes a message; a thread's parent with replies stays as a tombstone, as in Slack.

        Slack tells of a tombstone as of a change; it goes with the last reply of its thread.
        """
        before = message.to_slack()
        if message.ephemeral_to:
            self._state.ephemerals[message.ephemeral_to].remove(message)
            self._publish(channel, "message_deleted", message)
            return
        if message.replies:
            message.body = {
                "type": "message",
                "subtype": "tombstone",
                "text": "This message was deleted.",
                "user": "USLACKBOT",
                "hidden": True,
                "ts": message.ts,
                "thread_ts": message.ts,
            }
            message.reactions.clear()
            self._publish(channel, "message_changed", message)
            what: JSON = {"subtype": "message_changed", "message": message.to_slack()}
        else:
            del channel.messages[message.ts]
            self._publish(channel, "message_deleted", message)
            what = {"subtype": "message_deleted", "deleted_ts": message.ts}
        ts = self._state.ids.ts()
        self._emit_message(
            channel,
            {
                "type": "message",
                **what,
                "previous_message": before,
                "channel": channel.id,
                "hidden": True,
                "ts": ts,
                "event_ts": ts,
                "channel_type": channel.channel_type,
            },
        )
        self._leave_thread(channel, message)

    def react(self, channel: Channel, message: Message, user_id: str, name: str) -> None:
        """Adds a reaction.

        Raises:
            SlackError: already_reacted, too_many_emoji.
        """
        name = _ALIASES.get(name, name)
        users = message.reactions.get(name, [])
        if user_id in users:
            raise SlackError("already_reacted")
        if not users and len(message.reactions) >= _MAX_DISTINCT_REACTIONS:
            raise SlackError("too_many_emoji")
        message.reactions[name] = [*users, user_id]
        self._reacted("reaction_added", channel, message, user_id, name)

    def unreact(self, channel: Channel, message: Message, user_id: str, name: str) -> None:
        """Takes a reaction back.

        Raises:
            SlackError: no_reaction.
        """
        name = _ALIASES.get(name, name)
        users = message.reactions.get(name, [])
        if user_id not in users:
            raise SlackError("no_reaction")
        users.remove(user_id)
        if not users:
            del message.reactions[name]
        self._reacted("reaction_removed", channel, message, user_id, name)

    def join(self, channel: Channel, user_id: str) -> None:
        """Adds a member, with the join message that people see."""
        channel.members.append(user_id)
        frame = {
            "type": "channel",
            "channel": {"id": channel.id, "name": channel.name, "members": channel.members},
        }
        self._streams.publish(frame, team_id=channel.team_id)
        event: JSON = {
            "type": "member_joined_channel",
            "user": user_id,
            "channel": channel.id,
            "channel_type": "G" if channel.is_private else "C",
            "team": channel.team_id,
            "event_ts": self._state.ids.ts(),
        }
        self.emit(channel, "member_joined_channel", event)
        self.post(
            channel,
            {"subtype": "channel_join", "user": user_id, "text": f"<@{user_id}> has joined the channel"},
        )

    def leave(self, channel: Channel, user_id: str) -> None:
        """Takes a member away; the app is told, also where it is its own bot."""
        channel.members.remove(user_id)
        event: JSON = {
            "type": "member_left_channel",
            "user": user_id,
            "channel": channel.id,
            "channel_type": "G" if channel.is_private else "C",
            "team": channel.team_id,
            "event_ts": self._state.ids.ts(),
        }
        self.emit(channel, "member_left_channel", event, always=True)
        text = f"<@{user_id}> has left the channel"
        self.post(channel, {"subtype": "channel_leave", "user": user_id, "text": text})

    def rename(self, channel: Channel, name: str) -> None:
        """Gives a channel another name."""
        channel.name = name.removeprefix("#")
        renamed: JSON = {"id": channel.id, "name": channel.name, "created": 1700000000}
        event: JSON = {
            "type": "group_rename" if channel.is_private else "channel_rename",
            "channel": renamed,
            "event_ts": self._state.ids.ts(),
        }
        self.emit(channel, str(event["type"]), event)

    def event_form(self, channel: Channel, message: Message) -> JSON:
        """A new message as its event shows it."""
        event: JSON = message.to_slack() | {"channel": channel.id, "channel_type": channel.channel_type}
        if message.is_reply:
            parent: Any = channel.messages.get(str(message.body["thread_ts"]))
            if parent is not None and "user" in parent.body:
                event["parent_user_id"] = parent.body["user"]
        return event

    def _emit_message(self, channel: Channel, event: JSON) -> None:
        suffix = {"channel": "channels", "group": "groups", "im": "im"}[channel.channel_type]
        self.emit(channel, f"message.{suffix}", event)

    def _reacted(self, kind: str, channel: Channel, message: Message, user_id: str, name: str) -> None:
        frame = {
            "type": "reactions",
            "channel": channel.id,
            "ts": message.ts,
            "reactions": message.to_page()["reactions"],
            "message": message.to_page(),
        }
        self._streams.publish(frame, team_id=channel.team_id, users=self._readers(channel))
        event: JSON = {
            "type": kind,
            "user": user_id,
            "reaction": name,
            "item": {"type": "message", "channel": channel.id, "ts": message.ts},
            "event_ts": self._state.ids.ts(),
        }
        if "user" in message.body:
            event["item_user"] = message.body["user"]
        self.emit(channel, kind, event)

    def _leave_thread(self, channel: Channel, message: Message) -> None:
        parent = channel.messages.get(str(message.body.get("thread_ts"))) if message.is_reply else None
        if parent is not None and message.ts in parent.replies:
            parent.replies.remove(message.ts)
            if parent.body.get("subtype") == "tombstone" and not parent.replies:
                self.delete(channel, parent)
            else:
                self._publish(channel, "message_changed", parent)

    def _publish(self, channel: Channel, kind: str, message: Message) -> None:
        frame = {"type": kind, "channel": channel.id, "ts": message.ts, "message": message.to_page()}
        users = [message.ephemeral_to] if message.ephemeral_to else self._readers(channel)
        self._streams.publish(frame, team_id=channel.team_id, users=users)

    @staticmethod
    def _readers(channel: Channel) -> list[str] | None:
        """The people whose pages are told; None: everybody's."""
        return list(channel.members) if channel.is_private else None
