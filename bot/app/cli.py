"""The command line and the composition root: settings -> objects -> start.

Only this module may import the engine, the client and the scheduler, and only inside the command that needs
them: `fingerpost bot` with a remote classifier starts without torch.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import structlog
import typer
from pydantic import ValidationError
from rich.console import Console

from benchmarks.cli import bench as bench_commands
from bot import logs
from bot.app.data_commands import commands as data_commands
from bot.app.inbox_commands import commands as inbox_commands
from bot.clock import utc_now
from bot.errors import BotError, ConfigurationError
from bot.settings import Settings
from classifier.cli.explain import commands as explain_commands
from classifier.cli.labels import suspects as labels_suspects
from classifier.cli.model import commands as model_commands
from classifier.cli.tuning import commands as tuning_commands
from classifier.contract import ClassifierError
from storage.credentials import without_credentials
from storage.errors import StorageError

if TYPE_CHECKING:
    from classifier.model.registry import Registry

USAGE_ERROR = 2
"""Exit code for input, settings or surroundings that a person has to mend."""

app = typer.Typer(
    name="fingerpost",
    help="Routes support tickets in Slack, shows the words it looked at, learns from every correction.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(model_commands)
app.add_typer(explain_commands)
app.add_typer(tuning_commands)
app.add_typer(bench_commands, name="bench")
database_commands = typer.Typer(help="The database: bring it up to date, check it.", no_args_is_help=True)
app.add_typer(database_commands, name="db")
app.add_typer(inbox_commands, name="inbox")
models_commands = typer.Typer(help="The model versions on this machine.", no_args_is_help=True)
app.add_typer(models_commands, name="models")
labels_commands = typer.Typer(help="The labels that people gave.", no_args_is_help=True)
app.add_typer(labels_commands, name="labels")
labels_commands.command("suspects")(labels_suspects)
app.add_typer(data_commands, name="data")

out, err = Console(), Console(stderr=True)
log = structlog.get_logger(__name__)


def main() -> None:
    """Run a command; every expected error is one line that says what to do, and exit code 2.

    What it makes is its owner's alone: databases, models, exports and reports hold messages.
    """
    os.umask(0o077)
    try:
        app()
    except (BotError, ClassifierError, StorageError, ConfigurationError) as error:
        fail(str(error))
    except ValidationError as error:
        first = error.errors()[0]
        prefix = "FINGERPOST_CLASSIFIER_" if error.title == "ClassifierSettings" else "FINGERPOST_"
        name = prefix + "_".join(str(part) for part in first["loc"]).upper()
        fail(f"{name} is wrong: {first['msg']}.")


def fail(text: str) -> None:
    """End with one line on standard error."""
    sys.stderr.write("error: " + without_credentials(" ".join(text.split())) + "\n")
    raise SystemExit(USAGE_ERROR)


# --- the roles ----------------------------------------------------------------------------------------------


@app.command()
def run() -> None:
    """Start everything in one process: bot, classifier, scheduler."""
    settings = _settings()
    from bot.app.compose import serve_everything

    _run_until_signal(serve_everything(settings))


@app.command()
def bot() -> None:
    """Start the Slack side alone; FINGERPOST_CLASSIFIER_URL names the classifier service."""
    settings = _settings()
    if not settings.classifier_url:
        raise ConfigurationError(
            "FINGERPOST_CLASSIFIER_URL is not set: `fingerpost bot` asks a classifier service. "
            "Start one with `fingerpost classifier`, or use `fingerpost run` to have all in one process."
        )
    from bot.app.compose import serve_bot

    _run_until_signal(serve_bot(settings))


@app.command()
def classifier() -> None:
    """Serve the active model over HTTP."""
    from bot.app.compose import serve_classifier
    from classifier.serving.http.server import run_fast
    from classifier.settings import ClassifierSettings

    _settings()
    run_fast(serve_classifier(ClassifierSettings()))


@app.command()
def scheduler() -> None:
    """Retrain on a schedule and whenever an admin asks."""
    from bot.app.compose import serve_scheduler

    _run_until_signal(serve_scheduler(_settings()))


def _settings() -> Settings:
    settings = Settings()
    logs.configure(settings.log_level, as_json=settings.log_json)
    return settings


def _run_until_signal(work: Coroutine[Any, Any, None]) -> None:
    """Run until SIGINT or SIGTERM, then leave every context in order."""
    from bot.web_server import raise_file_limit

    raise_file_limit()

    async def supervised() -> None:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # Windows has no loop signal handlers
                loop.add_signal_handler(number, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(supervised())


# --- the rest -----------------------------------------------------------------------------------------------


@app.command()
def demo(
    check: Annotated[
        bool, typer.Option("--check", help="Play the whole story without a page, then exit.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the steps of --check here.")] = None,
    port: Annotated[int, typer.Option(help="Port of the page; 0 takes a free one.")] = 8700,
    home: Annotated[Path, typer.Option(help="Where models and the database are kept.")] = Path(
        ".fingerpost/demo"
    ),
) -> None:
    """Serve a local Slack workspace with the real bot in it; no Slack account is needed."""
    from bot.app.demo import DemoOptions, check_story, serve_demo

    logs.configure("WARNING")
    options = DemoOptions(home=home, port=port)
    if check:
        raise SystemExit(asyncio.run(check_story(options, json_file)))
    _run_until_signal(serve_demo(options))


@app.command()
def doctor() -> None:
    """Check tokens, scopes, database, model and device, and say how to mend what is wrong."""
    from bot.app.compose import describe_local_model
    from bot.app.doctor import examine

    logs.configure("ERROR")
    healthy = asyncio.run(examine(Settings(), out, describe_local_model))
    raise SystemExit(0 if healthy else USAGE_ERROR)


@database_commands.command("upgrade")
def db_upgrade() -> None:
    """Bring the database to this version's tables."""
    from migrations.runner import upgrade

    upgrade(Settings().database_url)
    out.print("The database is up to date.")


@database_commands.command("check")
def db_check() -> None:
    """Say whether the database is up to date; exit code 2 where it is not."""
    from migrations.runner import is_current

    if not is_current(Settings().database_url):
        fail("The database is behind this version: run `fingerpost db upgrade`.")
    out.print("The database is up to date.")


@labels_commands.command("import")
def labels_import(
    file: Annotated[Path, typer.Argument(help="A CSV file with the columns text,label.")],
    team: Annotated[str | None, typer.Option(help="Workspace id; needed where there are several.")] = None,
) -> None:
    """Add labelled messages from a CSV file; importing a file twice changes nothing."""
    from bot.app.compose import open_database
    from bot.tickets.label_files import import_labels, only_team
    from classifier.data.dataset import read_examples

    async def work() -> int:
        rows = [(example.text, example.label) for example in read_examples(file)]
        async with open_database(Settings()) as database:
            return await import_labels(database, team or await only_team(database), rows, utc_now())

    out.print(f"{asyncio.run(work())} new labels.")


@labels_commands.command("export")
def labels_export(
    file: Annotated[Path, typer.Argument(help="Where to write the CSV file.")],
    team: Annotated[str | None, typer.Option(help="Workspace id; needed where there are several.")] = None,
) -> None:
    """Write every labelled message, redacted as it was stored, as CSV with the columns text,label."""
    from bot.app.compose import open_database
    from bot.tickets.label_files import export_labels, only_team
    from classifier.files import write_text

    async def work() -> list[tuple[str, str]]:
        async with open_database(Settings()) as database:
            return await export_labels(database, team or await only_team(database))

    rows = asyncio.run(work())
    table = io.StringIO(newline="")
    csv.writer(table).writerows([("text", "label"), *rows])
    write_text(file, table.getvalue())
    out.print(f"{len(rows)} labels.")


@models_commands.command("list")
def models_list() -> None:
    """List the versions, oldest first; the active one has a star."""
    registry = _registry()
    active = registry.active()
    for version in registry.list():
        out.print(f"{'*' if version == active else ' '} {version}", highlight=False)


@models_commands.command("activate")
def models_activate(version: str) -> None:
    """Let a version answer from now on; running classifiers follow within a second or two."""
    _registry().activate(version)
    out.print(f"{version} is active.", highlight=False)


@models_commands.command("rollback")
def models_rollback() -> None:
    """Go back to the version that answered before."""
    out.print(f"{_registry().rollback()} is active again.", highlight=False)


def _registry() -> Registry:
    from classifier.model.registry import Registry
    from classifier.settings import ClassifierSettings

    return Registry(ClassifierSettings().model_home)
