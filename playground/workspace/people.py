"""What people do in the workspace: write, edit, delete, react, open the Home tab."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from playground.delivery.delivery import Delivery
from playground.errors import NoSuchThing, SlackError
from playground.workspace import other_forms
from playground.workspace import text as slack_text
from playground.workspace.conversations import Conversations
from playground.workspace.shapes import JSON, Channel, File, Message
from playground.workspace.state import State
from playground.workspace.uploads import Uploads
from playground.workspace.views import Views


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that a person adds to a message."""

    name: str
    content: bytes
    mimetype: str = ""


class People:
    """Everyday actions; each raises `NoSuchThing` for users, channels or messages that are not there."""

    def __init__(
        self, state: State, conversations: Conversations, views: Views, uploads: Uploads, delivery: Delivery
    ) -> None:
        self._state = state
        self._conversations = conversations
        self._views = views
        self._uploads = uploads
        self._delivery = delivery

    def place(self, user_id: str, channel: str) -> Channel:
        """A channel as a person names it: an id, `#name`, `name`, or a user id for a direct conversation."""
        user = self._state.user(user_id)
        if channel in self._state.users:
            return self._state.direct(user.team_id, user_id, channel)
        found = self._state.channel(channel, user.team_id)
        if not found.visible_to(user):
            raise NoSuchThing(f"{user_id} does not see {channel}")
        return found

    def post(
        self,
        user_id: str,
        channel: str,
        text: str | None,
        *,
        thread_ts: str | None = None,
        files: Sequence[UploadedFile] = (),
        subtype: str | None = None,
        overrides: JSON | None = None,
    ) -> Message:
        """Writes a message; the text is escaped as Slack does with what people type."""
        user = self._state.user(user_id)
        place = self.place(user_id, channel)
        body: JSON = {
            "user": user_id,
            "text": None if text is None else self.typed(place.team_id, text),
            "team": user.team_id,
        }
        if user.team_id != place.team_id:  # a shared channel
            body |= {"user_team": user.team_id, "source_team": user.team_id}
        if user.bot_id:
            body |= {"bot_id": user.bot_id, "app_id": user.app_id}
        else:
            body["client_msg_id"] = self._state.ids.secret()
        if thread_ts:
            if thread_ts not in place.messages:
                raise NoSuchThing(f"no message {thread_ts} in {place.id} to reply to")
            body["thread_ts"] = thread_ts
        if files:
            stored = [self._uploads.add(user.team_id, user_id, f.name, f.content, f.mimetype) for f in files]
            body |= {"subtype": "file_share", "files": [file.to_slack() for file in stored], "upload": False}
            return self._share(place, body | self._subtype(subtype) | (overrides or {}), stored)
        return self._conversations.post(place, body | self._subtype(subtype) | (overrides or {}))

    def share(self, user_id: str, source: str, ts: str, channel: str, text: str = "") -> Message:
        """Shares a message of one channel in another; `text` is what is said about it."""
        origin, message = self.place(user_id, source), self._state.message(self.place(user_id, source).id, ts)
        author = self._state.user(str(message.body.get("user") or user_id))
        attachment = other_forms.shared(self._state.team(origin.team_id), origin, message, author)
        return self.post(user_id, channel, text, overrides={"attachments": [attachment]})

    def mail(self, channel: str, subject: str, text: str, sender: str) -> Message:
        """A mail to the channel's address."""
        place = self._state.channel(channel)
        file = self._uploads.add(place.team_id, "USLACKBOT", subject, text.encode(), "text/html")
        return self._conversations.post(place, other_forms.mail(file, subject, text, sender))

    def submit_form(self, channel: str, answers: JSON, bot_id: str, app_id: str) -> Message:
        """Somebody sends the form of a workflow, which posts the answers."""
        place = self._state.channel(channel)
        body = other_forms.workflow_form(place.team_id, bot_id, app_id, answers)
        return self._conversations.post(place, body)

    def edit(self, user_id: str, channel: str, ts: str, text: str) -> None:
        """Edits a message of one's own."""
        place, message = self._own(user_id, channel, ts, admins=False)
        changes: JSON = {"text": self.typed(place.team_id, text)}
        self._conversations.edit(place, message, changes, editor=user_id)

    def delete(self, user_id: str, channel: str, ts: str) -> None:
        """Deletes a message of one's own, or dismisses an ephemeral one; admins may delete any."""
        place, message = self._own(user_id, channel, ts, admins=True)
        self._conversations.delete(place, message)

    def react(self, user_id: str, channel: str, ts: str, name: str) -> None:
        """Adds a reaction.

        Raises:
            SlackError: already_reacted, too_many_emoji.
        """
        place, message = self._reactable(user_id, channel, ts)
        self._conversations.react(place, message, user_id, name.strip(":"))

    def unreact(self, user_id: str, channel: str, ts: str, name: str) -> None:
        """Takes a reaction back.

        Raises:
            SlackError: no_reaction.
        """
        place, message = self._reactable(user_id, channel, ts)
        self._conversations.unreact(place, message, user_id, name.strip(":"))

    def open_home(self, user_id: str, tab: str = "home") -> str | None:
        """Opens the app's Home tab; returns the event id, None when the app did not subscribe."""
        user = self._state.user(user_id)
        installation = self._state.app.installations.get(user.team_id)
        if installation is None:
            raise NoSuchThing(f"the workspace of {user_id} has no such app")
        channel = self._state.direct(user.team_id, installation.bot_user_id, user_id)
        event: JSON = {
            "type": "app_home_opened",
            "user": user_id,
            "channel": channel.id,
            "tab": tab,
            "event_ts": self._state.ids.ts(),
        }
        view = self._views.home(user_id)
        if view is not None and tab == "home":
            event["view"] = self._views.shown(view)
        return self._conversations.emit(channel, "app_home_opened", event)

    def typed(self, team_id: str, text: str) -> str:
        """What somebody in this workspace typed, as apps get it."""
        users = {u.name: u.id for u in self._state.people(team_id)}
        channels = {
            c.name: c.id for c in self._state.channels.values() if c.team_id == team_id and not c.is_im
        }
        return slack_text.typed(text, users, channels)

    def slackbot(self, place: Channel, user_id: str, text: str) -> None:
        """A line that only this person sees, such as the error of a command."""
        body: JSON = {"user": "USLACKBOT", "username": "Slackbot", "text": text}
        self._conversations.post_ephemeral(place, user_id, body)

    @staticmethod
    def _subtype(subtype: str | None) -> JSON:
        return {"subtype": subtype} if subtype else {}

    def _share(self, place: Channel, body: JSON, files: list[File]) -> Message:
        message = self._conversations.post(place, body)
        for file in files:
            file.shares.setdefault(place.id, []).append(message.ts)
        return message

    def _own(self, user_id: str, channel: str, ts: str, *, admins: bool) -> tuple[Channel, Message]:
        place = self.place(user_id, channel)
        message = self._state.message(place.id, ts)
        allowed: Any = message.ephemeral_to == user_id or message.body.get("user") == user_id
        if not allowed and not (admins and self._state.user(user_id).is_admin):
            raise SlackError("cant_update_message")
        return place, message

    def _reactable(self, user_id: str, channel: str, ts: str) -> tuple[Channel, Message]:
        place = self.place(user_id, channel)
        message = self._state.message(place.id, ts)
        if message.ephemeral_to:
            raise SlackError("message_not_found")
        return place, message
