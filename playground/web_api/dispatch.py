"""The endpoint of all Web API methods: arguments, faults, tokens, scopes, the answer, the journal."""

import asyncio
import json
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

from playground.errors import SlackError
from playground.faults import Fault, Faults
from playground.limits import Limits
from playground.web_api import chat, conversations, files, general, reactions, users, views
from playground.web_api.call import Call, Method, Services
from playground.workspace.journal import Journal
from playground.workspace.shapes import JSON
from playground.workspace.state import Installation

METHODS: Mapping[str, Method] = {
    **general.METHODS,
    **chat.METHODS,
    **conversations.METHODS,
    **users.METHODS,
    **reactions.METHODS,
    **views.METHODS,
    **files.METHODS,
}


class WebApi:
    """Answers `POST /api/<method>`."""

    def __init__(self, services: Services, faults: Faults, limits: Limits, journal: Journal) -> None:
        self._services = services
        self._faults = faults
        self._limits = limits
        self._journal = journal

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One call, from the request to the answer."""
        name = request.match_info["method"]
        arguments: JSON = {}
        call = Call(self._services, arguments)
        status, body = 200, arguments
        headers: dict[str, str] = {}
        fault, lost = self._faults.next_for(name), False
        try:
            arguments = await _arguments(request)
            token = _token(request, arguments)
            call, headers = self._authorized(name, token, arguments)
            self._limit(call, name)
            if fault and not fault.done:
                await _strike(fault)
            body = {"ok": True, **await METHODS[name].handler(call)}
            if fault and fault.done:
                await _strike(fault)
        except SlackError as error:
            body = error.to_slack()
        except _HttpFault as error:
            status, body, headers = error.status, error.body, error.headers
            if status == HTTPStatus.TOO_MANY_REQUESTS and call.caller:
                self._limits.refused(call.caller.team_id, name, float(headers["Retry-After"]))
        except _Reset:
            lost = True
        except Exception as error:  # noqa: BLE001 - whatever breaks here must be seen by whoever runs the tests
            status = 500
            body = {"ok": False, "error": "playground_error", "message": repr(error)}
            body["traceback"] = traceback.format_exc()
        self._journal.add("api", name, arguments, body, status, mentions=tuple(call.mentions))
        if lost:
            if request.transport:
                request.transport.abort()
            return web.Response(status=status)
        return web.json_response(body, status=status, headers=headers)

    def _limit(self, call: Call, name: str) -> None:
        if call.caller is None:
            return
        seconds = self._limits.take(call.caller.team_id, name, call.text("channel"))
        if seconds is not None:
            raise _too_many(seconds)

    def _authorized(self, name: str, token: str, arguments: JSON) -> tuple[Call, dict[str, str]]:
        method = METHODS.get(name)
        if method is None:
            raise SlackError("unknown_method", req_method=name)
        if method.caller == "anyone":
            return Call(self._services, arguments), {}
        if not token:
            raise SlackError("not_authed")
        app = self._services.state.app
        if method.caller == "app":
            if token != app.app_token:
                known = self._services.state.install(token) is not None
                raise SlackError("not_allowed_token_type" if known else "invalid_auth")
            return Call(self._services, arguments), {}
        installation = self._services.state.install(token)
        if installation is None:
            raise SlackError("not_allowed_token_type" if token == app.app_token else "invalid_auth")
        if installation.revoked:
            raise SlackError("token_revoked")
        _check_scopes(method, installation)
        headers = {
            "X-OAuth-Scopes": ",".join(sorted(installation.scopes)),
            "X-Accepted-OAuth-Scopes": ",".join(method.scopes),
        }
        return Call(self._services, arguments, installation), headers


class _HttpFault(Exception):
    def __init__(self, status: int, body: JSON, headers: dict[str, str]) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body
        self.headers = headers


class _Reset(Exception):
    """The connection closes without an answer."""


def _too_many(seconds: int) -> _HttpFault:
    return _HttpFault(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(seconds)})


async def _strike(fault: Fault) -> None:
    """What a fault does, before the method or in place of its answer."""
    if fault.kind == "rate_limit":
        raise _too_many(int(fault.value))
    if fault.kind == "http_status":
        raise _HttpFault(int(fault.value), {"ok": False, "error": "internal_error"}, {})
    if fault.kind == "error":
        raise SlackError(str(fault.value))
    if fault.kind == "reset":
        raise _Reset
    if fault.kind == "hang":
        await asyncio.sleep(float(fault.value))


def _check_scopes(method: Method, installation: Installation) -> None:
    if method.scopes and not installation.scopes.intersection(method.scopes):
        provided = ",".join(sorted(installation.scopes))
        raise SlackError("missing_scope", needed=",".join(method.scopes), provided=provided)


async def _arguments(request: web.Request) -> JSON:
    """Query, form and JSON body together, as Slack takes them."""
    arguments: JSON = dict(request.query)
    if request.content_type == "application/json":
        text = await request.text()
        try:
            body: Any = json.loads(text) if text else {}
        except ValueError:
            raise SlackError("invalid_json") from None
        if not isinstance(body, dict):
            raise SlackError("json_not_object")
        arguments |= body
    elif request.content_type in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        arguments |= {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    return arguments


def _token(request: web.Request, arguments: JSON) -> str:
    """Takes the token out of the header or the arguments, so that the journal never has it."""
    from_arguments = str(arguments.pop("token", None) or "")
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else from_arguments
