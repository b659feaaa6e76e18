"""The playground's addresses, and the guard in front of them."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

from playground.page.api import PageApi
from playground.workspace.state import is_loopback

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from playground.control import Control
    from playground.delivery.interactions import Interactions
    from playground.web_api.dispatch import WebApi

STATIC = Path(__file__).parent / "static"
# Slack's own limit is not published; a bot that sends more than this is broken.
_MAX_BODY = 64 * 1024 * 1024


def build_web_app(playground: Control, api: WebApi, interactions: Interactions) -> web.Application:
    """All routes of a playground."""
    app = web.Application(middlewares=[_guard(playground)], client_max_size=_MAX_BODY)
    app.router.add_route("*", "/api/{method}", api.handle)
    app.router.add_get("/link/", playground.sockets.handle)
    app.router.add_post("/response/{secret}", interactions.handle)
    app.router.add_post("/upload/v1/{secret}", playground.uploads.receive)
    app.router.add_get("/playground/files/{id}", playground.uploads.serve)
    PageApi(playground).add_routes(app.router)
    app.router.add_get("/", _index)
    if STATIC.is_dir():
        app.router.add_static("/static/", STATIC)
    return app


async def _index(_request: web.Request) -> web.StreamResponse:
    page = STATIC / "index.html"
    if not page.is_file():
        return web.Response(status=404, text="the page is not installed")
    return web.FileResponse(page, headers={"Cache-Control": "no-store"})


def _guard(playground: Control) -> Middleware:
    @web.middleware
    async def guard(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        # There are no passwords here: a web page of somebody else, open in the same browser, must not get
        # in by its own script (Origin) or by a name that resolves to this machine (Host).
        if not is_loopback(urlsplit(f"//{request.host}").hostname):
            return web.json_response({"ok": False, "error": "not_loopback"}, status=403)
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            return web.json_response({"ok": False, "error": "foreign_origin"}, status=403)
        try:
            return await handler(request)
        except web.HTTPException:
            raise
        except Exception as error:  # noqa: BLE001 - an error in here must be seen, not guessed
            body = {"ok": False, "error": "playground_error", "message": repr(error)}
            body["traceback"] = traceback.format_exc()
            playground.journal.add("error", request.path, {}, body, 500)
            return web.json_response(body, status=500)

    return guard
