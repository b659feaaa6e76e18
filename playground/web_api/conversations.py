"""conversations.*: channels, their members, their history; users.conversations."""

from collections.abc import Iterable

from playground.errors import SlackError
from playground.web_api.call import Call, Method, page
from playground.workspace.shapes import JSON, Channel, Message

_READ = ("channels:read", "groups:read", "im:read", "mpim:read")
_HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")
_LARGEST = 999


async def list_channels(call: Call) -> JSON:
    """conversations.list: public channels, and the private ones that the bot is in."""
    return _listed(call, call.state.channels.values())


async def of_user(call: Call) -> JSON:
    """users.conversations: the channels that the bot is in."""
    me = call.bot.bot_user_id
    return _listed(call, (c for c in call.state.channels.values() if me in c.members))


def _listed(call: Call, channels: Iterable[Channel]) -> JSON:
    types = {name.strip() for name in call.text("types", "public_channel").split(",")}
    me = call.bot.bot_user_id
    names = {"channel": "public_channel", "group": "private_channel", "im": "im"}
    found = [
        channel.to_slack(me)
        for channel in channels
        if channel.team_id == call.bot.team_id
        and names[channel.channel_type] in types
        and (not channel.is_private or me in channel.members)
        and not (channel.is_archived and call.flag("exclude_archived"))
    ]
    items, cursor = page(found, call, default=100, largest=1000)
    return {"channels": items, "response_metadata": {"next_cursor": cursor}}


async def info(call: Call) -> JSON:
    """conversations.info."""
    return {"channel": call.channel().to_slack(call.bot.bot_user_id)}


async def members(call: Call) -> JSON:
    """conversations.members."""
    items, cursor = page(list(call.channel().members), call, default=100, largest=1000)
    return {"members": items, "response_metadata": {"next_cursor": cursor}}


async def join(call: Call) -> JSON:
    """conversations.join: public channels only."""
    channel = call.channel()
    if channel.is_private:
        raise SlackError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise SlackError("is_archived")
    answer: JSON = {}
    if call.bot.bot_user_id in channel.members:
        answer = {"warning": "already_in_channel", "response_metadata": {"warnings": ["already_in_channel"]}}
    else:
        call.services.conversations.join(channel, call.bot.bot_user_id)
    return {"channel": channel.to_slack(call.bot.bot_user_id), **answer}


async def open_direct(call: Call) -> JSON:
    """conversations.open: the direct conversation with one user."""
    ids = [name for name in call.text("users").split(",") if name]
    if len(ids) != 1:
        raise SlackError("users_list_not_supplied" if not ids else "method_not_supported_for_channel_type")
    user = call.state.users.get(ids[0])
    if user is None or user.team_id != call.bot.team_id:
        raise SlackError("user_not_found")
    channel = call.state.direct(call.bot.team_id, call.bot.bot_user_id, user.id)
    return {"channel": {"id": channel.id}}


async def history(call: Call) -> JSON:
    """conversations.history: root messages, the newest first."""
    channel = _readable(call)
    roots = [
        message
        for message in channel.messages.values()
        if not message.is_reply or message.body.get("subtype") == "thread_broadcast"
    ]
    newest_first = sorted(_between(call, roots), key=lambda message: message.ts, reverse=True)
    items, cursor = page(newest_first, call, default=100, largest=_LARGEST)
    return {**_messages(call, items, cursor), "pin_count": 0}


async def replies(call: Call) -> JSON:
    """conversations.replies: a thread by its parent or one of its replies, the parent first."""
    channel = _readable(call)
    start = channel.messages.get(call.required("ts"))
    if start is None:
        raise SlackError("thread_not_found")
    parent_ts = str(start.body.get("thread_ts", start.ts))
    thread = [
        message
        for message in channel.messages.values()
        if parent_ts in (message.ts, message.body.get("thread_ts"))
    ]
    # The parent comes with every page, whatever the bounds are.
    rest = [m for m in _between(call, thread) if m.ts != parent_ts]
    parent = [m for m in thread if m.ts == parent_ts]
    ordered = parent + sorted(rest, key=lambda message: message.ts)
    items, cursor = page(ordered, call, default=1000, largest=_LARGEST)
    return _messages(call, items, cursor)


def _readable(call: Call) -> Channel:
    channel = call.channel()
    if call.bot.bot_user_id not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def _between(call: Call, messages: list[Message]) -> list[Message]:
    """Those within `oldest` and `latest`; the bounds themselves only with `inclusive`."""
    oldest, latest = _bound(call, "oldest", 0.0), _bound(call, "latest", float("inf"))
    inclusive = call.flag("inclusive")
    return [
        message
        for message in messages
        if oldest < float(message.ts) < latest or (inclusive and float(message.ts) in (oldest, latest))
    ]


def _bound(call: Call, name: str, default: float) -> float:
    try:
        return float(call.text(name)) if call.text(name) else default
    except ValueError:
        raise SlackError(f"invalid_ts_{name}") from None


def _messages(call: Call, items: list[Message], cursor: str) -> JSON:
    answer: JSON = {
        "messages": [message.to_slack(with_metadata=call.metadata_wanted()) for message in items],
        "has_more": bool(cursor),
    }
    if cursor:
        answer["response_metadata"] = {"next_cursor": cursor}
    return answer


METHODS = {
    "conversations.list": Method(list_channels, _READ),
    "conversations.info": Method(info, _READ),
    "conversations.members": Method(members, _READ),
    "conversations.join": Method(join, ("channels:join",)),
    "conversations.open": Method(open_direct, ("im:write", "mpim:write", "channels:manage", "groups:write")),
    "users.conversations": Method(of_user, _READ),
    "conversations.history": Method(history, _HISTORY),
    "conversations.replies": Method(replies, _HISTORY),
}
