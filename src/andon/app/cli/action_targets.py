"""What commands need to propose something for a connected system, beside a running service or without one."""

from __future__ import annotations

from collections.abc import Mapping

from andon.act.connectors.connected import build_connector
from andon.act.connectors.connector import Connector
from andon.act.proposals import Proposals
from andon.core.errors import ActionRefused, ConfigError
from andon.core.settings.settings import Settings


def connectors_for(settings: Settings, target: str) -> Mapping[str, Connector]:
    """The connector of this system by its name; nothing where it is connected no more, or cannot be used."""
    try:
        return proposals_for(settings, target).connectors
    except (ActionRefused, ConfigError):
        return {}


def proposals_for(settings: Settings, target: str) -> Proposals:
    """What checks and renders for this system. Raises ActionRefused where no such one is connected."""
    for named in settings.targets:
        if named.name == target:  # what is wrong with another one's table is no matter here
            return Proposals({target: build_connector(settings, named)}, settings)
    raise _unknown(settings, target)


def demand_connected(settings: Settings, target: str) -> None:
    """Raises ActionRefused where no system of this name is connected."""
    if all(named.name != target for named in settings.targets):
        raise _unknown(settings, target)


def _unknown(settings: Settings, target: str) -> ActionRefused:
    listed = ", ".join(named.name for named in settings.targets)
    if not listed:
        return ActionRefused("no system is connected; docs/connectors.md says how to connect one")
    return ActionRefused(f"no connected system is called {target!r:.60}; there are: {listed}")
