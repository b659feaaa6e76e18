"""Everything that a page needs when it opens, or comes back after a lost connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playground.workspace.shapes import JSON, Channel, User

if TYPE_CHECKING:
    from playground.control import Control


def page_state(playground: Control, team_id: str, user_id: str) -> JSON:
    """The workspace as one person sees it.

    Raises:
        NoSuchThing: no such team or user.
    """
    state = playground.state
    team = state.team(team_id)
    user = state.user(user_id)
    channels = [
        channel
        for channel in state.channels.values()
        if channel.team_id == team_id and channel.visible_to(user)
    ]
    messages: dict[str, list[JSON]] = {
        channel.id: [message.to_page() for message in channel.messages.values()] for channel in channels
    }
    for ephemeral in state.ephemerals.get(user_id, []):
        messages.setdefault(ephemeral.channel, []).append(ephemeral.to_page())
    for listed in messages.values():
        listed.sort(key=lambda message: float(message["ts"]))
    app = playground.app
    return {
        "team": {"id": team.id, "name": team.name},
        "teams": [
            {"id": each.id, "name": each.name} for each in map(state.team, playground.app.installations)
        ],
        "user": _person(user),
        "users": [_person(each) for each in state.people(team_id)],
        "channels": [_channel(channel) for channel in channels],
        "commands": [
            {"command": c.command, "description": c.description, "usage_hint": c.usage_hint}
            for c in app.commands
        ],
        "app": {
            "id": app.id,
            "name": app.name,
            "bot_user_id": app.installations[team_id].bot_user_id,
        },
        "emoji": ["tada", *state.emoji],
        "messages": messages,
        "home": playground.home(user_id),
        "view": playground.view(user_id),
        "banner": state.banner,
    }


def _person(user: User) -> JSON:
    return {
        "id": user.id,
        "name": user.name,
        "real_name": user.real_name,
        "is_bot": user.bot_id is not None,
        "is_admin": user.is_admin,
        "is_owner": user.is_owner,
        "is_restricted": user.is_restricted,
        "color": user.color,
    }


def _channel(channel: Channel) -> JSON:
    body: JSON = {
        "id": channel.id,
        "name": channel.name,
        "is_private": channel.is_private,
        "members": list(channel.members),
    }
    if channel.is_im:
        body["is_im"] = True
    return body
