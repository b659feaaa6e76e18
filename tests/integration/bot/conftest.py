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


@pytest.fixture(params=["http, postgres", "socket, sqlite"])
def transport_and_database(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Each transport and each database once: neither knows of the other, so two pairs prove what four do."""
    transport, dialect = request.param.split(", ")
    url = request.getfixturevalue("sqlite_url" if dialect == "sqlite" else "migrated_postgres_url")
    return transport, str(url)


@pytest.fixture
async def any_world(transport_and_database: tuple[str, str]) -> AsyncIterator[World]:
    """The bot over both transports and both databases."""
    transport, url = transport_and_database
    async with make_world(url, socket=transport == "socket") as made:
        yield made
