"""Shadow time: a challenger that passed the gate answers silently for some hours before it goes live.

It reads the tickets that the present model has answered, in this process and not where people wait, and what
it says is kept beside. Where people labelled tickets about which the models differ, those decide: one that is
surely wrong more often there does not go live. One whose parent answers no more does not either: an admin
went back meanwhile, or a new category came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import structlog

from classifier.calibration.statistics import mcnemar_worse
from classifier.contract import ClassifierError, Prediction
from classifier.model.registry import Registry
from classifier.retraining.version_records import mirror
from classifier.settings import ClassifierSettings
from storage.database import Database
from storage.models import ModelState, ModelVersion
from storage.training.shadows import Silent, Unanswered

if TYPE_CHECKING:
    from classifier.serving.engine import LocalClassifier

POLL_SECONDS = 30.0
SURE = 0.05
"""p-value below which a challenger counts as wrong more often: as in the gate."""
_AT_ONCE = 64
"""Tickets a transaction."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ShadowResult:
    """What came of a shadow time.

    Attributes:
        answered: tickets that the challenger answered.
        differ: of these, those about which the models differ.
        judged: of these, those that people labelled.
        right_before: of these, those that the present model has right.
        right_now: the same of the challenger.
        p_worse: how likely so much worse a challenger is by chance.
    """

    answered: int
    differ: int
    judged: int
    right_before: int
    right_now: int
    p_worse: float


class ShadowTime:
    """Lets challengers answer silently, and ends their time.

    Any number may run: an answer is kept once, and one of them ends a shadow time.

    Args:
        database: holds tickets, answers and versions.
        registry: where the models are.
        settings: how to run them.
        clock: the time.
        poll_seconds: between two looks.
    """

    def __init__(
        self,
        database: Database,
        registry: Registry,
        settings: ClassifierSettings,
        clock: Callable[[], datetime],
        *,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._database = database
        self._registry = registry
        self._settings = settings
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._engines: dict[str, LocalClassifier] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        try:
            while True:
                try:
                    await self.look()
                except Exception:  # the one error boundary of this loop
                    log.exception("shadow_failed")
                await asyncio.sleep(self._poll_seconds)
        finally:
            await self.close()

    async def look(self) -> None:
        """Let every challenger answer what is new, and end the time of those whose time is over."""
        await mirror(self._database, self._registry, self._clock())  # one that is live is silent no more
        async with self._database.reader() as work:
            shadows = await work.shadows.current()
        await self._let_go({shadow.version for shadow in shadows})
        for shadow in shadows:
            if self._registry.active() not in (shadow.parent, shadow.version):
                await self._end(shadow, ModelState.CANDIDATE, "Another model answers by now.", None)
                continue
            try:
                await self._answer(shadow)
            except ClassifierError as error:
                await self._end(shadow, ModelState.REFUSED, f"It cannot answer: {error}", None)
                continue
            if shadow.shadow_until and self._clock() >= shadow.shadow_until:
                await self._conclude(shadow)

    async def close(self) -> None:
        """End the models' threads."""
        await self._let_go(set())

    async def _answer(self, shadow: ModelVersion) -> None:
        while True:
            async with self._database.reader() as work:
                waiting = await work.shadows.unanswered(
                    team_id=shadow.team_id, version=shadow.version, since=shadow.created_at, limit=_AT_ONCE
                )
            if not waiting:
                return
            said = await (await self._engine(shadow.version)).classify([ticket.text for ticket in waiting])
            answers = [_silent(ticket, answer) for ticket, answer in zip(waiting, said, strict=True)]
            async with self._database.unit_of_work() as work:
                await work.shadows.record(
                    team_id=shadow.team_id, version=shadow.version, answers=answers, now=self._clock()
                )
                await work.commit()

    async def _engine(self, version: str) -> LocalClassifier:
        """The challenger, loaded when the first message comes; on one core, because nobody waits for it."""
        from classifier.serving.engine import LocalClassifier  # noqa: PLC0415 - most schedulers never need it

        if version not in self._engines:
            settings = replace(self._settings.engine_settings(), threads=1)
            self._engines[version] = await LocalClassifier.open(self._registry.path(version), settings)
        return self._engines[version]

    async def _let_go(self, stay: set[str]) -> None:
        for version in sorted(set(self._engines) - stay):
            await self._engines.pop(version).close()

    async def _conclude(self, shadow: ModelVersion) -> None:
        found = await self._compare(shadow)
        if found.p_worse < SURE:
            wrong = found.judged - found.right_now, found.judged - found.right_before
            reason = (
                f"Of the {found.judged} messages that it judged otherwise and people labelled it has "
                f"{wrong[0]} wrong, the present model {wrong[1]}."
            )
            await self._end(shadow, ModelState.REFUSED, reason, found)
            return
        # what is told is written first: the database follows the registry also where this process dies
        if await self._end(shadow, ModelState.ACTIVE, "", found):
            await asyncio.to_thread(self._registry.activate, shadow.version)
            await mirror(self._database, self._registry, self._clock())

    async def _compare(self, shadow: ModelVersion) -> ShadowResult:
        team_id = shadow.team_id
        async with self._database.reader() as work:
            answered, differ = await work.shadows.counts(team_id=team_id, version=shadow.version)
            differences = await work.shadows.differences(team_id=team_id, version=shadow.version)
            right = await work.labels.settled(team_id=team_id)
        judged = [each for each in differences if each.ticket.id in right]
        before = np.array([each.said == right[each.ticket.id] for each in judged], dtype=bool)
        now = np.array([each.challenger == right[each.ticket.id] for each in judged], dtype=bool)
        p_worse = mcnemar_worse(before, now)
        return ShadowResult(answered, differ, len(judged), int(before.sum()), int(now.sum()), p_worse)

    async def _end(
        self, shadow: ModelVersion, state: ModelState, reason: str, found: ShadowResult | None
    ) -> bool:
        """Write down how it ended; False where somebody else did."""
        result = {
            "state": str(state),
            "reason": reason,
            "ended_at": self._clock().isoformat(),
            "told": False,
            **(asdict(found) if found is not None else {}),
        }
        async with self._database.unit_of_work() as work:
            ours = await work.shadows.end(
                team_id=shadow.team_id,
                version=shadow.version,
                state=ModelState.SHADOW if state is ModelState.ACTIVE else state,
                result=result,
            )
            await work.commit()
        if ours:
            log.info("shadow_ended", team=shadow.team_id, version=shadow.version, state=str(state))
        return ours


def _silent(ticket: Unanswered, answer: Prediction) -> Silent:
    return Silent(
        ticket_id=ticket.ticket_id,
        category=answer.category,
        confidence=answer.confidence,
        out_of_scope=answer.out_of_scope,
        agrees=answer.category == ticket.said,
    )
