"""All that is kept of one person: to hand it out, and to erase it. Every table is looked at, new ones too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Enum,
    String,
    Table,
    Text,
    cast,
    delete,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from storage.learning_models import PersonTrust
from storage.models import Base, Label, Prediction, Reply, Ticket
from storage.slack_models import CategoryOwner, ChannelMember
from storage.tickets.installations import installations

ERASED = "erased"
"""Stands where a person's id stood."""

_SECRET = re.compile("token|secret|url")
"""Columns that hold what opens something; they are no answer to the question what is known of a person."""

_ABOUT_THEM: tuple[type[PersonTrust | ChannelMember | CategoryOwner], ...] = (
    PersonTrust,
    ChannelMember,
    CategoryOwner,
)
"""Rows that are nothing without the person."""


class PersonalDataRepository:
    """Finds a person's id wherever it stands: in a column, in JSON, in a text that mentions them."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def export(self, *, team_id: str, user_id: str) -> dict[str, Any]:
        """Return what is kept of a person, as plain data for JSON.

        Returns:
            "tickets": what they wrote, with what models said, we posted, and people said of it (without these
            people's ids); and by table the rows that name them.
        """
        tickets = await self._session.scalars(
            select(Ticket)
            .where(Ticket.team_id == team_id, Ticket.user_id == user_id)
            .order_by(Ticket.posted_at, Ticket.id)
        )
        found: dict[str, Any] = {"tickets": [await self._whole(ticket) for ticket in tickets]}
        for table, columns in _tables():
            if table.name == Ticket.__tablename__:
                continue
            rows = [
                _plain(row)
                for row in await self._naming(table, columns, team_id, user_id)
                if any(_names(row[column.name], user_id) for column in columns)
            ]
            if rows:
                found[table.name] = rows
        return found

    async def erase(self, *, team_id: str, user_id: str) -> dict[str, int]:
        """Take a person's id out of every row; their own tickets are to be forgotten before.

        What they said of other people's tickets goes on counting, as the word of nobody in particular; of two
        erased people's words on a ticket the first counts.

        Returns:
            How many rows were changed or deleted, by table.
        """
        counts: dict[str, int] = {}
        for about in _ABOUT_THEM:
            gone = await self._session.execute(
                delete(about)
                .where(about.team_id == team_id, about.user_id == user_id)
                .returning(about.id)
                .execution_options(synchronize_session=False)
            )
            counts[about.__tablename__] = len(gone.all())
        await self._session.execute(
            delete(installations).where(
                installations.c.team_id == team_id, installations.c.user_id == user_id
            )
        )
        await self._withdraw_second_words(team_id, user_id)
        name = _pattern(user_id)
        for table, columns in _tables():
            for row in await self._naming(table, columns, team_id, user_id):
                values = {column.name: _replaced(row[column.name], name) for column in columns}
                changed = {key: value for key, value in values.items() if value != row[key]}
                if changed:
                    await self._session.execute(
                        update(table).where(table.c.id == row["id"]).values(**changed)
                    )
                    counts[table.name] = counts.get(table.name, 0) + 1
        self._session.expunge_all()  # what was read before is read anew
        return {table: count for table, count in counts.items() if count}

    async def _whole(self, ticket: Ticket) -> dict[str, Any]:
        """Return a ticket with all that is about it."""
        about: dict[str, list[dict[str, Any]]] = {}
        for model in (Prediction, Reply, Label):
            rows = await self._session.execute(
                select(model.__table__).where(
                    model.__table__.c.team_id == ticket.team_id, model.__table__.c.ticket_id == ticket.id
                )
            )
            about[str(model.__tablename__)] = [_plain(dict(row)) for row in rows.mappings()]
        for label in about["label"]:
            if label["user_id"] != ticket.user_id:
                label["user_id"] = "another person"
        columns = Ticket.__table__.columns
        return _plain({column.name: getattr(ticket, column.name) for column in columns}) | about

    async def _naming(
        self, table: Table, columns: list[Column[Any]], team_id: str, user_id: str
    ) -> list[dict[str, Any]]:
        """Return the rows of a team in which an id stands, or one that begins with it."""
        there: list[ColumnElement[bool]] = [
            cast(column, Text).contains(user_id, autoescape=True) for column in columns
        ]
        rows = await self._session.execute(select(table).where(table.c.team_id == team_id, or_(*there)))
        return [dict(row) for row in rows.mappings()]

    async def _withdraw_second_words(self, team_id: str, user_id: str) -> None:
        erased = select(Label.ticket_id).where(
            Label.team_id == team_id, Label.user_id == ERASED, Label.withdrawn_at.is_(None)
        )
        await self._session.execute(
            update(Label)
            .where(
                Label.team_id == team_id,
                Label.user_id == user_id,
                Label.withdrawn_at.is_(None),
                Label.ticket_id.in_(erased),
            )
            .values(withdrawn_at=Label.created_at)
            .execution_options(synchronize_session=False)
        )


def _tables() -> Iterator[tuple[Table, list[Column[Any]]]]:
    """Every table of a workspace's rows, with the columns in which a name can stand."""
    for table in Base.metadata.sorted_tables:
        columns = [
            column
            for column in table.columns
            if isinstance(column.type, String | JSON)
            and not isinstance(column.type, Enum)
            and column.name != "team_id"
            and not _SECRET.search(column.name)
        ]
        if "team_id" in table.columns and columns:
            yield table, columns


def _pattern(user_id: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9]){re.escape(user_id)}(?![A-Za-z0-9])")


def _replaced(value: Any, name: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return name.sub(ERASED, value)
    if isinstance(value, list):
        return [_replaced(each, name) for each in value]
    if isinstance(value, dict):
        return {_replaced(key, name): _replaced(each, name) for key, each in value.items()}
    return value


def _names(value: Any, user_id: str) -> bool:
    return bool(value != _replaced(value, _pattern(user_id)))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as JSON can hold it; vectors and what opens something stay out."""
    return {
        key: _json(value)
        for key, value in row.items()
        if not isinstance(value, bytes) and not _SECRET.search(key)
    }


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, dict):
        return _plain(value)
    if isinstance(value, list):
        return [_json(each) for each in value]
    return str(value) if isinstance(value, UUID) else value
