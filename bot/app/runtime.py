"""The running bot of one workspace: parts put together, loops started, everything stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import structlog
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler

from bot import web_server
from bot.categories.command import Categories
from bot.categories.dialogs import CategoryDialogs
from bot.clock import Clock, utc_now
from bot.errors import ConfigurationError, SlackUnavailable
from bot.home import Home
from bot.listeners.bolt import PATH, create_app, create_client, create_web_app
from bot.models.drift import DriftWatch
from bot.models.retrain_command import RetrainCommand
from bot.models.retrain_requests import RetrainAnnouncer
from bot.policy import Thresholds
from bot.queue.inbox import Inbox, Kind
from bot.queue.outbox import Outbox
from bot.queue.serial_tasks import in_background
from bot.settings import Settings
from bot.slack.directory import Directory
from bot.slack.messenger import Messenger
from bot.slack.people import People
from bot.tickets.corrections import Corrections
from bot.tickets.memory_keeper import MemoryKeeper
from bot.tickets.owners import Owners
from bot.tickets.questions import Asker
from bot.tickets.review_queue import ReviewQueue
from bot.tickets.router import Router
from bot.tickets.why import Explainer
from bot.workspace import Workspace
from classifier.contract import Classifier, ModelControl
from storage.database import Database
from storage.feedback.categories import CategorySpec

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RunningBot:
    """A bot that listens. `url` is where Slack's requests go in HTTP mode, None in Socket Mode."""

    workspace: Workspace
    inbox: Inbox
    outbox: Outbox
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
    try:
        identity = await messenger.identity()
    except SlackUnavailable as error:
        hint = "check FINGERPOST_SLACK_BOT_TOKEN" if error.permanent else "check the network and try again"
        raise ConfigurationError(f"Slack did not accept the bot ({error.code}): {hint}.") from error
    async with database.unit_of_work() as work:
        await work.categories.sync(team_id=identity.team_id, specs=list(categories))
        await work.commit()
    outbox = Outbox(database, messenger, clock)
    directory = Directory(
        database, messenger, identity.team_id, settings.support_channels, settings.admin_channel
    )
    workspace = Workspace(
        identity=identity,
        database=database,
        classifier=classifier,
        messenger=messenger,
        people=People(messenger, settings.admins),
        directory=directory,
        clock=clock,
        wake_outbox=outbox.wake,
        thresholds=Thresholds(out_of_scope=settings.out_of_scope_threshold),
        retrain_min_labels=settings.retrain_min_labels,
        retrain_after_labels=settings.retrain_after_labels,
        models=models,
        next_retraining=next_retraining,
    )
    inbox = create_inbox(workspace, settings.inbox_workers)
    app = create_app(settings, inbox, client, CategoryDialogs(workspace))
    loops = (
        inbox.run(),
        outbox.run(),
        RetrainAnnouncer(workspace).run(),
        MemoryKeeper(workspace).run(),
        Asker(workspace, settings.question_plan()).run(),
        DriftWatch(workspace).run(),
        Owners(workspace).run(),
    )
    async with in_background(*loops) as tasks, contextlib.AsyncExitStack() as stack:
        if settings.socket_mode and settings.slack_app_token is not None:
            handler = AsyncSocketModeHandler(app, settings.slack_app_token.get_secret_value())
            await handler.connect_async()  # type: ignore[no-untyped-call]
            stack.push_async_callback(handler.close_async)
            url = None
        else:
            url = await stack.enter_async_context(_http(create_web_app(app), settings))
        log.info("bot_ready", team=identity.team_id, mode="socket" if url is None else "http", url=url)
        yield RunningBot(workspace, inbox, outbox, url, tasks)


def create_inbox(workspace: Workspace, workers: int) -> Inbox:
    """Connect each kind of event to its use case. One table."""
    corrections, explainer = Corrections(workspace), Explainer(workspace)
    home = Home(workspace, ReviewQueue(workspace, corrections))
    handlers = {
        Kind.MESSAGE: Router(workspace).route,
        Kind.REACTION: corrections.on_reaction,
        Kind.ACTION: corrections.on_action,
        Kind.WHY: explainer.on_command,
        Kind.WHY_BUTTON: explainer.on_button,
        Kind.PICTURE: explainer.on_picture,
        Kind.RETRAIN: RetrainCommand(workspace).on_command,
        Kind.HOME: home.on_opened,
        Kind.REVIEW: home.on_review,
        Kind.CATEGORY: Categories(workspace, corrections, home).on_request,
        Kind.MEMBER: Owners(workspace).on_membership,
    }
    return Inbox(workspace.database, handlers, workspace.clock, workers=workers, apologise=workspace.tell)


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
