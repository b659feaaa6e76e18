"""Settings of the storage, for what starts without the bot: migrations, the scheduler. Prefix FINGERPOST_."""

from __future__ import annotations

from pydantic_settings import BaseSettings, SettingsConfigDict


class StorageSettings(BaseSettings):
    """Where the facts are."""

    model_config = SettingsConfigDict(env_prefix="FINGERPOST_", env_file=".env", extra="ignore")

    database_url: str = "sqlite+aiosqlite:///.fingerpost/fingerpost.db"
