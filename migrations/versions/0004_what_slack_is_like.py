"""What is known of Slack: when to call again, what was read, who is where, which channel an id names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

TIME = sa.DateTime(timezone=True)

ADDED: dict[str, tuple[tuple[str, Any], ...]] = {
    "ticket": (("edited_ts", sa.String()), ("deleted_at", TIME)),
    "category": (("destination_id", sa.String()), ("destination_trouble", sa.String())),
}

TABLES: dict[str, tuple[list[tuple[str, Any, bool]], tuple[str, ...]]] = {
    "slack_turn": ([("key", sa.String(), False), ("next_at", TIME, False)], ("key",)),
    "known_channel": (
        [
            ("channel_id", sa.String(), False),
            ("name", sa.String(), True),
            ("is_private", sa.Boolean(), True),
            ("is_archived", sa.Boolean(), False),
            ("is_member", sa.Boolean(), False),
            ("read_until", sa.String(), True),
            ("updated_at", TIME, False),
        ],
        ("channel_id",),
    ),
    "channel_member": (
        [("channel_id", sa.String(), False), ("user_id", sa.String(), False), ("since", TIME, True)],
        ("channel_id", "user_id"),
    ),
    "category_owner": (
        [
            ("slug", sa.String(), False),
            ("user_id", sa.String(), False),
            ("named_by", sa.String(), False),
            ("created_at", TIME, False),
        ],
        ("slug", "user_id"),
    ),
}
"""Table: its columns beside id and team_id (name, type, whether it may be NULL), and those of its key."""


def upgrade() -> None:
    # SQLite's tables are made again, so that they are the ones that the models would make
    again: Literal["always", "never"] = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    for table, columns in ADDED.items():
        with op.batch_alter_table(table, recreate=again) as batch:
            for name, kind in columns:
                batch.add_column(sa.Column(name, kind, nullable=True))
    for table, (fields, key) in TABLES.items():
        op.create_table(
            table,
            sa.Column("id", sa.Uuid(), nullable=False),
            sa.Column("team_id", sa.String(), nullable=False),
            *(sa.Column(name, kind, nullable=nullable) for name, kind, nullable in fields),
            sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
            sa.UniqueConstraint("team_id", *key, name=op.f(f"uq_{table}_{'_'.join(('team_id', *key))}")),
        )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    for table, columns in ADDED.items():
        with op.batch_alter_table(table) as batch:
            for name, _ in columns:
                batch.drop_column(name)
