"""The running bot of one workspace: parts put together, loops started, everything stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import structlog
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp

from bot import web_server
from bot.access import Access
from bot.categories.command import Categories
from bot.categories.dialogs import CategoryDialogs
from bot.clock import Clock, utc_now
from bot.errors import ConfigurationError, SlackUnavailable
from bot.health import Health
from bot.home import Home
from bot.listeners.bolt import create_app, create_client
from bot.listeners.http import PATH, create_web_app
from bot.models.drift import DriftWatch
from bot.models.retrain_command import RetrainCommand
from bot.models.retrain_requests import RetrainAnnouncer
from bot.policy import Thresholds
from bot.queue.backfill import Backfill
from bot.queue.inbox import Inbox, Kind
from bot.queue.outbox import Outbox
from bot.queue.serial_tasks import in_background
from bot.settings import Settings
from bot.slack.answers import ABOUT_US
from bot.slack.directory import Directory
from bot.slack.incoming import Accepted
from bot.slack.messenger import Messenger
from bot.slack.people import People
from bot.slack.turns import Turns
from bot.tickets.corrections import Corrections
from bot.tickets.deletions import Deletions, Forgetter
from bot.tickets.destinations import Destinations
from bot.tickets.edits import Edits
from bot.tickets.memory_keeper import MemoryKeeper
from bot.tickets.owners import Owners
from bot.tickets.questions import Asker
from bot.tickets.review_queue import ReviewQueue
from bot.tickets.router import Router
from bot.tickets.why import Explainer
from bot.uninstall import Uninstall
from bot.workspace import Workspace
from classifier.contract import Classifier, ModelControl
from storage.database import Database
from storage.feedback.categories import CategorySpec

START_CAP_SECONDS = 30.0
T = TypeVar("T")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RunningBot:
    """A bot that listens. `url` is where Slack's requests go in HTTP mode, None in Socket Mode."""

    workspace: Workspace
    inbox: Inbox
    outbox: Outbox
    destinations: Destinations
    url: str | None
    tasks: tuple[asyncio.Task[None], ...]

    async def wait(self) -> None:
        """Wait until a loop ends, which only a defect makes it do, and raise what it raised."""
        done, _ = await asyncio.wait(self.tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


@asynccontextmanager
async def running_bot(
    settings: Settings,
    database: Database,
    classifier: Classifier,
    categories: Sequence[CategorySpec],
    clock: Clock = utc_now,
    *,
    models: ModelControl | None = None,
    next_retraining: Callable[[datetime], datetime | None] | None = None,
) -> AsyncIterator[RunningBot]:
    """Start the bot; leaving the context stops listening first, then the workers.

    Args:
        settings: tokens and addresses.
        database: migrated already.
        classifier: in this process or remote.
        categories: what a workspace begins with; categories that exist are left alone.
        clock: the time.
        models: lets another version answer, where the bot can reach it.
        next_retraining: says when the schedule fires next.

    Raises:
        ConfigurationError: a token is missing or refused.
    """
    client = create_client(settings)
    messenger = Messenger(client)
    identity = await answered(messenger.identity, "FINGERPOST_SLACK_BOT_TOKEN")
    async with database.unit_of_work() as work:
        await work.categories.sync(team_id=identity.team_id, specs=list(categories))
        await work.commit()
    messenger = Messenger(client, identity, Turns(database, identity.team_id, clock))
    outbox = Outbox(database, messenger, identity.team_id, clock)
    directory = Directory(
        database, messenger, identity.team_id, clock, settings.support_channels, settings.admin_channel
    )
    people = People(messenger, identity, settings.admins)
    workspace = Workspace(
        identity=identity,
        database=database,
        classifier=classifier,
        messenger=messenger,
        people=people,
        directory=directory,
        access=Access(database, messenger, people, identity),
        clock=clock,
        wake_outbox=outbox.wake,
        thresholds=Thresholds(out_of_scope=settings.out_of_scope_threshold),
        retrain_min_labels=settings.retrain_min_labels,
        retrain_after_labels=settings.retrain_after_labels,
        models=models,
        next_retraining=next_retraining,
    )
    destinations = Destinations(workspace)
    outbox.on_unreachable = destinations.lost
    inbox = create_inbox(workspace, settings.inbox_workers, destinations)
    own_ids = frozenset({identity.bot_user_id, identity.bot_id})
    accepted = Accepted(frozenset(settings.accept_apps), own_ids)
    backfill = Backfill(workspace, inbox, accepted, settings.backfill_hours)
    app = create_app(inbox, identity, CategoryDialogs(workspace), accepted, backfill)
    loops = (
        *([backfill.run()] if settings.backfill_hours else []),
        inbox.run(),
        outbox.run(),
        destinations.run(),
        RetrainAnnouncer(workspace).run(),
        MemoryKeeper(workspace).run(),
        Asker(workspace, settings.question_plan()).run(),
        DriftWatch(workspace).run(),
        Forgetter(workspace, settings.retention_days).run(),
        Owners(workspace).run(after=destinations.first_look),
    )
    async with in_background(*loops) as tasks, contextlib.AsyncExitStack() as stack:
        await destinations.first_look()
        if settings.socket_mode and settings.slack_app_token is not None:
            await _connect(stack, app, messenger, settings.slack_app_token.get_secret_value(), backfill)
            url = None
        else:
            secret = settings.slack_signing_secret
            health = Health(database, identity.team_id, clock, tasks, messenger.gate)
            stack.push_async_callback(health.close)
            web_app = create_web_app(app, secret.get_secret_value() if secret else "", health.trouble)
            url = await stack.enter_async_context(_http(web_app, settings))
            backfill.missed()
        log.info("bot_ready", team=identity.team_id, mode="socket" if url is None else "http", url=url)
        yield RunningBot(workspace, inbox, outbox, destinations, url, tasks)


async def answered(ask: Callable[[], Awaitable[T]], setting: str) -> T:
    """Ask Slack something that the bot cannot start without, until Slack answers.

    Raises:
        ConfigurationError: Slack does answer, and refuses; the text names the setting.
    """
    for attempt in itertools.count():
        try:
            return await ask()
        except SlackUnavailable as error:
            if error.permanent or error.code in ABOUT_US:
                raise ConfigurationError(
                    f"Slack did not accept the bot ({error.code}): check {setting}."
                ) from error
            if attempt == 0:
                log.warning("waiting_for_slack", error=error.code, hint="the start goes on once it answers")
            await asyncio.sleep(error.retry_after or min(START_CAP_SECONDS, 2.0 ** min(attempt, 5)))
    raise AssertionError("unreachable")


async def _connect(
    stack: contextlib.AsyncExitStack, app: AsyncApp, messenger: Messenger, token: str, backfill: Backfill
) -> None:
    """Open Socket Mode; it closes with the stack."""
    handler = AsyncSocketModeHandler(app, token, web_client=messenger.client)
    handler.client.on_message_listeners.append(backfill.on_frame)
    stack.push_async_callback(handler.close_async)
    # The SDK tries a wrong token without end. From here on it connects, and connects again, by itself.
    ask = functools.partial(messenger.socket_address, token)
    handler.client.wss_uri = await answered(ask, "FINGERPOST_SLACK_APP_TOKEN")
    await handler.connect_async()  # type: ignore[no-untyped-call]


def create_inbox(workspace: Workspace, workers: int, destinations: Destinations) -> Inbox:
    """Connect each kind of event to its use case. One table."""
    corrections, explainer = Corrections(workspace), Explainer(workspace)
    home = Home(workspace, ReviewQueue(workspace, corrections))
    router = Router(workspace)
    handlers = {
        Kind.MESSAGE: router.route,
        Kind.EDIT: Edits(workspace, router, corrections).on_edit,
        Kind.DELETED: Deletions(workspace).on_deleted,
        Kind.REMOVED: Uninstall(workspace).on_event,
        Kind.REACTION: corrections.on_reaction,
        Kind.ACTION: corrections.on_action,
        Kind.WHY: explainer.on_command,
        Kind.WHY_BUTTON: explainer.on_button,
        Kind.PICTURE: explainer.on_picture,
        Kind.RETRAIN: RetrainCommand(workspace).on_command,
        Kind.HOME: home.on_opened,
        Kind.REVIEW: home.on_review,
        Kind.CATEGORY: Categories(workspace, corrections, home).on_request,
        Kind.MEMBER: Owners(workspace, destinations.look_soon).on_membership,
    }
    return Inbox(
        workspace.database,
        workspace.identity.team_id,
        handlers,
        workspace.clock,
        workers=workers,
        apologise=workspace.tell,
    )


@asynccontextmanager
async def _http(app: web.Application, settings: Settings) -> AsyncIterator[str]:
    serving = web_server.serving(app, settings.host, settings.port, shutdown_timeout=5)
    async with contextlib.AsyncExitStack() as stack:
        try:
            _, port = await stack.enter_async_context(serving)
        except OSError as error:
            raise ConfigurationError(
                f"Port {settings.port} on {settings.host} cannot be used ({error.strerror}): "
                "set FINGERPOST_PORT to a free one."
            ) from error
        yield f"http://{settings.host}:{port}{PATH}"
