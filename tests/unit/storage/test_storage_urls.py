"""Database URLs, as people write them."""

import pytest

from storage.database import parse_url
from storage.errors import DatabaseUrlInvalid
from storage.settings import StorageSettings


@pytest.mark.parametrize(
    ("written", "driver"),
    [
        ("sqlite:///bot.db", "sqlite+aiosqlite"),
        ("sqlite+aiosqlite:///bot.db", "sqlite+aiosqlite"),
        ("postgres://bot@db/fingerpost", "postgresql+psycopg"),
        ("postgresql://bot@db/fingerpost", "postgresql+psycopg"),
        ("postgresql+psycopg://bot@db/fingerpost", "postgresql+psycopg"),
    ],
)
def test_plain_urls_get_our_drivers(written, driver):
    assert parse_url(written).drivername == driver


@pytest.mark.parametrize(
    "written",
    [
        "",
        "nonsense",
        "mysql://db/x",
        "postgresql+asyncpg://bot:hunter2@db/x",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_other_urls_are_refused_with_an_example_and_without_the_password(written):
    with pytest.raises(DatabaseUrlInvalid, match=r"sqlite:///path/file\.db") as refused:
        parse_url(written)
    assert "hunter2" not in str(refused.value)


def test_the_default_is_a_file_of_our_own(monkeypatch):
    monkeypatch.delenv("FINGERPOST_DATABASE_URL", raising=False)
    assert parse_url(StorageSettings(_env_file=None).database_url).database == ".fingerpost/fingerpost.db"


def test_the_environment_names_the_database(monkeypatch):
    monkeypatch.setenv("FINGERPOST_DATABASE_URL", "sqlite:///other.db")
    assert StorageSettings(_env_file=None).database_url == "sqlite:///other.db"
