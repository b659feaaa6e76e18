"""`fingerpost doctor`: looks at each thing the bot needs and says how to mend what is wrong."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import httpx
from rich.console import Console

from bot.errors import BotError, SlackUnavailable
from bot.listeners.bolt import create_client
from bot.settings import Settings
from bot.slack.messenger import Messenger
from classifier.contract import ClassifierError
from migrations.runner import is_current_async
from storage.database import Database
from storage.errors import StorageError

SCOPES = frozenset({
    "channels:history", "channels:read", "chat:write", "commands", "files:write", "groups:history",
    "groups:read", "reactions:read", "users:read",
})  # fmt: skip
"""What the bot uses today, and no more."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: what was looked at, whether it is fine, and what to do where it is not."""

    name: str
    ok: bool
    text: str


Check = Callable[[Settings], Coroutine[Any, Any, Finding]]


async def examine(settings: Settings, console: Console, local_model: Callable[[], str]) -> bool:
    """Run every check, print a line each, and return whether all are fine.

    Args:
        settings: what to look at.
        console: where to print.
        local_model: describes model and device of this machine; asked where no classifier service is named.
    """
    healthy = True
    ask_model: Check = functools.partial(check_classifier, local_model=local_model)
    for name, check in (*CHECKS, ("classifier", ask_model)):
        try:
            finding = await check(settings)
        except (BotError, StorageError, ClassifierError) as error:
            finding = Finding(name, False, str(error))
        healthy &= finding.ok
        mark = "[green]ok  [/green]" if finding.ok else "[red]FAIL[/red]"
        console.print(f"{mark} {finding.name}: ", end="")
        console.print(" ".join(finding.text.split()), markup=False, highlight=False, soft_wrap=True)
    return healthy


async def check_tokens(settings: Settings) -> Finding:
    """Are the tokens there, of the right kind, and accepted by Slack?"""
    messenger = Messenger(create_client(settings))
    app_token = settings.slack_app_token
    if settings.socket_mode and app_token and not app_token.get_secret_value().startswith("xapp-"):
        return Finding(
            "tokens",
            False,
            "FINGERPOST_SLACK_APP_TOKEN must begin with xapp-: Basic Information, App-Level Tokens.",
        )
    try:
        identity = await messenger.identity()
    except SlackUnavailable as error:
        return Finding(
            "tokens", False, f"Slack answered {error.code}: reinstall the app and copy its bot token."
        )
    mode = "Socket Mode" if settings.socket_mode else f"HTTP on port {settings.port}"
    return Finding("tokens", True, f"bot {identity.bot_user_id} in workspace {identity.team_id}, {mode}")


async def check_scopes(settings: Settings) -> Finding:
    """Does the bot's token hold every scope that the bot uses?"""
    client = create_client(settings)
    try:
        answer = await client.auth_test()
    except Exception as error:  # noqa: BLE001 - said in full by the check of the tokens
        return Finding("scopes", False, f"not known: Slack did not answer ({type(error).__name__}).")
    header = next((v for k, v in answer.headers.items() if k.lower() == "x-oauth-scopes"), None)
    if header is None:
        return Finding("scopes", True, "Slack did not list them")
    missing = sorted(SCOPES - {scope.strip() for scope in header.split(",")})
    if missing:
        return Finding(
            "scopes",
            False,
            f"missing {', '.join(missing)}: add them under OAuth & Permissions and reinstall.",
        )
    return Finding("scopes", True, f"all {len(SCOPES)} that are needed")


async def check_database(settings: Settings) -> Finding:
    """Can the database be reached, and does it have this version's tables?"""
    database = Database(settings.database_url)
    try:
        await database.ping()
    finally:
        await database.dispose()
    if not await is_current_async(settings.database_url):
        return Finding("database", False, "reachable, but behind this version: run `fingerpost db upgrade`.")
    return Finding("database", True, f"{database.dialect}, up to date")


async def check_classifier(settings: Settings, local_model: Callable[[], str]) -> Finding:
    """Does a model answer: the service's, or the active one on this machine?"""
    if settings.classifier_url:
        try:
            async with httpx.AsyncClient(timeout=5) as client:
                answer = await client.get(f"{settings.classifier_url.rstrip('/')}/readyz")
        except httpx.HTTPError as error:
            return Finding(
                "classifier",
                False,
                f"{settings.classifier_url} does not answer ({type(error).__name__}): "
                "start `fingerpost classifier`.",
            )
        return Finding(
            "classifier", answer.is_success, f"{settings.classifier_url} answered {answer.status_code}"
        )
    return Finding("classifier", True, await asyncio.to_thread(local_model))


CHECKS: tuple[tuple[str, Check], ...] = (
    ("tokens", check_tokens),
    ("scopes", check_scopes),
    ("database", check_database),
)
