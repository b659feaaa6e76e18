"""What people ask the app to do directly: slash commands, buttons, menus, modals."""

from dataclasses import dataclass
from typing import Any

from playground.blocks.forms import action_of, find_element, submitted_state
from playground.delivery.delivery import Delivery
from playground.delivery.interactions import Interactions
from playground.delivery.outcome import Outcome
from playground.errors import NoSuchThing, SlackError
from playground.workspace import text as slack_text
from playground.workspace.people import People
from playground.workspace.shapes import JSON, Channel, Message, View
from playground.workspace.state import State
from playground.workspace.streams import Streams
from playground.workspace.views import Views


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What became of a command, a click or a submission.

    Attributes:
        status: the HTTP status; 200 for a socket acknowledgement; None without an answer.
        body: what the app answered with its acknowledgement.
        error: what the person sees: operation_timeout, dispatch_failed, invalid_command,
            not_installed, app_unreachable; None when all is well.
    """

    status: int | None
    body: Any
    error: str | None

    @property
    def ok(self) -> bool:
        """Whether the app took it."""
        return self.error is None


class Requests:
    """Sends what people do and applies what the app answers."""

    def __init__(
        self,
        state: State,
        people: People,
        views: Views,
        interactions: Interactions,
        delivery: Delivery,
        streams: Streams,
    ) -> None:
        self._state = state
        self._people = people
        self._views = views
        self._interactions = interactions
        self._delivery = delivery
        self._streams = streams

    async def command(self, user_id: str, channel: str, command: str, text: str = "") -> CommandResult:
        """Runs a slash command; its answer appears in the channel, or to this person only."""
        place = self._people.place(user_id, channel)
        user = self._state.user(user_id)
        if user.team_id not in self._state.app.installations:  # Slack offers commands of one's own apps only
            return CommandResult(None, None, "not_installed")
        known = next((each for each in self._state.app.commands if each.command == command), None)
        if known is None:
            self._tell(place, user_id, f"{command} is not a valid command.")
            return CommandResult(None, None, "invalid_command")
        payload: JSON = {
            "token": self._state.app.verification_token,
            "team_id": user.team_id,
            "team_domain": self._state.teams[user.team_id].domain,
            "channel_id": place.id,
            "channel_name": "directmessage" if place.is_im else place.name,
            "user_id": user_id,
            "user_name": user.name,
            "command": command,
            "text": self._people.typed(user.team_id, text)
            if known.should_escape
            else slack_text.escape(text),
            "api_app_id": self._state.app.id,
            "is_enterprise_install": "false",
            "response_url": self._interactions.new_response_url(place, user_id),
            "trigger_id": self._interactions.new_trigger(user.team_id, user_id),
        }
        outcome = await self._delivery.push("command", command, payload)
        result = _result(outcome)
        if not result.ok:
            self._tell(place, user_id, f'{command} failed with the error "{result.error}"')
            return result
        try:
            self._interactions.answer(place, user_id, outcome.body)
        except SlackError as error:
            self._tell(place, user_id, f'{command} failed with the error "{error.error}"')
            return CommandResult(result.status, result.body, error.error)
        return result

    async def click(
        self,
        user_id: str,
        channel: str,
        ts: str,
        action_id: str,
        *,
        block_id: str | None = None,
        chosen: JSON,
    ) -> CommandResult:
        """Presses a button, or chooses in a menu, of a message.

        Raises:
            NoSuchThing: the message has no such element.
        """
        place = self._people.place(user_id, channel)
        message = self._state.message(place.id, ts)
        if message.ephemeral_to not in {None, user_id}:
            raise NoSuchThing(f"{user_id} does not see the message {ts}")
        block, element = find_element(message.body.get("blocks") or [], action_id, block_id)
        action = action_of(block, element, chosen, self._state.ids.ts())
        payload = self._payload("block_actions", user_id, place.team_id) | {
            "container": _container(message),
            "channel": {"id": place.id, "name": "directmessage" if place.is_im else place.name},
            "message": message.to_slack(with_metadata=True),
            "state": {"values": _state_values(block, action)},
            "response_url": self._interactions.new_response_url(place, user_id, message.ts),
            "actions": [action],
        }
        return self._told(place, user_id, await self._delivery.push("interaction", "block_actions", payload))

    async def click_view(
        self, user_id: str, view_id: str, action_id: str, *, block_id: str | None = None, chosen: JSON
    ) -> CommandResult:
        """The same in a modal or a Home tab."""
        view = self._views.get(user_id, view_id)
        block, element = find_element(view.content.get("blocks") or [], action_id, block_id)
        action = action_of(block, element, chosen, self._state.ids.ts())
        view.state |= _state_values(block, action)
        payload = self._payload("block_actions", user_id) | {
            "container": {"type": "view", "view_id": view.id},
            "view": self._views.shown(view),
            "actions": [action],
        }
        return _result(await self._delivery.push("interaction", "block_actions", payload))

    async def submit(self, user_id: str, view_id: str, values: JSON | None = None) -> CommandResult:
        """Submits a modal; `values` are Slack's `state.values`. Errors of fields come back in the body."""
        view = self._views.get(user_id, view_id)
        view.state = submitted_state(view.content.get("blocks") or [], {**view.state, **(values or {})})
        payload = self._payload("view_submission", user_id) | {
            "view": self._views.shown(view),
            "response_urls": [],
        }
        outcome = await self._delivery.push("interaction", "view_submission", payload)
        result = _result(outcome)
        if result.ok:
            try:
                self._answered(view, outcome.body if isinstance(outcome.body, dict) else {})
            except SlackError as error:
                return CommandResult(result.status, result.body, error.error)
        return result

    async def close(self, user_id: str, view_id: str) -> CommandResult:
        """Closes a modal without submitting it."""
        view = self._views.get(user_id, view_id)
        self._views.close(view)
        if not view.content.get("notify_on_close"):
            return CommandResult(200, None, None)
        payload = self._payload("view_closed", user_id) | {
            "view": self._views.shown(view),
            "is_cleared": False,
        }
        return _result(await self._delivery.push("interaction", "view_closed", payload))

    async def forge(
        self, user_id: str, kind: str, *, team: str | None = None, channel: str = "", **fields: Any
    ) -> CommandResult:
        """Sends what no person could: `fields` are believed, whoever sees what.

        Args:
            user_id: in whose name.
            kind: `block_actions`, `view_submission`, or a command such as `/why`.
            team: the workspace that the payload names; their own unless given.
            channel: the id that it names; an answer is shown there, where there is such a channel.
            fields: further fields of the payload.
        """
        payload = self._payload(kind, user_id, team or self._state.user(user_id).team_id)
        if channel in self._state.channels:
            payload["response_url"] = self._interactions.new_response_url(
                self._state.channels[channel], user_id
            )
        if kind.startswith("/"):
            payload = {key: value for key, value in payload.items() if isinstance(value, str)}
            payload |= {"command": kind, "channel_id": channel, "user_id": user_id}
            payload["team_id"] = team or self._state.user(user_id).team_id
            outcome = await self._delivery.push("command", kind, payload | fields)
            if channel in self._state.channels:
                self._interactions.answer(self._state.channels[channel], user_id, outcome.body)
            return _result(outcome)
        if channel:
            payload["channel"] = {"id": channel, "name": "forged"}
        return _result(await self._delivery.push("interaction", kind, payload | fields))

    def _answered(self, view: View, body: JSON) -> None:
        """What a view_submission's answer does."""
        action = body.get("response_action")
        if action == "errors":
            return
        content: Any = body.get("view")
        if action in {"update", "push"} and not isinstance(content, dict):
            raise SlackError("invalid_arguments", ["[ERROR] missing required field: view"])
        if action == "update":
            self._views.update(view, self._views.checked(content))
        elif action == "push":
            self._views.push(view.team_id, view.user, self._views.checked(content))
        else:
            self._views.close(view, everything=action == "clear")

    def _payload(self, kind: str, user_id: str, team_id: str | None = None) -> JSON:
        """What all interactions have: the workspace is the one where it happened, the person's may differ."""
        user = self._state.user(user_id)
        team_id = team_id or user.team_id
        team = self._state.teams.get(team_id)
        return {
            "type": kind,
            "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id},
            "api_app_id": self._state.app.id,
            "token": self._state.app.verification_token,
            "trigger_id": self._interactions.new_trigger(team_id, user_id),
            "team": {"id": team_id, "domain": team.domain if team else "forged"},
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def _told(self, place: Channel, user_id: str, outcome: Outcome) -> CommandResult:
        result = _result(outcome)
        if not result.ok:
            frame = {"type": "error", "channel": place.id, "error": result.error}
            self._streams.publish(frame, team_id=place.team_id, users=[user_id])
        return result

    def _tell(self, place: Channel, user_id: str, text: str) -> None:
        """A line of Slackbot that only this person sees."""
        self._people.slackbot(place, user_id, text)


def _container(message: Message) -> JSON:
    container: JSON = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel,
        "is_ephemeral": message.ephemeral_to is not None,
    }
    if "thread_ts" in message.body:
        container["thread_ts"] = message.body["thread_ts"]
    return container


def _state_values(block: JSON, action: JSON) -> JSON:
    if action["type"] in {"button", "overflow"}:
        return {}
    kept = ("type", "value", "selected_option", "selected_options")
    return {block["block_id"]: {action["action_id"]: {key: action[key] for key in kept if key in action}}}


def _result(outcome: Outcome) -> CommandResult:
    errors = {"http_timeout": "operation_timeout", "timeout": "operation_timeout"}
    if outcome.reason is None and outcome.status == 200:  # noqa: PLR2004 - only 200 acknowledges
        return CommandResult(outcome.status, outcome.body, None)
    if outcome.reason == "connection_failed":
        return CommandResult(None, None, "app_unreachable")
    return CommandResult(outcome.status, outcome.body, errors.get(outcome.reason or "", "dispatch_failed"))
