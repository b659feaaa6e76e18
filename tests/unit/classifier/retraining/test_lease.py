"""A worker's hold on a run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from classifier.retraining.child_process import RetrainingFailed
from classifier.retraining.lease import Lease
from storage.errors import DatabaseUnavailable
from storage.models import RetrainRun


class Gone:
    """A database that does not answer, and then says that somebody else has the run."""

    def __init__(self) -> None:
        self.asked, self.runs, self.answers = 0, self, False

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[Gone]:
        self.asked += 1
        if not self.answers:
            raise DatabaseUnavailable
        yield self

    async def heartbeat(self, *_: object, **__: object) -> bool:
        return False

    async def commit(self) -> None:
        """Nothing to keep."""


async def test_a_database_that_does_not_answer_ends_no_training_and_a_lost_run_does():
    database = Gone()
    lease = Lease(database, RetrainRun(id=uuid4(), fence=1), timedelta(seconds=30), lambda: datetime.now(UTC))
    for _ in range(3):
        await lease.renew({"fraction": 0.5})
    assert database.asked == 3
    database.answers = True
    with pytest.raises(RetrainingFailed, match="Another trainer took this run over"):
        await lease.renew({})
