"""Puts the roles together: settings -> objects -> start. With `bot/app/cli.py` the composition root.

Each part is imported only inside the function that needs it, so that a bot with a remote classifier starts
without the engine, a classifier service without Slack and the database, and all of them sooner.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from bot.clock import utc_now
from bot.errors import ConfigurationError
from bot.queue.serial_tasks import in_background
from bot.settings import Settings
from classifier.contract import Classifier, ModelControl

if TYPE_CHECKING:
    from bot.app.runtime import RunningBot
    from classifier.client.client import RemoteClassifier
    from classifier.data.dataset import StarterPack
    from classifier.model.registry import Registry
    from classifier.retraining.scheduler import WallClockTrigger
    from classifier.settings import ClassifierSettings
    from storage.database import Database
    from storage.feedback.categories import CategorySpec

log = structlog.get_logger(__name__)
DAY_ONE_PER_CATEGORY = 100
"""So many starter messages a category are embedded for the first model: people wait for it."""

_QUICK = {"epochs": 3, "sharpness": 0, "word_scorer": 200}
"""How the demo trains: in a third of the recipe's time, a little worse."""


@asynccontextmanager
async def everything(settings: Settings, own: ClassifierSettings) -> AsyncIterator[RunningBot]:
    """Run bot, classifier and scheduler in this process.

    The bot listens while the model is loaded; what people write meanwhile waits in the inbox.
    """
    from bot.listeners.bolt import create_client
    from classifier.model.registry import Registry
    from classifier.serving.starting import starting

    registry = Registry(own.model_home)
    create_client(settings)  # a token that is missing is said before time goes into a model
    async with AsyncExitStack() as stack:
        classifier = await stack.enter_async_context(starting(local_classifier(own)))
        database = await stack.enter_async_context(open_database(settings))
        running = await _start_bot(stack, settings, database, classifier, classifier)
        await classifier.loaded()
        await start_retraining(stack, settings, own, database, registry, classifier)
        yield running


async def serve_everything(settings: Settings) -> None:
    """`fingerpost run`."""
    from classifier.settings import ClassifierSettings

    async with everything(settings, ClassifierSettings()) as running:
        await running.wait()


async def serve_bot(settings: Settings) -> None:
    """`fingerpost bot`: the Slack side with a remote classifier."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings))
        remote = remote_classifier(stack, settings)
        running = await _start_bot(stack, settings, database, remote, remote)
        await running.wait()


async def _start_bot(
    stack: AsyncExitStack,
    settings: Settings,
    database: Database,
    classifier: Classifier,
    models: ModelControl,
) -> RunningBot:
    """Start the bot; it ends with the stack."""
    from bot.app.runtime import running_bot

    categories, after = category_specs(starter()), next_retraining(settings)
    bot = running_bot(settings, database, classifier, categories, models=models, next_retraining=after)
    return await stack.enter_async_context(bot)


def remote_classifier(stack: AsyncExitStack, settings: Settings) -> RemoteClassifier:
    """The classifier service at FINGERPOST_CLASSIFIER_URL; closed with the stack."""
    from classifier.client.client import RemoteClassifier

    token = settings.classifier_token.get_secret_value() if settings.classifier_token else None
    remote = RemoteClassifier(settings.classifier_url or "", token=token, timeout=settings.classifier_timeout)
    stack.push_async_callback(remote.close)
    return remote


async def serve_classifier(own: ClassifierSettings) -> None:
    """`fingerpost classifier`: the active model over HTTP."""
    from classifier.serving.http.asgi import create_service
    from classifier.serving.http.server import ServerOptions, listen, run_service

    if own.token is None and own.host not in {"127.0.0.1", "::1", "localhost"}:
        raise ConfigurationError(
            "FINGERPOST_CLASSIFIER_TOKEN is not set: without one the service listens on 127.0.0.1 alone, "
            f"not on {own.host}."
        )
    token = own.token.get_secret_value() if own.token else None
    service = create_service(None, token, timeout=own.timeout_seconds)
    options = ServerOptions(connections=own.connections, drain_seconds=own.drain_seconds)
    await run_service(service, local_classifier(own), listen(own.host, own.port), options)


async def serve_scheduler(settings: Settings) -> None:
    """`fingerpost scheduler`: the cron, and the worker that carries runs out."""
    from classifier.model.registry import Registry
    from classifier.settings import ClassifierSettings

    own = ClassifierSettings()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings))
        classifier = remote_classifier(stack, settings) if settings.classifier_url else None
        await start_retraining(stack, settings, own, database, Registry(own.model_home), classifier)
        await asyncio.Event().wait()


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """Open the database, brought up to date; SQLite is made where there is none."""
    from migrations.runner import upgrade_async
    from storage.database import Database

    await upgrade_async(settings.database_url)
    database = Database(settings.database_url)
    try:
        await database.ping()
        yield database
    finally:
        await database.dispose()


@asynccontextmanager
async def local_classifier(settings: ClassifierSettings) -> AsyncIterator[tuple[Classifier, ModelControl]]:
    """Load the active model, or fit a day-one model first; follow the registry from then on."""
    # takes seconds, in which a service that listens already has to say so
    await asyncio.to_thread(importlib.import_module, "classifier.serving.engine")
    from classifier.model.registry import Registry
    from classifier.serving.control import RegistryControl
    from classifier.serving.engine import LocalClassifier
    from classifier.serving.registry_watcher import RegistryWatcher

    registry = Registry(settings.model_home)
    await asyncio.to_thread(ensure_first_model, registry, settings)
    path = registry.active_path()
    if path is None:
        raise ConfigurationError("No model is active: `fingerpost models activate VERSION` picks one.")
    engine = await LocalClassifier.open(path, settings.engine_settings())
    watcher = RegistryWatcher(registry, engine, settings.watch_seconds)
    try:
        async with in_background(watcher.run(), engine.race()):
            yield engine, RegistryControl(registry, engine, watcher)
    finally:
        await engine.close()


def ensure_first_model(registry: Registry, settings: ClassifierSettings) -> None:
    """Fit a frozen encoder with a linear head on the starter pack, where no model is active yet."""
    if registry.active() is not None:
        return
    from classifier.evaluation.model_card import model_card
    from classifier.training.fit import fit_day_one

    log.info("day_one_model_started")
    seen: Counter[str] = Counter()
    few = []
    for example in starter().train:
        seen[example.label] += 1
        if seen[example.label] <= DAY_ONE_PER_CATEGORY:
            few.append(example)
    result = fit_day_one(few, settings.training_config(), created=utc_now())
    registry.activate(registry.publish(result.model, card=model_card(result.model.facts)))
    log.info("day_one_model_ready", seconds=round(result.seconds, 1))


async def start_retraining(
    stack: AsyncExitStack,
    settings: Settings,
    own: ClassifierSettings,
    database: Database,
    registry: Registry,
    classifier: Classifier | None,
) -> None:
    """Start the cron, the worker, shadow times and the mirror of the registry; they end with the stack.

    Without a classifier no categories are proposed.
    """
    from classifier.retraining.discovery_job import propose_everywhere
    from classifier.retraining.scheduler import create_scheduler
    from classifier.retraining.shadow import ShadowTime
    from classifier.retraining.version_records import keep_mirrored
    from classifier.retraining.worker import RetrainWorker

    async def propose() -> None:
        if classifier is not None:
            await propose_everywhere(database, classifier, utc_now())

    schedule = create_scheduler(
        database,
        retraining_trigger(settings),
        settings.retrain_min_labels,
        utc_now,
        after_labels=settings.retrain_after_labels,
        daily=propose if classifier is not None else None,
    )
    schedule.start()
    stack.callback(schedule.shutdown, wait=False)
    worker = RetrainWorker(database, registry, own, starter(), utc_now)
    shadow = ShadowTime(database, registry, own, utc_now)
    mirroring = keep_mirrored(database, registry, utc_now)
    await stack.enter_async_context(in_background(mirroring, worker.run(), shadow.run()))


def retraining_trigger(settings: Settings) -> WallClockTrigger:
    """Read the cron of the settings."""
    from classifier.retraining.scheduler import cron_trigger

    try:
        return cron_trigger(settings.retrain_cron, settings.retrain_timezone)
    except ValueError as error:
        raise ConfigurationError(f"FINGERPOST_RETRAIN_CRON is wrong: {error}.") from error


def next_retraining(settings: Settings) -> Callable[[datetime], datetime | None]:
    """Return what says when the schedule fires next after a moment."""
    trigger = retraining_trigger(settings)

    def after(now: datetime) -> datetime | None:
        at: datetime | None = trigger.get_next_fire_time(None, now)
        return at.astimezone(UTC) if at is not None else None

    return after


def describe_local_model() -> str:
    """Say which model this machine would answer with, and on what, for `fingerpost doctor`.

    Raises:
        ConfigurationError: torch is missing.
        BrokenModel: the active version's files are not whole.
    """
    if importlib.util.find_spec("torch") is None:
        raise ConfigurationError(
            "torch is not installed: install fingerpost[classifier], or set FINGERPOST_CLASSIFIER_URL."
        )
    import torch

    from classifier.model.integrity import read_facts, verify
    from classifier.model.registry import Registry
    from classifier.settings import ClassifierSettings

    device = "CPU" if not torch.cuda.is_available() else f"GPU {torch.cuda.get_device_name(0)}"
    path = Registry(ClassifierSettings().model_home).active_path()
    if path is None:
        return f"no model yet: `fingerpost run` fits a first one from the starter pack, on the {device}"
    verify(path)
    return f"{path.name} ({read_facts(path).kind}), its files are whole; runs on the {device}"


def demo_model_settings(home: Path) -> ClassifierSettings:
    """Return the demo's classifier settings: the environment's, but for where models are kept.

    Where the environment says nothing of how to train, the demo trains in a third of the recipe's time:
    people wait for it.
    """
    from classifier.settings import ClassifierSettings

    settings = ClassifierSettings(model_home=home / "models", watch_seconds=0.5)
    if settings.options or settings.epochs:
        return settings
    home.mkdir(parents=True, exist_ok=True)
    options = home / "training.json"
    options.write_text(json.dumps(_QUICK) + "\n", encoding="utf-8")
    return settings.model_copy(update={"options": options})


def starter() -> StarterPack:
    """Read the starter pack."""
    from classifier.data.dataset import starter_pack

    return starter_pack()


def category_specs(pack: StarterPack) -> list[CategorySpec]:
    """Return the starter pack's categories as rows for the storage."""
    from storage.feedback.categories import CategorySpec

    return [CategorySpec(**asdict(category)) for category in pack.categories]
