"""The bot in a playground: over HTTP or Socket Mode, on SQLite and Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.factories.world import World, make_world


@pytest.fixture
async def world(sqlite_url: str) -> AsyncIterator[World]:
    """The bot over HTTP on SQLite."""
    async with make_world(sqlite_url) as made:
        yield made


@pytest.fixture(params=["http", "socket"])
async def any_world(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[World]:
    """The bot over both transports and both databases."""
    async with make_world(database_url, socket=request.param == "socket") as made:
        yield made
