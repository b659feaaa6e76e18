"""`fingerpost doctor`: looks at each thing the bot needs and says how to mend what is wrong."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
from rich.console import Console

from bot.errors import BotError, ConfigurationError, SlackUnavailable
from bot.listeners.bolt import create_client
from bot.settings import Settings
from bot.slack.answers import ABOUT_US
from bot.slack.messenger import Messenger
from bot.slack.token_gate import REFUSED
from bot.uninstall import ACTION
from classifier.contract import ClassifierError
from migrations.runner import is_current_async
from storage.credentials import without_credentials
from storage.database import Database
from storage.errors import SchemaOutOfDate, StorageError
from storage.states import InboxState

SCOPES = frozenset({
    "channels:history", "channels:read", "chat:write", "commands", "files:write", "groups:history",
    "groups:read", "reactions:read", "users:read",
})  # fmt: skip
"""What the bot uses today, and no more."""


Check = Callable[[Settings], Coroutine[Any, Any, str]]
"""Returns what was found; an error of ours says what is wrong and what to do."""


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
            ok, text = True, await check(settings)
        except (BotError, StorageError, ClassifierError) as error:
            ok, text = False, str(error)
        healthy &= ok
        console.print(f"{'[green]ok  [/green]' if ok else '[red]FAIL[/red]'} {name}: ", end="")
        console.print(
            without_credentials(" ".join(text.split())), markup=False, highlight=False, soft_wrap=True
        )
    return healthy


async def check_tokens(settings: Settings) -> str:
    """Are the tokens there, of the right kind, and accepted by Slack?"""
    messenger = Messenger(create_client(settings))
    app_token = settings.slack_app_token
    if settings.socket_mode and app_token and not app_token.get_secret_value().startswith("xapp-"):
        raise ConfigurationError(
            "FINGERPOST_SLACK_APP_TOKEN must begin with xapp-: Basic Information, App-Level Tokens."
        )
    try:
        identity = await messenger.identity()
    except SlackUnavailable as error:
        removed = await _removed(settings) if error.code in REFUSED else ""
        refused = error.permanent or error.code in ABOUT_US
        cure = "reinstall the app and copy its bot token" if refused else "check the network, then try again"
        raise ConfigurationError(f"Slack answered {error.code}: {removed}{cure}.") from error
    mode = "Socket Mode" if settings.socket_mode else f"HTTP on port {settings.port}"
    return f"bot {identity.bot_user_id} in workspace {identity.team_id}, {mode}"


async def _removed(settings: Settings) -> str:
    """Say when a workspace removed the app last; "" where the database knows of nothing."""
    database = Database(settings.database_url)
    try:
        async with database.reader() as work:
            row = await work.audit.last(action=ACTION)
    except StorageError:
        return ""
    finally:
        await database.dispose()
    if row is None:
        return ""
    return f"workspace {row.subject} removed it on {row.at:%Y-%m-%d} (its data is kept); "


async def check_scopes(settings: Settings) -> str:
    """Does the bot's token hold every scope that the bot uses?"""
    client = create_client(settings)
    try:
        answer = await client.auth_test()
    except Exception as error:  # said in full by the check of the tokens
        raise ConfigurationError(f"not known: Slack did not answer ({type(error).__name__}).") from error
    header = next((v for k, v in answer.headers.items() if k.lower() == "x-oauth-scopes"), None)
    if header is None:
        return "Slack did not list them"
    if missing := sorted(SCOPES - {scope.strip() for scope in header.split(",")}):
        raise ConfigurationError(
            f"missing {', '.join(missing)}: add them under OAuth & Permissions and reinstall."
        )
    return f"all {len(SCOPES)} that are needed"


async def check_database(settings: Settings) -> str:
    """Can the database be reached, and does it have this version's tables?"""
    database = Database(settings.database_url)
    try:
        await database.ping()
    finally:
        await database.dispose()
    if not await is_current_async(settings.database_url):
        raise ConfigurationError("reachable, but behind this version: run `fingerpost db upgrade`.")
    return f"{database.dialect}, up to date"


async def check_inbox(settings: Settings) -> str:
    """Was anything that came from Slack given up?"""
    database = Database(settings.database_url)
    try:
        async with database.reader() as work:
            counts = await work.inbox.counts()
    except SchemaOutOfDate:
        return "not there yet: see the database"
    finally:
        await database.dispose()
    waiting = counts[InboxState.PENDING] + counts[InboxState.WORKING]
    if dead := counts[InboxState.DEAD]:
        raise ConfigurationError(
            f"{dead} given up, {waiting} waiting: `fingerpost inbox list` says why; once the cause is mended "
            "`fingerpost inbox replay --all` works on them again, `fingerpost inbox drop ID` forgets one."
        )
    return f"{waiting} waiting, none given up"


async def check_classifier(settings: Settings, local_model: Callable[[], str]) -> str:
    """Does a model answer: the service's, or the active one on this machine?"""
    url = settings.classifier_url
    if not url:
        return await asyncio.to_thread(local_model)
    try:
        async with httpx.AsyncClient(timeout=5) as client:
            answer = await client.get(f"{url.rstrip('/')}/readyz")
    except httpx.HTTPError as error:
        raise ConfigurationError(
            f"{url} does not answer ({type(error).__name__}): start `fingerpost classifier`."
        ) from error
    if not answer.is_success:
        raise ConfigurationError(f"{url} answered {answer.status_code}")
    return f"{url} answered {answer.status_code}"


async def check_channels(settings: Settings) -> str:
    """Can the bot post where categories go, and is it in the support channels, by its own last look?"""
    database = Database(settings.database_url)
    wrong, seen = [], 0
    try:
        async with database.reader() as work:
            for team_id in await work.categories.teams():
                joined = await work.known_channels.joined(team_id=team_id)
                seen += len(joined)
                names = {name for row in joined for name in (row.name, row.channel_id)}
                wrong += [f"not in support channel {n}" for n in settings.support_channels if n not in names]
                wrong += [
                    f"cannot post for {row.name} in #{row.destination} ({row.destination_trouble})"
                    for row in await work.categories.active(team_id=team_id)
                    if row.destination and row.destination_trouble
                ]
    except StorageError:  # said in full by the check of the database
        seen = 0
    finally:
        await database.dispose()
    if not seen:
        return "not known yet: the bot looks when it runs"
    if wrong:
        raise ConfigurationError(
            f"{'; '.join(wrong)}. Invite the bot, or choose another channel with `/categories destination`."
        )
    return f"the bot is in {seen}, and can post where categories go"


CHECKS: tuple[tuple[str, Check], ...] = (
    ("tokens", check_tokens),
    ("scopes", check_scopes),
    ("database", check_database),
    ("channels", check_channels),
    ("inbox", check_inbox),
)
