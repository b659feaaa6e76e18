"""Bolt's own tables (installations, open OAuth states) on our metadata, so that our migrations make them.

Their columns are the SDK's: see slack_sdk/oauth/installation_store/sqlalchemy.
"""

from __future__ import annotations

from collections.abc import Sequence

from slack_sdk.oauth.installation_store.sqlalchemy import SQLAlchemyInstallationStore
from slack_sdk.oauth.state_store.sqlalchemy import SQLAlchemyOAuthStateStore
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import Base

bots = SQLAlchemyInstallationStore.build_bots_table(Base.metadata, "slack_bots")
installations = SQLAlchemyInstallationStore.build_installations_table(Base.metadata, "slack_installations")
oauth_states = SQLAlchemyOAuthStateStore.build_oauth_states_table(Base.metadata, "slack_oauth_states")


class InstallationRepository:
    """Takes tokens away that Slack no longer takes."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def remove(self, *, team_id: str, user_ids: Sequence[str] | None = None) -> None:
        """Forget a team's installation, or (`user_ids`) only what some people gave us."""
        if user_ids is not None:
            theirs = installations.c.user_id.in_(user_ids)
            await self._session.execute(
                delete(installations).where(installations.c.team_id == team_id, theirs)
            )
            return
        for table in (bots, installations):
            await self._session.execute(delete(table).where(table.c.team_id == team_id))
