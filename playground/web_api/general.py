"""api.test, auth.test, apps.connections.open, team, bots, emoji, user groups."""

from playground.errors import SlackError
from playground.web_api.call import Call, Method
from playground.workspace.shapes import JSON


async def api_test(call: Call) -> JSON:
    """api.test: says back what it was given."""
    if error := call.text("error"):
        raise SlackError(error, args=call.arguments)
    return {"args": call.arguments}


async def auth_test(call: Call) -> JSON:
    """auth.test: whose token this is."""
    team = call.state.teams[call.bot.team_id]
    return {
        "url": f"https://{team.domain}.slack.com/",
        "team": team.name,
        "user": call.state.user(call.bot.bot_user_id).name,
        "team_id": team.id,
        "user_id": call.bot.bot_user_id,
        "bot_id": call.bot.bot_id,
        "is_enterprise_install": False,
    }


async def connections_open(call: Call) -> JSON:
    """apps.connections.open: an address for one socket."""
    sockets = call.services.sockets
    base = call.services.base_url().replace("http://", "ws://", 1)
    return {"url": f"{base}/link/?ticket={sockets.new_ticket()}&app_id={call.state.app.id}"}


async def team_info(call: Call) -> JSON:
    """team.info."""
    team = call.state.teams[call.bot.team_id]
    return {"team": {"id": team.id, "name": team.name, "domain": team.domain, "email_domain": ""}}


async def bots_info(call: Call) -> JSON:
    """bots.info."""
    wanted = call.text("bot") or call.bot.bot_id
    for user in call.state.bots():
        if user.bot_id == wanted and user.team_id == call.bot.team_id:
            return {
                "bot": {
                    "id": user.bot_id,
                    "deleted": False,
                    "name": user.real_name,
                    "app_id": user.app_id,
                    "user_id": user.id,
                }
            }
    raise SlackError("bot_not_found")


async def emoji_list(call: Call) -> JSON:
    """emoji.list: the custom emoji by name."""
    return {"emoji": dict(call.state.emoji), "cache_ts": "1.0"}


async def usergroup_users(call: Call) -> JSON:
    """usergroups.users.list."""
    members = call.state.usergroups.get(call.required("usergroup"))
    if members is None:
        raise SlackError("no_such_subteam")
    return {"users": list(members)}


METHODS = {
    "api.test": Method(api_test, caller="anyone"),
    "auth.test": Method(auth_test),
    "apps.connections.open": Method(connections_open, caller="app"),
    "team.info": Method(team_info, ("team:read",)),
    "bots.info": Method(bots_info, ("users:read",)),
    "emoji.list": Method(emoji_list, ("emoji:read",)),
    "usergroups.users.list": Method(usergroup_users, ("usergroups:read",)),
}
