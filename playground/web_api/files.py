"""files.*: the three steps of an upload, looking a file up, deleting it."""

import re

from playground.errors import SlackError
from playground.web_api.call import Call, Method
from playground.workspace.shapes import JSON, File

_FILE_ID = re.compile(r"F[A-Z0-9]{8,}")


async def get_upload_url(call: Call) -> JSON:
    """files.getUploadURLExternal: step one, an address to upload to."""
    name = call.required("filename")
    length = call.number("length", 0, 2**40)
    file, url = call.services.uploads.reserve(
        call.bot.team_id, call.bot.bot_user_id, name, length, alt_txt=call.text("alt_txt")
    )
    return {"upload_url": url, "file_id": file.id}


async def complete_upload(call: Call) -> JSON:
    """files.completeUploadExternal: step three; a channel gets the file as a message, somewhat later."""
    wanted = call.structure("files")
    if not isinstance(wanted, list) or not wanted:
        raise SlackError("invalid_arguments", ["[ERROR] missing required field: files"])
    files: list[File] = []
    for item in wanted:
        file = _find(call, str(item.get("id") if isinstance(item, dict) else ""))
        if not file.uploaded:
            raise SlackError("file_not_found")
        file.title = str(item.get("title") or file.name)
        files.append(file)
    channel = None
    if call.text("channel_id"):
        try:
            channel = call.channel("channel_id")
        except SlackError:
            raise SlackError("channel_not_found") from None
        if call.bot.bot_user_id not in channel.members:
            raise SlackError("not_in_channel")
        thread_ts = call.text("thread_ts")
        if thread_ts and thread_ts not in channel.messages:
            raise SlackError("thread_not_found")
    call.services.uploads.complete(
        files, call.bot, channel, thread_ts=call.text("thread_ts"), comment=call.text("initial_comment")
    )
    return {"files": [file.to_slack() for file in files]}


async def info(call: Call) -> JSON:
    """files.info."""
    return {"file": _find(call, call.required("file")).to_slack()}


async def delete(call: Call) -> JSON:
    """files.delete: only the bot's own files; a message that shows nothing else goes with it."""
    file = _find(call, call.required("file"))
    if file.user != call.bot.bot_user_id:
        raise SlackError("cant_delete_file")
    del call.state.files[file.id]
    for channel_id, shares in file.shares.items():
        channel = call.state.channel(channel_id)
        for message in [channel.messages[ts] for ts in shares if ts in channel.messages]:
            call.services.conversations.delete(channel, message)
    return {}


def _find(call: Call, file_id: str) -> File:
    file = call.state.files.get(file_id)
    if file is None or not _FILE_ID.fullmatch(file_id) or file.team_id != call.bot.team_id:
        raise SlackError("file_not_found")
    return file


METHODS = {
    "files.getUploadURLExternal": Method(get_upload_url, ("files:write",)),
    "files.completeUploadExternal": Method(complete_upload, ("files:write",)),
    "files.delete": Method(delete, ("files:write",)),
    "files.info": Method(info, ("files:read",)),
}
