"""The JSON API of the page, and of tests in other processes."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from playground.errors import NoSuchThing, SlackError
from playground.page.opening import page_state
from playground.workspace.people import UploadedFile
from playground.workspace.shapes import JSON

if TYPE_CHECKING:
    from playground.control import Control
    from playground.delivery.requests import CommandResult

_LONGEST_WAIT = 60.0


class BadRequest(ValueError):
    """The page sent something that this API does not know."""


class PageApi:
    """Everything below /playground/."""

    def __init__(self, playground: Control) -> None:
        self._playground = playground

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Registers the table."""
        table: list[tuple[str, str, Callable[[JSON], Awaitable[JSON]]]] = [
            ("POST", "messages", self._post),
            ("PATCH", "messages", self._edit),
            ("DELETE", "messages", self._delete),
            ("POST", "reactions", self._react),
            ("POST", "commands", self._command),
            ("POST", "actions", self._act),
            ("POST", "views/submit", self._submit),
            ("POST", "views/close", self._close),
            ("POST", "home", self._home),
            ("POST", "banner", self._banner),
            ("POST", "faults", self._fault),
            ("POST", "redeliver", self._redeliver),
            ("POST", "app", self._configure),
            ("POST", "drop_sockets", self._drop),
        ]
        for verb, path, action in table:
            router.add_route(verb, f"/playground/{path}", _endpoint(action))
        router.add_get("/playground/state", self._state)
        router.add_get("/playground/stream", self._stream)
        router.add_get("/playground/journal", self._journal)

    async def _post(self, body: JSON) -> JSON:
        files = [_file(body["file"])] if body.get("file") else []
        ts = await self._playground.post_message(
            body["user"], body["channel"], body.get("text") or "", body.get("thread_ts"), files
        )
        return {"ts": ts}

    async def _edit(self, body: JSON) -> JSON:
        await self._playground.edit_message(body["user"], body["channel"], body["ts"], body["text"])
        return {"ok": True}

    async def _delete(self, body: JSON) -> JSON:
        await self._playground.delete_message(body["user"], body["channel"], body["ts"])
        return {"ok": True}

    async def _react(self, body: JSON) -> JSON:
        act = self._playground.unreact if body.get("remove") else self._playground.react
        await act(body["user"], body["channel"], body["ts"], body["name"])
        return {"ok": True}

    async def _command(self, body: JSON) -> JSON:
        return _outcome(
            await self._playground.run_command(
                body["user"], body["channel"], body["command"], body.get("text") or ""
            )
        )

    async def _act(self, body: JSON) -> JSON:
        chosen = {name: body.get(name) for name in ("value", "selected_option", "selected_options")}
        requests = self._playground.requests
        if body.get("view_id"):
            result = await requests.click_view(
                body["user"], body["view_id"], body["action_id"], block_id=body.get("block_id"), chosen=chosen
            )
        else:
            result = await requests.click(
                body["user"],
                body["channel"],
                body["ts"],
                body["action_id"],
                block_id=body.get("block_id"),
                chosen=chosen,
            )
        return _outcome(result)

    async def _submit(self, body: JSON) -> JSON:
        result = await self._playground.submit_view(body["user"], body["view_id"], body.get("values"))
        if isinstance(result.body, dict) and result.body.get("response_action") == "errors":
            return {"ok": False, "errors": result.body.get("errors") or {}}
        return _outcome(result)

    async def _close(self, body: JSON) -> JSON:
        return _outcome(await self._playground.close_view(body["user"], body["view_id"]))

    async def _home(self, body: JSON) -> JSON:
        await self._playground.open_home(body["user"])
        return {"home": self._playground.home(body["user"])}

    async def _banner(self, body: JSON) -> JSON:
        self._playground.set_banner(body if body.get("text") else None)
        return {"ok": True}

    async def _fault(self, body: JSON) -> JSON:
        try:
            self._playground.faults.add(**body)
        except (TypeError, ValueError) as error:
            raise BadRequest(str(error)) from error
        return {"ok": True}

    async def _redeliver(self, body: JSON) -> JSON:
        try:
            outcome = await self._playground.redeliver(
                body["event_id"], with_retry_headers=body.get("with_retry_headers", True)
            )
        except KeyError:
            raise NoSuchThing(f"no event {body.get('event_id')} was sent") from None
        return {"ok": outcome.reason is None, **outcome.to_json()}

    async def _configure(self, body: JSON) -> JSON:
        self._playground.app.request_url = body.get("request_url")
        return {"ok": True}

    async def _drop(self, body: JSON) -> JSON:
        await self._playground.drop_sockets(body.get("reason") or "refresh_requested")
        return {"ok": True}

    async def _state(self, request: web.Request) -> web.StreamResponse:
        team, user = request.query.get("team", "T0ACME"), request.query.get("user", "U0SAM")
        try:
            return web.json_response(page_state(self._playground, team, user))
        except NoSuchThing as error:
            return web.json_response({"ok": False, "error": str(error)}, status=404)

    async def _journal(self, request: web.Request) -> web.StreamResponse:
        try:
            after = int(request.query.get("after", "0"))
            wait = min(float(request.query.get("wait", "0")), _LONGEST_WAIT)
        except ValueError as error:
            return web.json_response({"ok": False, "error": str(error)}, status=400)
        journal = self._playground.journal
        deadline = asyncio.get_running_loop().time() + wait
        while journal.last <= after and (left := deadline - asyncio.get_running_loop().time()) > 0:
            await journal.changed(left)
        entries = [entry.to_json() for entry in journal.find(after=after)]
        return web.json_response({"entries": entries, "last": journal.last})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        team, user = request.query.get("team", "T0ACME"), request.query.get("user", "U0SAM")
        socket = web.WebSocketResponse(heartbeat=20)
        await socket.prepare(request)
        with self._playground.streams.listen(team, user) as frames:
            sender = asyncio.create_task(_forward(frames, socket))
            try:
                async for frame in socket:
                    if frame.type is WSMsgType.ERROR:
                        break
            finally:
                sender.cancel()
                await asyncio.gather(sender, return_exceptions=True)
        return socket


async def _forward(frames: asyncio.Queue[JSON], socket: web.WebSocketResponse) -> None:
    while True:
        await socket.send_json(await frames.get())


def _endpoint(action: Callable[[JSON], Awaitable[JSON]]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            return web.json_response(await action(await _body(request)))
        except SlackError as error:
            return web.json_response(error.to_slack(), status=409)
        except NoSuchThing as error:
            return web.json_response({"ok": False, "error": str(error)}, status=404)
        except BadRequest as error:
            return web.json_response({"ok": False, "error": str(error)}, status=400)
        except KeyError as error:
            return web.json_response({"ok": False, "error": f"missing field {error}"}, status=400)

    return handle


async def _body(request: web.Request) -> JSON:
    try:
        body: Any = await request.json() if request.can_read_body else None
    except ValueError as error:
        raise BadRequest(f"not JSON: {error}") from error
    if body is not None and not isinstance(body, dict):
        raise BadRequest("not an object")
    return body or {}


def _outcome(result: CommandResult) -> JSON:
    return {"ok": True} if result.ok else {"ok": False, "error": result.error}


def _file(spec: JSON) -> UploadedFile:
    try:
        content = base64.b64decode(spec["content_base64"], validate=True)
    except binascii.Error as error:
        raise BadRequest(f"content_base64: {error}") from error
    return UploadedFile(str(spec["name"]), content, str(spec.get("mimetype") or ""))
