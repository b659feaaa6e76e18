"""users.*: who people are and what they may do."""

from playground.errors import SlackError
from playground.web_api.call import Call, Method, page
from playground.workspace.shapes import JSON


async def info(call: Call) -> JSON:
    """users.info."""
    user_id = call.required("user")
    if not call.state.knows(call.bot.team_id, user_id):
        raise SlackError("user_not_found")
    return {"user": call.state.user(user_id).to_slack()}


async def list_users(call: Call) -> JSON:
    """users.list."""
    members = [u.to_slack() for u in call.state.users.values() if u.team_id == call.bot.team_id]
    found, cursor = page(members, call, default=100, largest=1000)
    return {"members": found, "response_metadata": {"next_cursor": cursor}}


METHODS = {
    "users.info": Method(info, ("users:read",)),
    "users.list": Method(list_users, ("users:read",)),
}
