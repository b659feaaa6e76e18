"""Everything that a test, or the page, can let people and Slack do."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

from playground import seed
from playground.delivery.delivery import Delivery
from playground.delivery.outcome import Outcome, sign
from playground.delivery.requests import CommandResult, Requests
from playground.delivery.socket_mode import SocketMode
from playground.workspace.conversations import Conversations
from playground.workspace.people import People, UploadedFile
from playground.workspace.shapes import JSON
from playground.workspace.state import SlackApp, State
from playground.workspace.streams import Streams


class Actions:
    """The acting half of `Playground`; users, channels and messages are named by Slack's ids."""

    app: SlackApp
    state: State
    streams: Streams
    sockets: SocketMode
    delivery: Delivery
    requests: Requests
    clock: Callable[[], float]
    _people: People
    _conversations: Conversations

    def add_channel(
        self, name: str, members: Iterable[str] = (), *, private: bool = False, team: str = seed.ACME
    ) -> str:
        """Adds a channel (the bot is in it only when named); returns its id."""
        return seed.add_channel(self.state, team, name.removeprefix("#"), members, private=private).id

    async def join(self, user: str, channel: str) -> None:
        """Somebody, or the bot (U0FPOST), joins a channel."""
        self._conversations.join(self._people.place(user, channel), user)

    async def leave(self, user: str, channel: str) -> None:
        """Somebody leaves a channel."""
        self._conversations.leave(self._people.place(user, channel), user)

    async def post_message(
        self,
        user: str,
        channel: str,
        text: str | None,
        thread_ts: str | None = None,
        files: Sequence[UploadedFile] = (),
        subtype: str | None = None,
        **overrides: Any,
    ) -> str:
        """Somebody writes; returns the message's ts. `overrides` are fields of the event."""
        message = self._people.post(
            user, channel, text, thread_ts=thread_ts, files=files, subtype=subtype, overrides=overrides
        )
        return message.ts

    async def edit_message(self, user: str, channel: str, ts: str, text: str) -> None:
        """Somebody edits a message of their own."""
        self._people.edit(user, channel, ts, text)

    async def delete_message(self, user: str, channel: str, ts: str) -> None:
        """Somebody deletes a message of their own; admins delete any."""
        self._people.delete(user, channel, ts)

    async def react(self, user: str, channel: str, ts: str, name: str) -> None:
        """Somebody adds a reaction; raises SlackError already_reacted."""
        self._people.react(user, channel, ts, name)

    async def unreact(self, user: str, channel: str, ts: str, name: str) -> None:
        """Somebody takes a reaction back; raises SlackError no_reaction."""
        self._people.unreact(user, channel, ts, name)

    async def run_command(self, user: str, channel: str, command: str, text: str = "") -> CommandResult:
        """Somebody runs a slash command; returns when the app has answered, or after the time-out."""
        return await self.requests.command(user, channel, command, text)

    async def click(
        self,
        user: str,
        channel: str,
        ts: str,
        action_id: str,
        value: str | None = None,
        selected_option: JSON | str | None = None,
        *,
        block_id: str | None = None,
    ) -> CommandResult:
        """Somebody presses a button or chooses an option (or its value) in a message."""
        chosen = {"value": value, "selected_option": selected_option}
        return await self.requests.click(user, channel, ts, action_id, block_id=block_id, chosen=chosen)

    async def click_view(
        self,
        user: str,
        view_id: str,
        action_id: str,
        *,
        block_id: str | None = None,
        **chosen: Any,
    ) -> CommandResult:
        """The same in a modal or a Home tab; `chosen`: value, selected_option, selected_options."""
        return await self.requests.click_view(user, view_id, action_id, block_id=block_id, chosen=chosen)

    async def submit_view(self, user: str, view_id: str, values: JSON | None = None) -> CommandResult:
        """Somebody submits a modal; `values` as in Slack's `state.values`."""
        return await self.requests.submit(user, view_id, values)

    async def close_view(self, user: str, view_id: str) -> CommandResult:
        """Somebody closes a modal."""
        return await self.requests.close(user, view_id)

    async def open_home(self, user: str, tab: str = "home") -> None:
        """Somebody opens the app's Home tab."""
        self._people.open_home(user, tab)

    async def send_event(
        self,
        event: JSON,
        event_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        team: str = seed.ACME,
        **envelope: Any,
    ) -> str:
        """Sends any event as it is; `envelope` replaces fields around it. Returns the event id."""
        return self.delivery.send_event(self.delivery.envelope(team, event, event_id) | envelope, headers)

    async def redeliver(self, event_id: str, with_retry_headers: bool = True) -> Outcome:
        """Sends an event once more; KeyError for one that was never sent."""
        return await self.delivery.redeliver(event_id, with_retry_headers=with_retry_headers)

    async def post_raw(self, path: str, body: str, headers: Mapping[str, str] | None = None) -> Outcome:
        """Posts a request to the app that Slack did not sign, for tests with forged ones."""
        url = urljoin(self.app.request_url or "", path)
        return await self.delivery.post(url, body, headers or {}, signed=False)

    def signed_headers(self, body: str, *, timestamp: float | None = None) -> dict[str, str]:
        """The headers with which Slack would sign this body."""
        stamp = str(int(self.clock() if timestamp is None else timestamp))
        signature = sign(self.app.signing_secret, stamp, body)
        return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature}

    async def drop_sockets(self, reason: str = "refresh_requested") -> None:
        """Disconnects the app's sockets, as Slack does every few hours."""
        await self.sockets.drop(reason)

    async def uninstall(self, team: str = seed.ACME) -> None:
        """A workspace removes the app: its token dies, `tokens_revoked` and `app_uninstalled` are sent."""
        installation = self.app.installations[team]
        tokens = {"oauth": [], "bot": [installation.bot_user_id]}
        for event in ({"type": "tokens_revoked", "tokens": tokens}, {"type": "app_uninstalled"}):
            await self.send_event(event, team=team)
        installation.revoked = True

    def set_banner(self, banner: JSON | None) -> None:
        """What all pages show on top: {"text", "fraction", "eta_seconds", "state"}; None clears it."""
        self.state.banner = banner
        self.streams.publish({"type": "banner", "banner": banner})
