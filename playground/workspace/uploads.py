"""Uploaded files: reserve, receive, complete; Slack looks at a file only afterwards."""

import asyncio
import mimetypes
from collections.abc import Awaitable, Callable

from aiohttp import web

from playground.errors import NoSuchThing
from playground.workspace.conversations import Conversations
from playground.workspace.journal import Journal
from playground.workspace.shapes import JSON, Channel, File
from playground.workspace.state import Installation, State, bot_message

_LOOKS_AFTER = 0.05
"""Seconds."""


class Uploads:
    """Files of all workspaces.

    Args:
        state: where files are kept.
        conversations: posts the message that shares a file.
        journal: woken when a file is ready.
        sleep: waits until a completed file has a mimetype and its message appears. Slack does this
            after it answered, so a bot must not count on either (python-slack-sdk issue 1575).
    """

    def __init__(
        self,
        state: State,
        conversations: Conversations,
        journal: Journal,
        base_url: Callable[[], str],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self._state = state
        self._conversations = conversations
        self._journal = journal
        self._base_url = base_url
        self._sleep = sleep
        self._secrets: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Gives up files that are not processed yet."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def reserve(self, team_id: str, user: str, name: str, length: int, alt_txt: str = "") -> tuple[File, str]:
        """A new file and the address to upload it to."""
        file_id = self._state.ids.new("F")
        url = f"{self._base_url()}/playground/files/{file_id}"
        file = File(file_id, team_id, user, name, url, length, alt_txt=alt_txt)
        self._state.files[file_id] = file
        secret = self._state.ids.secret()
        self._secrets[secret] = file_id
        return file, f"{self._base_url()}/upload/v1/{secret}"

    def find(self, file_id: str) -> File:
        """A file by id.

        Raises:
            NoSuchThing: there is none.
        """
        try:
            return self._state.files[file_id]
        except KeyError:
            raise NoSuchThing(f"no file {file_id}") from None

    def add(self, team_id: str, user: str, name: str, content: bytes, mimetype: str = "") -> File:
        """A file that a person adds to a message; it is ready at once."""
        file, _ = self.reserve(team_id, user, name, len(content))
        file.content = content
        file.mimetype = mimetype or _guess(name)
        file.uploaded = file.completed = True
        return file

    def complete(
        self,
        files: list[File],
        installation: Installation,
        channel: Channel | None,
        *,
        thread_ts: str,
        comment: str,
    ) -> None:
        """Starts what Slack does after the answer: look at the files, then post them."""
        for file in files:
            file.completed = True
        task = asyncio.get_running_loop().create_task(
            self._process(files, installation, channel, thread_ts, comment)
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """Step two of an upload: the bytes."""
        file_id = self._secrets.pop(request.match_info["secret"], None)
        if file_id is None:
            return web.Response(status=404, text="no such upload")
        file = self.find(file_id)
        if request.content_type == "multipart/form-data":
            form = await request.post()
            part = next((value for value in form.values() if not isinstance(value, str)), None)
            file.content = part.file.read() if isinstance(part, web.FileField) else b""
        else:
            file.content = await request.read()
        if len(file.content) != file.length:
            return web.Response(status=400, text=f"expected {file.length} bytes, got {len(file.content)}")
        file.uploaded = True
        self._journal.add("api", "upload", {"file": file.id, "size": file.length}, None, 200)
        return web.Response(text=f"OK - {len(file.content)}")

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The bytes of a file, for the page."""
        try:
            file = self.find(request.match_info["id"])
        except NoSuchThing as error:
            return web.json_response({"error": str(error)}, status=404)
        # Uploaded bytes are never shown as a page of the playground itself.
        safe = file.mimetype if file.mimetype.startswith("image/") and "svg" not in file.mimetype else ""
        headers = {"X-Content-Type-Options": "nosniff"}
        if not safe:
            headers["Content-Disposition"] = "attachment"
        return web.Response(
            body=file.content, content_type=safe or "application/octet-stream", headers=headers
        )

    async def _process(
        self,
        files: list[File],
        installation: Installation,
        channel: Channel | None,
        thread_ts: str,
        comment: str,
    ) -> None:
        await self._sleep(_LOOKS_AFTER)
        for file in files:
            file.mimetype = _guess(file.name)
        self._journal.wake()
        files = [file for file in files if file.id in self._state.files]  # else deleted meanwhile
        if channel is None or not files:
            return
        body: JSON = {
            "subtype": "file_share",
            "text": comment,
            "files": [file.to_slack() for file in files],
            "upload": True,
        }
        if thread_ts:
            body["thread_ts"] = thread_ts
        message = self._conversations.post(channel, bot_message(self._state.app, installation, body))
        for file in files:
            file.shares.setdefault(channel.id, []).append(message.ts)


def _guess(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
