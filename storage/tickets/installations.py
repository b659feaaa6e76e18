"""Bolt's own tables (installations, open OAuth states) on our metadata, so that our migrations make them.

Their columns are the SDK's: see slack_sdk/oauth/installation_store/sqlalchemy.
"""

from __future__ import annotations

from slack_sdk.oauth.installation_store.sqlalchemy import SQLAlchemyInstallationStore
from slack_sdk.oauth.state_store.sqlalchemy import SQLAlchemyOAuthStateStore

from storage.models import Base

bots = SQLAlchemyInstallationStore.build_bots_table(Base.metadata, "slack_bots")
installations = SQLAlchemyInstallationStore.build_installations_table(Base.metadata, "slack_installations")
oauth_states = SQLAlchemyOAuthStateStore.build_oauth_states_table(Base.metadata, "slack_oauth_states")
