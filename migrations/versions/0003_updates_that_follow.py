"""An update for changed categories waits for the run that is under way, and its asker is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    # SQLite's table is made again, so that it is the one that the models would make
    again: Literal["always", "never"] = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("retrain_run", recreate=again) as batch:
        batch.add_column(sa.Column("response_url", sa.String(), nullable=True))
        batch.add_column(sa.Column("follow_up", JSON, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("retrain_run") as batch:
        batch.drop_column("follow_up")
        batch.drop_column("response_url")
