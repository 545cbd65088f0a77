"""Microsoft Teams, through a Workflows webhook."""

from __future__ import annotations

from andon.core.settings.connectors.hook import HookTable


class TeamsTable(HookTable):
    """A table ``[[teams]]`` in ``andon.toml``. The address is that of a workflow, which posts
    to one channel or chat."""
