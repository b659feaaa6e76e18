"""chat.*: posting, updating, deleting."""

from typing import Any

from playground.blocks.validation import check_message_blocks
from playground.errors import SlackError
from playground.web_api.call import Call, Method
from playground.workspace.shapes import JSON, Channel, Message
from playground.workspace.state import bot_message

# facts/slack.md, section 8.
_MAX_POSTED_TEXT = 40_000
_MAX_UPDATED_TEXT = 4_000
_KEPT_FIELDS = ("mrkdwn", "parse", "link_names")


async def post_message(call: Call) -> JSON:
    """chat.postMessage."""
    channel = _place(call)
    installation = call.bot
    public = not channel.is_private and "chat:write.public" in installation.scopes
    if channel.is_archived:
        raise SlackError("is_archived")
    if installation.bot_user_id not in channel.members and not public:
        raise SlackError("not_in_channel")
    content, warnings = _content(call, cut_at=_MAX_POSTED_TEXT)
    body = bot_message(call.state.app, installation, content)
    if call.text("thread_ts"):
        _parent(call, channel)
        body["thread_ts"] = call.text("thread_ts")
        if call.flag("reply_broadcast"):
            body["subtype"] = "thread_broadcast"
    for name in ("username", "icon_emoji", "icon_url"):
        if call.text(name) and "chat:write.customize" in installation.scopes:
            body[name] = call.text(name)
    message = call.services.conversations.post(channel, body)
    call.mentions.extend(message.mentions)
    answer: JSON = {
        "channel": channel.id,
        "ts": message.ts,
        "message": message.to_slack(with_metadata=True),
    }
    if warnings:
        answer |= {"warning": ",".join(warnings), "response_metadata": {"warnings": warnings}}
    return answer


async def update(call: Call) -> JSON:
    """chat.update: replaces text, blocks and attachments; what is not given goes."""
    channel = call.channel()
    message = call.message(channel)
    if message.body.get("user") != call.bot.bot_user_id:
        raise SlackError("cant_update_message")
    if len(call.text("text")) > _MAX_UPDATED_TEXT:
        raise SlackError("msg_too_long")
    content, _ = _content(call, cut_at=_MAX_POSTED_TEXT)
    changes: JSON = {"blocks": None, "attachments": None, **content}
    call.services.conversations.edit(channel, message, changes, editor=call.bot.bot_user_id)
    call.mentions.extend(message.mentions)
    return {
        "channel": channel.id,
        "ts": message.ts,
        "text": message.body["text"],
        "message": message.to_slack(with_metadata=True),
    }


async def delete(call: Call) -> JSON:
    """chat.delete: only the bot's own messages."""
    channel = call.channel()
    message = call.message(channel)
    if message.body.get("user") != call.bot.bot_user_id:
        raise SlackError("cant_delete_message")
    call.services.conversations.delete(channel, message)
    return {"channel": channel.id, "ts": message.ts}


async def post_ephemeral(call: Call) -> JSON:
    """chat.postEphemeral: to a member of the channel; in a thread only where the thread is active."""
    channel = call.own_channel()
    user_id = call.required("user")
    if user_id not in channel.members:
        raise SlackError("user_not_in_channel")
    content, _ = _content(call, cut_at=_MAX_POSTED_TEXT)
    body = bot_message(call.state.app, call.bot, content)
    shown = True
    if call.text("thread_ts"):
        shown = bool(_parent(call, channel).replies)
        body["thread_ts"] = call.text("thread_ts")
    message = call.services.conversations.post_ephemeral(channel, user_id, body, shown=shown)
    call.mentions.extend(message.mentions)
    return {"message_ts": message.ts}


async def get_permalink(call: Call) -> JSON:
    """chat.getPermalink."""
    channel = call.channel()
    message = call.message(channel, "message_ts")
    domain = call.state.teams[channel.team_id].domain
    link = f"https://{domain}.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.is_reply:
        link += f"?thread_ts={message.body['thread_ts']}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


def _place(call: Call) -> Channel:
    """A channel by id or name, or the direct conversation with a user id."""
    wanted = call.required("channel")
    user = call.state.users.get(wanted)
    if user is not None and user.team_id == call.bot.team_id:
        return call.state.direct(call.bot.team_id, call.bot.bot_user_id, user.id)
    return call.channel(by_name=True)


def _parent(call: Call, channel: Channel) -> Message:
    parent = channel.messages.get(call.text("thread_ts"))
    # A reply's ts is refused here: real Slack takes it and shows the answer where nobody looks.
    if parent is None or parent.is_reply:
        raise SlackError("thread_not_found")
    return parent


def _content(call: Call, *, cut_at: int) -> tuple[JSON, list[str]]:
    """The checked content of a message, and warnings."""
    text = call.text("text")
    blocks = call.structure("blocks", "invalid_blocks_format")
    attachments = call.structure("attachments")
    if not text.strip() and not blocks and not attachments:
        raise SlackError("no_text")
    warnings = [] if text else ["missing_text_in_message"]
    if len(text) > cut_at:
        text = text[:cut_at]
        warnings.append("message_truncated")
    content: JSON = {"text": text}
    if blocks:
        check_message_blocks(blocks, call.state.files)
        content["blocks"] = [_with_block_id(block, index) for index, block in enumerate(blocks)]
    if attachments:
        content["attachments"] = attachments
    metadata = call.structure("metadata", "invalid_metadata_format")
    if metadata is not None:
        content["metadata"] = _checked_metadata(metadata)
    for name in _KEPT_FIELDS:
        if name in call.arguments:
            content[name] = call.text(name) if name == "parse" else call.flag(name)
    return content, warnings


def _with_block_id(block: JSON, index: int) -> JSON:
    """Slack gives every block an id."""
    return block if block.get("block_id") else {**block, "block_id": f"b{index}"}


def _checked_metadata(metadata: Any) -> JSON:
    if (
        not isinstance(metadata, dict)
        or not isinstance(metadata.get("event_type"), str)
        or not isinstance(metadata.get("event_payload"), dict)
    ):
        raise SlackError("invalid_metadata_schema")
    return metadata


METHODS = {
    "chat.postMessage": Method(post_message, ("chat:write",)),
    "chat.update": Method(update, ("chat:write",)),
    "chat.delete": Method(delete, ("chat:write",)),
    "chat.postEphemeral": Method(post_ephemeral, ("chat:write",)),
    "chat.getPermalink": Method(get_permalink),
}
