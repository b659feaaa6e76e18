"""reactions.*."""

import re

from playground.errors import SlackError
from playground.web_api.call import Call, Method
from playground.workspace.shapes import JSON, Channel, Message

_NAME = re.compile(r"[a-z0-9_+'-]+(::skin-tone-[2-6])?")


async def add(call: Call) -> JSON:
    """reactions.add."""
    name = _name(call)
    channel, message = _item(call)
    call.services.conversations.react(channel, message, call.bot.bot_user_id, name)
    return {}


async def remove(call: Call) -> JSON:
    """reactions.remove: only the bot's own."""
    name = _name(call)
    channel, message = _item(call)
    call.services.conversations.unreact(channel, message, call.bot.bot_user_id, name)
    return {}


async def get(call: Call) -> JSON:
    """reactions.get."""
    channel, message = _item(call)
    return {"type": "message", "channel": channel.id, "message": message.to_slack()}


def _name(call: Call) -> str:
    name = call.required("name").strip(":")
    if not _NAME.fullmatch(name):
        raise SlackError("invalid_name")
    return name


def _item(call: Call) -> tuple[Channel, Message]:
    if not call.text("channel") or not call.text("timestamp"):
        raise SlackError("no_item_specified")
    channel = call.channel()
    if call.bot.bot_user_id not in channel.members:
        raise SlackError("not_in_channel")
    return channel, call.message(channel, "timestamp")


METHODS = {
    "reactions.add": Method(add, ("reactions:write",)),
    "reactions.remove": Method(remove, ("reactions:write",)),
    "reactions.get": Method(get, ("reactions:read",)),
}
