"""Microsoft Teams, through a Workflows webhook."""

from __future__ import annotations

from pydantic import BaseModel, Field, SecretStr

from andon.core.settings.connectors.hook import HookTable


class TeamsTable(HookTable):
    """A table ``[[teams]]`` in ``andon.toml``. The address is that of a workflow, which posts
    to one channel or chat."""


class TeamsSettings(BaseModel, defer_build=True):
    """What is connected of this kind."""

    teams: list[TeamsTable] = Field(
        [],
        max_length=20,
        description="Microsoft Teams, through a Workflows webhook. In `andon.toml`: a table `[[teams]]` for each; see "
        "[connectors](connectors.md#teams).",
    )
    teams_url: SecretStr = Field(
        SecretStr(""), description="Workflow address for each `[[teams]]` table without one of its own."
    )
