"""The learning loop: what is remembered, asked, doubted, judged on, tried and proposed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
TIME = sa.DateTime(timezone=True)

VALUES = {
    ("label", "source"): (("reaction", "button", "menu", "import"), ("question", "review", "categories")),
    ("model_version", "kind"): (("day_one", "fine_tune"), ("head",)),
    ("model_version", "state"): (("candidate", "active", "retired", "refused"), ("shadow",)),
    ("retrain_run", "source"): (("command", "cron", "first_start"), ("labels", "category")),
}
"""(table, column): what a column could be, and what it can be now as well."""

TABLES = (
    "category_proposal",
    "drift_state",
    "gold_ticket",
    "label_review",
    "person_trust",
    "question",
    "shadow_answer",
    "ticket_embedding",
)


def choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def _added() -> dict[str, list[sa.Column[object]]]:
    return {
        "prediction": [sa.Column("remembered_ticket_id", sa.Uuid(), nullable=True)],
        "label": [sa.Column("moved_from", sa.String(), nullable=True)],
        "category": [
            sa.Column("merged_into", sa.String(), nullable=True),
            sa.Column("created_at", TIME, nullable=True),
            sa.Column("created_by", sa.String(), nullable=True),
        ],
        "model_version": [sa.Column("shadow_until", TIME, nullable=True)],
        "retrain_run": [
            sa.Column("cancel_requested_at", TIME, nullable=True),
            sa.Column("cancel_requested_by", sa.String(), nullable=True),
            sa.Column("dry_run", sa.Boolean(), server_default=sa.false(), nullable=False),
            sa.Column("manifest_hash", sa.String(), nullable=True),
        ],
    }


def upgrade() -> None:
    # SQLite's table is made again, so that it is the one that the models would make
    again: Literal["always", "never"] = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    for table, columns in _added().items():
        with op.batch_alter_table(table, recreate=again) as batch:
            for column in columns:
                batch.add_column(column)
    for (changed, name), (before, added) in VALUES.items():
        _allow(changed, name, before + added)
    _memory()
    _review()
    _taxonomy()


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    for (changed, name), (before, _) in VALUES.items():
        _allow(changed, name, before)
    for table, columns in _added().items():
        with op.batch_alter_table(table) as batch:
            for column in columns:
                batch.drop_column(column.name)


def _allow(table: str, column: str, values: tuple[str, ...]) -> None:
    """Change a column's CHECK."""
    named = f"ck_{table}_{column}"
    quoted = ", ".join(f"'{value}'" for value in values)
    with op.batch_alter_table(table) as batch:
        batch.drop_constraint(op.f(named), type_="check")
        batch.create_check_constraint(op.f(named), sa.text(f"{column} IN ({quoted})"))


def _ticket(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["team_id", "ticket_id"],
        ["ticket.team_id", "ticket.id"],
        name=op.f(f"fk_{table}_team_id_ticket_id_ticket"),
        ondelete="CASCADE",
    )


def _keys() -> list[sa.Column[object]]:
    return [sa.Column("id", sa.Uuid(), nullable=False), sa.Column("team_id", sa.String(), nullable=False)]


def _memory() -> None:
    op.create_table(
        "ticket_embedding",
        *_keys(),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("embedding", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        _ticket("ticket_embedding"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_embedding")),
        sa.UniqueConstraint(
            "ticket_id", "model_version", name=op.f("uq_ticket_embedding_ticket_id_model_version")
        ),
    )
    op.create_index("ix_ticket_embedding_model", "ticket_embedding", ["team_id", "model_version"])
    op.create_table(
        "gold_ticket",
        *_keys(),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("category", sa.String(), nullable=True),
        sa.Column("added_by", sa.String(), nullable=False),
        sa.Column("added_at", TIME, nullable=False),
        _ticket("gold_ticket"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gold_ticket")),
        sa.UniqueConstraint("ticket_id", name=op.f("uq_gold_ticket_ticket_id")),
    )
    op.create_table(
        "shadow_answer",
        *_keys(),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("out_of_scope", sa.Double(), nullable=False),
        sa.Column("agrees", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        _ticket("shadow_answer"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shadow_answer")),
        sa.UniqueConstraint(
            "ticket_id", "model_version", name=op.f("uq_shadow_answer_ticket_id_model_version")
        ),
    )
    op.create_index("ix_shadow_answer_model", "shadow_answer", ["team_id", "model_version"])


def _review() -> None:
    op.create_table(
        "label_review",
        *_keys(),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("given", sa.String(), nullable=True),
        sa.Column("suggested", sa.String(), nullable=True),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("state", choice("state", "open", "kept", "changed"), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("settled_at", TIME, nullable=True),
        sa.Column("settled_by", sa.String(), nullable=True),
        _ticket("label_review"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_review")),
    )
    op.create_index(
        "uq_label_review_open",
        "label_review",
        ["team_id", "ticket_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "person_trust",
        *_keys(),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("judged", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column("capped", sa.Boolean(), nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_trust")),
        sa.UniqueConstraint("team_id", "user_id", name=op.f("uq_person_trust_team_id_user_id")),
    )
    op.create_table(
        "question",
        *_keys(),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("channel_id", sa.String(), nullable=False),
        sa.Column("gain", sa.Double(), nullable=False),
        sa.Column("state", choice("state", "posted", "answered"), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("answered_at", TIME, nullable=True),
        _ticket("question"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question")),
        sa.UniqueConstraint("team_id", "day", "slot", name=op.f("uq_question_team_id_day_slot")),
        sa.UniqueConstraint("ticket_id", name=op.f("uq_question_ticket_id")),
    )


def _taxonomy() -> None:
    op.create_table(
        "category_proposal",
        *_keys(),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("words", JSON, nullable=False),
        sa.Column("ticket_ids", JSON, nullable=False),
        sa.Column("state", choice("state", "open", "accepted", "dismissed"), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("settled_at", TIME, nullable=True),
        sa.Column("settled_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_category_proposal")),
        sa.UniqueConstraint("team_id", "key", name=op.f("uq_category_proposal_team_id_key")),
    )
    op.create_table(
        "drift_state",
        *_keys(),
        sa.Column("signal", sa.String(), nullable=False),
        sa.Column("state", JSON, nullable=False),
        sa.Column("seen_until", TIME, nullable=True),
        sa.Column("alerted_at", TIME, nullable=True),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drift_state")),
        sa.UniqueConstraint("team_id", "signal", name=op.f("uq_drift_state_team_id_signal")),
    )
