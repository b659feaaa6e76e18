"""Settings of the bot, read once by the composition root. Prefix FINGERPOST_."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.question_plan import QuestionPlan, working_hours, zone_of

HOME = Path(".fingerpost")


class Settings(BaseSettings):
    """Everything an operator can set; docs/operating.md explains each line."""

    model_config = SettingsConfigDict(
        env_prefix="FINGERPOST_", env_file=".env", env_ignore_empty=True, extra="ignore"
    )

    slack_bot_token: SecretStr | None = None
    slack_signing_secret: SecretStr | None = None
    slack_app_token: SecretStr | None = None
    slack_api_url: str = "https://slack.com/api/"
    mode: Literal["auto", "http", "socket"] = "auto"
    host: str = "127.0.0.1"
    port: int = Field(3000, ge=0, le=65535)

    database_url: str = f"sqlite+aiosqlite:///{HOME}/fingerpost.db"

    classifier_url: str | None = None
    classifier_token: SecretStr | None = None
    classifier_timeout: float = Field(10.0, gt=0)

    support_channels: Annotated[tuple[str, ...], NoDecode] = ()
    admins: Annotated[tuple[str, ...], NoDecode] = ()
    accept_apps: Annotated[tuple[str, ...], NoDecode] = ()
    backfill_hours: float = Field(24, ge=0, le=24 * 30)

    out_of_scope_threshold: float = Field(0.5, ge=0, le=1)
    inbox_workers: int = Field(4, ge=1, le=64)

    retrain_cron: str = "0 3 * * *"
    retrain_timezone: str = "UTC"
    retrain_min_labels: int = Field(5, ge=1)
    retrain_after_labels: int = Field(50, ge=0)

    questions_per_day: int = Field(5, ge=0, le=100)
    question_hours: str = "9-17"
    timezone: str = "UTC"
    admin_channel: str | None = None

    retention_days: int = Field(0, ge=0, le=36500)

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_json: bool = False

    @field_validator("support_channels", "admins", "accept_apps", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """Let an environment variable hold a comma-separated list."""
        if isinstance(value, str):
            return tuple(part.strip().lstrip("#") for part in value.split(",") if part.strip())
        return value

    @field_validator("question_hours")
    @classmethod
    def _hours(cls, value: str) -> str:
        working_hours(value)
        return value

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        zone_of(value)
        return value

    def question_plan(self) -> QuestionPlan:
        """Return how much the bot may ask by itself, and when."""
        return QuestionPlan(
            self.questions_per_day, working_hours(self.question_hours), zone_of(self.timezone)
        )

    @property
    def socket_mode(self) -> bool:
        """Whether events come over a web socket (an app-level token is set) or over HTTP."""
        return self.mode == "socket" or (self.mode == "auto" and self.slack_app_token is not None)

    def missing(self) -> list[str]:
        """Name the settings without which the bot cannot talk to Slack."""
        needed: dict[str, SecretStr | None] = {"FINGERPOST_SLACK_BOT_TOKEN": self.slack_bot_token}
        if self.socket_mode:
            needed["FINGERPOST_SLACK_APP_TOKEN"] = self.slack_app_token
        else:
            needed["FINGERPOST_SLACK_SIGNING_SECRET"] = self.slack_signing_secret
        return [name for name, value in needed.items() if value is None or not value.get_secret_value()]
