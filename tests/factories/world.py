"""A workspace with the real bot in it: the playground, a real database, a scripted model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import SecretStr
from sqlalchemy import select

from bot.app.runtime import RunningBot, running_bot
from bot.clock import Clock, utc_now
from bot.settings import Settings
from classifier.contract import Classifier, ModelControl
from classifier.testing import ScriptedClassifier
from playground.server import Playground
from storage.database import Database
from storage.feedback.categories import CategorySpec
from storage.models import Prediction, Reply, ReplyState, Ticket

HELP, TEAM = "C0HELP", "T0ACME"
ANNA, SAM, LENA = "U0ANNA", "U0SAM", "U0LENA"
GUEST, STRANGER, OTHER_BOT, BOT = "U0GUEST", "U0STRANGER", "U0OTHERBOT", "U0FPOST"
CATEGORIES = (
    CategorySpec("login", "Sign-in", "key", "Passwords and codes", "team-identity"),
    CategorySpec("network", "Network", "satellite_antenna", "Wi-Fi and VPN", "team-network"),
    CategorySpec("billing", "Billing", "credit_card", "Invoices and refunds", "team-billing"),
)
KEYWORDS = {"password": "login", "vpn": "network", "invoice": "billing"}


@dataclass(slots=True)
class World:
    """The parts of a test, and what people see in it."""

    playground: Playground
    bot: RunningBot
    model: ScriptedClassifier
    database: Database

    async def say(self, text: str | None, user: str = SAM, channel: str = HELP, **overrides: Any) -> str:
        return await self.playground.post_message(user, channel, text, **overrides)

    async def card(
        self, ts: str, wanted: Callable[[str], bool] = lambda _text: True, channel: str = HELP
    ) -> dict[str, Any]:
        """Wait for the bot's card under a message, with wanted text."""

        def look() -> dict[str, Any] | None:
            cards = [m for m in self.playground.thread(channel, ts) if m.get("bot_id")]
            return next((m for m in cards if wanted(text_of(m))), None)

        found: dict[str, Any] = await self.playground.wait_for(look)
        return found

    async def quiet(self, within: float = 10.0) -> None:
        """Wait until the bot has nothing left to do."""
        await self.playground.wait_for(self.idle, timeout=within)

    async def bot_counts(self) -> dict[str, int]:
        """Count the events by what became of them."""
        async with self.database.reader() as work:
            return {state.value: count for state, count in (await work.inbox.counts()).items()}

    async def idle(self) -> bool:
        """Say whether nothing is left to do."""
        async with self.database.reader() as work:
            counts = await work.inbox.counts()
            waiting = counts.get("pending", 0) + counts.get("working", 0) + self.playground.delivery.pending
            return not waiting and not await unsent(work)

    async def delivered(self, kind: str, method: str, count: int = 1) -> None:
        """Wait until so many deliveries of a kind were acknowledged."""
        await self.playground.wait_for(
            lambda: (
                sum(e.kind == kind and e.method == method and e.ok for e in self.playground.journal) >= count
            )
        )

    async def private(self, user: str, wanted: Callable[[str], bool] = lambda _text: True) -> dict[str, Any]:
        """Wait for a message that only this person sees."""

        def look() -> dict[str, Any] | None:
            return next((m for m in self.playground.ephemerals(user) if wanted(text_of(m))), None)

        found: dict[str, Any] = await self.playground.wait_for(look)
        return found

    async def labels(self, ts: str) -> list[tuple[str | None, str]]:
        """Return (category, user) of the labels that stand for a message."""
        async with self.database.reader() as work:
            ticket = await work.tickets.find(team_id=TEAM, channel_id=HELP, ts=ts)
            assert ticket is not None
            active = await work.labels.active_for(team_id=TEAM, ticket_id=ticket.id)
            return [(label.category, label.user_id) for label in active]

    async def tickets(self) -> int:
        async with self.database.reader() as work:
            return await work.tickets.count(team_id=TEAM)

    def element(self, card: dict[str, Any], action_id: str) -> dict[str, Any]:
        """Return a button or menu of a card."""
        elements = [e for block in card["blocks"] for e in block.get("elements", [])]
        return next(e for e in elements if e.get("action_id") == action_id)

    async def press(self, user: str, card: dict[str, Any], action_id: str, option: str | None = None) -> None:
        """Press a button, or choose the option whose value ends with `option`."""
        element = self.element(card, action_id)
        if option is None:
            result = await self.playground.click(user, HELP, card["ts"], action_id, value=element["value"])
        else:
            chosen = next(o for o in element["options"] if o["value"].endswith(f":{option}"))
            result = await self.playground.click(user, HELP, card["ts"], action_id, selected_option=chosen)
        assert result.ok, result


async def decided(
    playground: Playground, database: Database, texts: Sequence[str]
) -> list[tuple[Ticket, Prediction]]:
    """Wait until the tickets with these texts were decided."""
    query = select(Ticket, Prediction).join(Prediction, Prediction.ticket_id == Ticket.id)

    async def look() -> list[tuple[Ticket, Prediction]] | None:
        async with database.reader() as work:
            found = {ticket.text: (ticket, row) for ticket, row in await work.session.execute(query)}
        return [found[text] for text in texts] if found.keys() >= set(texts) else None

    rows: list[tuple[Ticket, Prediction]] = await playground.wait_for(look, timeout=300)
    return rows


async def unsent(work: Any) -> bool:
    query = select(Reply.id).where(Reply.state.in_((ReplyState.PENDING, ReplyState.SENDING))).limit(1)
    return await work.session.scalar(query) is not None


def text_of(message: dict[str, Any]) -> str:
    """Return all text of a message."""
    parts = [message.get("text", "")]
    for block in message.get("blocks") or []:
        if isinstance(block.get("text"), dict):
            parts.append(block["text"]["text"])
        parts += [e["text"] for e in block.get("elements", []) if isinstance(e.get("text"), str)]
    return "\n".join(parts)


def settings_for(
    playground: Playground, database_url: str, *, socket: bool = False, **changes: Any
) -> Settings:
    """Return settings that point at the playground."""
    values: dict[str, Any] = {
        "slack_bot_token": SecretStr(playground.app.token),
        "slack_signing_secret": SecretStr(playground.app.signing_secret),
        "slack_app_token": SecretStr(playground.app.app_token) if socket else None,
        "slack_api_url": playground.api_url,
        "port": 0,
        "database_url": database_url,
        "retrain_min_labels": 1,
    }
    return Settings(_env_file=None, **(values | changes))


@asynccontextmanager
async def make_world(
    database_url: str,
    *,
    socket: bool = False,
    classifier: Classifier | None = None,
    playground: Playground | None = None,
    clock: Clock = utc_now,
    models: ModelControl | None = None,
    next_retraining: Callable[[datetime], datetime | None] | None = None,
    categories: Sequence[CategorySpec] = CATEGORIES,
    **changes: Any,
) -> AsyncIterator[World]:
    """Start a workspace with the bot in it."""
    model = ScriptedClassifier(KEYWORDS)
    playground = playground or Playground(
        channels=[str(category.destination) for category in categories], acceleration=0.01
    )
    async with playground:
        database = Database(database_url)
        try:
            settings = settings_for(playground, database_url, socket=socket, **changes)
            running = running_bot(
                settings,
                database,
                classifier or model,
                categories,
                clock,
                models=models,
                next_retraining=next_retraining,
            )
            async with running as bot:
                if bot.url is not None:
                    playground.app.request_url = bot.url
                else:
                    await playground.wait_for(lambda: playground.socket_count > 0)
                yield World(playground, bot, model, database)
        finally:
            await database.dispose()


def only_staff(world: World) -> None:
    """Let nobody but Anna be in a team's channel."""
    for name in ("team-identity", "team-network", "team-billing"):
        for user in (SAM, LENA):
            world.playground.state.channel(name).members.remove(user)
