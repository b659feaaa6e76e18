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


async def conversations(call: Call) -> JSON:
    """users.conversations: the channels that the bot is in."""
    types = {name.strip() for name in call.text("types", "public_channel").split(",")}
    me = call.bot.bot_user_id
    names = {"channel": "public_channel", "group": "private_channel", "im": "im"}
    found = [
        channel.to_slack(me)
        for channel in call.state.channels.values()
        if me in channel.members
        and names[channel.channel_type] in types
        and not (channel.is_archived and call.flag("exclude_archived"))
    ]
    items, cursor = page(found, call, default=100, largest=999)
    return {"channels": items, "response_metadata": {"next_cursor": cursor}}


METHODS = {
    "users.conversations": Method(conversations, ("channels:read", "groups:read", "im:read", "mpim:read")),
    "users.info": Method(info, ("users:read",)),
    "users.list": Method(list_users, ("users:read",)),
}
