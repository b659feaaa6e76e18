"""`fingerpost demo`: a local Slack workspace with the real bot and a real model, without an account."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
import webbrowser
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import SecretStr
from rich.console import Console

from bot.app.compose import demo_model_settings, everything, starter
from bot.app.runtime import RunningBot
from bot.app.story import Story, StoryFailed
from bot.blocks.retraining import STAGES, duration
from bot.queue.serial_tasks import in_background, poll
from bot.settings import Settings
from playground.server import Playground
from storage.models import RunState

BANNER_SECONDS = 0.5
HELLO = "Hi, the password reset link says it has expired and now I am locked out of my account :sob:"


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """Where the demo keeps its files and where its page is."""

    home: Path
    port: int = 8700


@dataclass(slots=True)
class Steps:
    """Prints what is being done and how long each step took."""

    console: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))
    clock: Callable[[], float] = time.monotonic
    started: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """Print a line with the seconds since the start."""
        self.console.print(f"[dim]{self.clock() - self.started:6.1f} s[/dim]  {text}")


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that is up."""

    playground: Playground
    bot: RunningBot
    steps: Steps
    first_answer_seconds: float


@asynccontextmanager
async def running_demo(options: DemoOptions, *, hello: bool = True) -> AsyncIterator[Demo]:
    """Start the workspace, then the bot in it; send a first message and time its answer."""
    steps = Steps()
    steps.say("Opening a local Slack workspace")
    async with contextlib.AsyncExitStack() as stack:
        playground = Playground(channels=[category.destination for category in starter().categories])
        await playground.start(host="127.0.0.1", port=options.port)
        stack.push_async_callback(playground.stop)
        steps.say(f"The page is at [link]{playground.url}[/link]; the bot joins in a moment")
        playground.set_banner({"text": "Loading the encoder and a first model", "state": "working"})
        settings = _settings(options, playground)
        steps.say("Loading the encoder; without a model yet, a first one is fitted in seconds")
        bot = await stack.enter_async_context(everything(settings, demo_model_settings(options.home)))
        playground.app.request_url = bot.url
        steps.say(
            f"The bot is in the workspace, with model {(await bot.workspace.classifier.model()).version}"
        )
        playground.set_banner(None)
        seconds = await _first_answer(playground, steps) if hello else 0.0
        banner = TrainingBanner(playground, bot, steps)
        await banner.refresh()
        await stack.enter_async_context(in_background(poll("banner", banner.refresh, BANNER_SECONDS)))
        yield Demo(playground, bot, steps, seconds)


async def serve_demo(options: DemoOptions) -> None:
    """Serve until stopped."""
    async with running_demo(options) as demo:
        demo.steps.say(
            f"Write something in #help-desk: [bold]{demo.playground.url}[/bold]   (Ctrl+C ends it)"
        )
        if sys.stdout.isatty() and (sys.platform == "darwin" or os.environ.get("DISPLAY")):
            webbrowser.open(demo.playground.url)
        await demo.bot.wait()


async def check_story(options: DemoOptions, json_file: Path | None) -> int:
    """Play the whole story over HTTP against a demo of its own; 0 where every step came true."""
    record: dict[str, Any] = {"ok": False, "steps": []}
    try:
        async with running_demo(DemoOptions(options.home, port=0)) as demo:
            record["first_answer_seconds"] = round(demo.first_answer_seconds, 2)
            story = Story(demo.playground.url, demo.steps.say)
            try:
                await story.play()
                record["ok"] = True
            except StoryFailed as failure:
                record["reason"] = str(failure)
            finally:
                record["steps"] = story.steps
                await story.close()
            record["seconds"] = round(demo.steps.clock() - demo.steps.started, 1)
            demo.steps.say("Every step came true" if record["ok"] else f"Failed: {record['reason']}")
    finally:
        if json_file is not None:
            text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
            await asyncio.to_thread(json_file.write_text, text, encoding="utf-8")
    return 0 if record["ok"] else 1


def _settings(options: DemoOptions, playground: Playground) -> Settings:
    """Point the bot at the playground; nothing of a real workspace in the environment may leak in."""
    return Settings(
        _env_file=None,
        slack_bot_token=SecretStr(playground.app.token),
        slack_signing_secret=SecretStr(playground.app.signing_secret),
        slack_app_token=None,
        slack_api_url=playground.api_url,
        mode="http",
        host="127.0.0.1",
        port=0,
        database_url=f"sqlite+aiosqlite:///{_workspace_file(options)}",
        support_channels=("help-desk",),
        admins=(),
        retrain_min_labels=1,
        classifier_url=None,
    )


def _workspace_file(options: DemoOptions) -> Path:
    """Begin with an empty database each time, as the playground does; models are kept."""
    options.home.mkdir(parents=True, exist_ok=True)
    path = options.home / "workspace.db"
    for leftover in options.home.glob("workspace.db*"):
        leftover.unlink()
    return path


async def _first_answer(playground: Playground, steps: Steps) -> float:
    """Post a first message as a person and wait for the card."""
    posted = time.monotonic()
    ts = await playground.post_message("U0SAM", "C0HELP", HELLO)
    await playground.wait_for(lambda: playground.thread("C0HELP", ts), timeout=60)
    seconds = time.monotonic() - posted
    total = steps.clock() - steps.started
    steps.say(f"First answer: {seconds:.2f} s after the message, {total:.1f} s after the start")
    return total


class TrainingBanner:
    """Shows the newest run as a banner on the page, and its end as a line in the terminal."""

    def __init__(self, playground: Playground, bot: RunningBot, steps: Steps) -> None:
        self._playground = playground
        self._space = bot.workspace
        self._steps = steps
        self._told: UUID | None = None

    async def refresh(self) -> None:
        """Show what is true now."""
        async with self._space.database.reader() as work:
            run = await work.runs.latest(team_id=self._space.identity.team_id)
        if run is None or run.id == self._told:
            return
        if run.state in {RunState.QUEUED, RunState.RUNNING}:
            progress = run.progress or {}
            stage = STAGES.get(str(progress.get("stage", "queued")), "Training")
            self._playground.set_banner({
                "text": f"{stage}: a better model is on its way, this one answers meanwhile",
                "fraction": progress.get("fraction", 0.0),
                "eta_seconds": progress.get("eta_seconds"),
                "state": "working",
            })  # fmt: skip
            return
        version = (await self._space.classifier.model()).version
        if run.state == RunState.DONE and version != run.model_version:
            return  # the swap is under way; look again
        self._told = run.id
        metrics = run.metrics or {}
        text, state = f"The model stays as it was: {run.reason}", "error"
        if run.state == RunState.DONE:
            right = f"{100 * float(metrics['accuracy']):.1f}% of held-out messages right"
            text, state = (
                f"The new model is live after {duration(float(metrics['seconds']))}: {right}",
                "done",
            )
        self._playground.set_banner({"text": text, "state": state})
        self._steps.say(text)
